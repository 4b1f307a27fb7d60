"""``manage.py rxsse_replay``: a topic's state as its log tells it, and whether the serializer agrees."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rxsse import runtime
from rxsse.caches.base import BaseCache
from rxsse.exceptions import DeriveError, Gone, PatchError, Unavailable
from rxsse.inside.log import NotKept, compare, find_topic, replay
from rxsse.management.commands.rxsse_log import add_topic, cursor
from rxsse.messages import Topic


class Command(BaseCommand):
    help = "Rebuilds a topic's state from its checkpoint and patches; with --compare, checks it against the serializer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_topic(parser)
        parser.add_argument("--at", type=cursor, help="the state at this cursor (default: at the log's head)")
        parser.add_argument(
            "--compare",
            action="store_true",
            help="print no state, but what leads from it to what the serializer returns now; fails if there is any",
        )
        parser.add_argument("--wait", type=float, default=10.0, help="seconds a difference must last (default: 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["compare"] and options["at"]:
            raise CommandError("--compare looks at the log's head, as the database tells no earlier state; drop --at")
        cache = runtime.current().cache
        try:
            topic = find_topic(options["topic"], options["user"])
            if options["compare"]:
                self._compare(cache, topic, options["wait"])
            else:
                at, state = replay(cache, topic, options["at"])
                self.stdout.write(json.dumps({"cursor": str(at), "state": state}, ensure_ascii=False))
        except (NotKept, Unavailable, PatchError, DeriveError, Gone) as error:
            raise CommandError(str(error)) from error

    def _compare(self, cache: BaseCache, topic: Topic, seconds: float) -> None:
        found = compare(cache, topic, seconds)
        if found.operations:
            for operation in found.operations:
                self.stdout.write(json.dumps(operation, ensure_ascii=False))
            raise CommandError(f"{topic.name} differs from the {found.by} at {found.cursor}")
        self.stdout.write(f"{topic.name} agrees with the {found.by} at {found.cursor}")

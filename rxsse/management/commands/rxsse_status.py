"""``manage.py rxsse_status``: which topics are hot, who owns them, where they stand, who reads them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rxsse import runtime
from rxsse.inside.status import LIMIT, status


class Command(BaseCommand):
    help = "Shows what is served at present: processes, hot topics, their owners, heads, subscribers and lag."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print everything, for programs")
        parser.add_argument("--limit", type=int, default=LIMIT, help=f"topics to show (default: {LIMIT})")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError(f"--limit is {options['limit']}; give a positive number")
        found = status(runtime.current(), options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps(found))
        else:
            self._print(found)
        if found["troubles"]:
            raise CommandError("; ".join(found["troubles"]))

    def _print(self, found: dict[str, Any]) -> None:
        if not found["shared"]["processes"]:
            self.stdout.write(
                "Without RXSSE['REDIS_URL'] a process knows only itself, and this one serves nothing: ask the serving "
                "process by URL (docs/operations.md)."
            )
        self.stdout.write(f"{len(found['processes'])} processes, {len(found['topics'])} topics")
        for process in found["processes"]:
            where = f"{process['host']}:{process['pid']}"
            self.stdout.write(
                f"  {process['process']}  {where}  {process['streams']} streams  {process['hot']} hot topics"
            )
        for topic in found["topics"]:
            self._print_topic(topic)

    def _print_topic(self, topic: dict[str, Any]) -> None:
        notes = ["STALE"] if topic["stale"] else []
        notes += [f"lag {topic['lag']}"] if topic["lag"] else []
        notes += [f"behind {topic['behind']}"] if topic["behind"] else []
        head = topic["head"] or "-"
        subscribers = topic["subscribers"]
        told = "  ".join([f"{subscribers} subscribers", f"owner {topic['owner'] or '-'}", f"head {head}", *notes])
        self.stdout.write(f"{topic['topic']}\n  {told}")

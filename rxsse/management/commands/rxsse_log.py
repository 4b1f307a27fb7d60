"""``manage.py rxsse_log``: the patches that a topic's log keeps."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rxsse import runtime
from rxsse.cursors import Cursor
from rxsse.exceptions import CursorError, Unavailable
from rxsse.inside.log import NotKept, find_topic, log


class Command(BaseCommand):
    help = "Prints the patches of a topic's log, oldest first: a cursor and its JSON Patch per line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_topic(parser)
        parser.add_argument("--since", type=cursor, help="print what follows this cursor (default: all that is kept)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            topic = find_topic(options["topic"], options["user"])
            for at, patch in log(runtime.current().cache, topic, options["since"]):
                self.stdout.write(f"{at} {patch.decode()}")
        except (NotKept, Unavailable) as error:
            raise CommandError(str(error)) from error


def add_topic(parser: ArgumentParser) -> None:
    """The arguments of `find_topic`."""
    parser.add_argument("topic", help="a topic's name, as rxsse_status shows it, or a channel's path")
    parser.add_argument("--user", help="the reader's key, where a path is given and each reader has a topic")


def cursor(text: str) -> Cursor:
    """As an argument's type: ``epoch.revision``."""
    try:
        return Cursor.parse(text)
    except CursorError as error:
        raise ValueError(str(error)) from error

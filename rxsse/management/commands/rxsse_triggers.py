"""``manage.py rxsse_triggers``: makes, removes or checks the triggers that note what the ORM never sees."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from rxsse import triggers
from rxsse.feeds import tables


class Command(BaseCommand):
    help = "Makes, removes or checks the triggers by which the outbox hears of writes that bypass the ORM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("create", "remove", "check"))
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, choices=tuple(connections))

    def handle(self, *args: Any, **options: Any) -> None:
        alias = options["database"]
        try:
            getattr(self, f"_{options['action']}")(alias)
        except NotImplementedError as raised:
            raise CommandError(str(raised)) from raised

    def _create(self, alias: str) -> None:
        if not tables.exist(connections[alias]):
            raise CommandError(
                f"The database {alias!r} has no outbox that triggers could write to; run `migrate` first."
            )
        self._say(triggers.create(alias), "made right on")

    def _remove(self, alias: str) -> None:
        self._say(triggers.remove(alias), "removed from")

    def _check(self, alias: str) -> None:
        difference = triggers.compare(alias)
        if difference:
            found = "; ".join(f"{kind} on {', '.join(names)}" for kind, names in difference._asdict().items() if names)
            raise CommandError(
                f"The triggers of {alias!r} are not as they should be: {found}. Run `rxsse_triggers create`."
            )
        self.stdout.write(f"The triggers of {alias!r} are as they should be.")

    def _say(self, names: list[str], what: str) -> None:
        self.stdout.write(f"Triggers were {what} {', '.join(names)}." if names else "There was nothing to do.")

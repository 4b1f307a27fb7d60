"""``manage.py runserver --makefrontend``: the server that is installed, and fresh TypeScript at every (re)load.

For Django to find this one, rxsse stands above whichever app brings a ``runserver`` of its own in INSTALLED_APPS.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import CommandError, call_command, find_commands, load_command_class
from django.utils import autoreload


def installed() -> Any:
    """The command that would run without rxsse: the first other app's (staticfiles, daphne, …), else Django's own."""
    for config in apps.get_app_configs():
        if config.name != "rxsse" and "runserver" in find_commands(str(Path(config.path, "management"))):
            return type(load_command_class(config.name, "runserver"))
    return type(load_command_class("django.core", "runserver"))


class Command(installed()):  # type: ignore[misc]
    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--makefrontend",
            action="store_true",
            help="Write the TypeScript client whenever the server (re)loads, as makefrontend does.",
        )

    def inner_run(self, *args: Any, **options: Any) -> None:
        # What went wrong at import belongs first: without the models there is nothing to generate from.
        autoreload.raise_last_exception()
        if options["makefrontend"]:
            self._makefrontend()
        super().inner_run(*args, **options)

    def _makefrontend(self) -> None:
        try:
            call_command("makefrontend", stdout=self.stdout, stderr=self.stderr)
        except CommandError as raised:
            self.stderr.write(self.style.ERROR(f"makefrontend: {raised}"))
        except Exception as raised:
            # A serializer that can't be built, say. The server goes on: the code is being worked on beside it.
            self.stderr.write(self.style.ERROR(f"makefrontend: {type(raised).__name__}: {raised}"))

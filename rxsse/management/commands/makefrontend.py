"""``manage.py makefrontend``: writes the TypeScript client into ``RXSSE["FRONTEND_DIR"]``, or checks it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.management.base import BaseCommand, CommandError

from rxsse.codegen.files import File, State, compare
from rxsse.codegen.project import Output, generate
from rxsse.conf import get_settings
from rxsse.exceptions import DeclarationError


class Command(BaseCommand):
    help = "Writes an interface per serializer and a class per channel, in TypeScript, into RXSSE['FRONTEND_DIR']."
    requires_system_checks = ["rxsse"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app", nargs="*", help="Labels of apps; all of them where none is given.")
        parser.add_argument(
            "--check", action="store_true", help="Write nothing; exit 1 with a diff if anything differs."
        )
        parser.add_argument("--dry-run", action="store_true", help="Write nothing; say what would be written.")
        parser.add_argument("--force", action="store_true", help="Write over files that were edited by hand, too.")
        parser.add_argument("--quiet", action="store_true", help="Say nothing but warnings and errors.")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = frontend_dir()
        try:
            output = generate()
        except DeclarationError as raised:
            raise CommandError(f"{raised} (manage.py check says more)") from raised
        for warning in output.report.warnings:
            self.stderr.write(self.style.WARNING(f"warning: {warning}"))
        labels = set(options["app"]) or None
        try:
            files = compare(folder, _texts(output, labels), labels)
            changed = [file for file in files if file.state is not State.SAME]
            if options["check"]:
                self._check(changed)
            else:
                self._write(folder, changed, options)
        except OSError as raised:
            raise CommandError(f"{folder} can't be read or written: {raised}") from raised
        if not changed and not options["quiet"]:
            self.stdout.write(f"{len(files)} files are up to date in {folder}")

    def _check(self, changed: list[File]) -> None:
        for file in changed:
            self.stdout.writelines(file.diff())
        if changed:
            raise CommandError(f"{_count(changed)} not up to date; run `manage.py makefrontend`", returncode=1)

    def _write(self, folder: Path, changed: list[File], options: dict[str, Any]) -> None:
        edited = [file.path.name for file in changed if file.state is State.FOREIGN]
        if edited and not options["force"]:
            raise CommandError(
                f"{', '.join(edited)} in {folder} was edited or not generated at all, so nothing is written; "
                "move your own code to another file, or give --force to lose it"
            )
        for file in changed:
            if not options["dry_run"]:
                file.write()
            if not options["quiet"]:
                done = "removed" if file.wanted is None else "written"
                self.stdout.write(f"{'would be ' if options['dry_run'] else ''}{done}: {file.path}")


def frontend_dir() -> Path:
    """Where the files go; a relative path begins at ``BASE_DIR``."""
    try:
        folder = get_settings().FRONTEND_DIR
    except DeclarationError as raised:
        raise CommandError(str(raised)) from raised
    if folder is None:
        raise CommandError(
            "RXSSE['FRONTEND_DIR'] is not set; name a folder, as in BASE_DIR / 'frontend' / 'src' / 'rx'"
        )
    return Path(getattr(django_settings, "BASE_DIR", ""), folder)


def _texts(output: Output, labels: set[str] | None) -> dict[str, str]:
    """The files of the named apps, and those that they import; all where none is named."""
    if labels is None:
        return output.texts
    known = {config.label for config in apps.get_app_configs()} | output.needs.keys()
    for label in sorted(labels - known):
        raise CommandError(f"{label!r} is the label of no installed app; known are {', '.join(sorted(known))}")
    needed = {name for label in labels for name in output.needs.get(label, ())}
    return {name: text for name, text in output.texts.items() if name in needed}


def _count(files: list[File]) -> str:
    names = ", ".join(file.path.name for file in files)
    return f"{names} {'is' if len(files) == 1 else 'are'}"

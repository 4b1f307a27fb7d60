"""Checks the outbox and its triggers, as they are in each database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core import checks
from django.db import connections
from django.db.utils import Error

from rxsse import triggers
from rxsse.checks.words import TAG, Messages, error, valid_settings
from rxsse.feeds import tables


@checks.register(TAG, deploy=True)
def check_outbox(databases: Sequence[str] | None = None, **_: Any) -> Messages:
    """E018 to E020: the outbox's tables, and the triggers that write into it."""
    settings = valid_settings()
    if settings is None:
        return []
    if settings.TRIGGERS and not settings.OUTBOX:
        hint = "Set RXSSE['OUTBOX'] as well, or take RXSSE['TRIGGERS'] away."
        return [error("E020", "RXSSE['TRIGGERS'] is set without RXSSE['OUTBOX']: nobody reads what they write.", hint)]
    if not settings.OUTBOX:
        return []
    aliases = [alias for alias in tables.aliases() if databases is None or alias in databases]
    return [message for alias in aliases for message in _check(alias, settings.TRIGGERS)]


def _check(alias: str, wants_triggers: bool) -> Iterable[checks.CheckMessage]:
    try:
        if not tables.exist(connections[alias]):
            problem = f"RXSSE['OUTBOX'] is set, but the database {alias!r} has no table {tables.OUTBOX}."
            hint = f"Run `manage.py migrate rxsse --database {alias}`, or exclude it by a router's allow_migrate()."
            return [error("E018", problem, hint)]
        if connections[alias].vendor in triggers.VENDORS and (wants_triggers or triggers.installed(alias)):
            difference = triggers.compare(alias)
            if difference:
                kinds = "; ".join(
                    f"{kind}: {', '.join(names)}" for kind, names in difference._asdict().items() if names
                )
                problem = f"The triggers of {alias!r} are not those that its models need ({kinds})."
                return [error("E019", problem, f"Run `manage.py rxsse_triggers create --database {alias}`.")]
    except Error as raised:
        problem = f"The outbox in the database {alias!r} can't be looked at: {type(raised).__name__}."
        return [error("E018", problem, "Start the database, or correct DATABASES.")]
    return []

"""Checks what ``makefrontend`` is told; generates nothing."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.management import get_commands

from rxsse.checks.words import TAG, Messages, error, valid_settings, warning


@checks.register(TAG)
def check_frontend(**_: Any) -> Messages:
    """E016 and W006, where a front end is generated at all."""
    settings = valid_settings()
    if settings is None or settings.FRONTEND_DIR is None:
        return []
    messages: Messages = []
    prefix = settings.FRONTEND_PREFIX
    if prefix is not None and not prefix.startswith("/"):
        problem = f"RXSSE['FRONTEND_PREFIX'] is {prefix!r}, which is no path from the root."
        hint = "Begin it with a slash, as in '/backend'; another origin is the client's baseUrl."
        messages.append(error("E016", problem, hint))
    first = get_commands().get("runserver")
    if first != "rxsse":
        problem = f"runserver has no --makefrontend: {first} comes before rxsse in INSTALLED_APPS."
        messages.append(warning("W006", problem, f"Put 'rxsse' above {first!r}; its server is used all the same."))
    return messages

"""What every check is made of; knows no channel and no setting by name."""

from __future__ import annotations

from typing import Any

from django.core import checks

from rxsse.conf import Settings, get_settings
from rxsse.exceptions import DeclarationError

Messages = list[checks.CheckMessage]

TAG = "rxsse"


def valid_settings() -> Settings | None:
    """The settings; None where they are wrong, which E001 says."""
    try:
        return get_settings()
    except DeclarationError:
        return None


def error(number: str, problem: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    return checks.Error(problem, hint=hint, obj=obj, id=f"rxsse.{number}")


def warning(number: str, problem: str, hint: str, obj: Any = None) -> checks.CheckMessage:
    return checks.Warning(problem, hint=hint, obj=obj, id=f"rxsse.{number}")


def split(raised: DeclarationError) -> tuple[str, str]:
    """Problem and hint: a declaration's error says what is wrong and, after a semicolon, what to do."""
    problem, _, hint = str(raised).partition("; ")
    return f"{problem}.", f"{hint[:1].upper()}{hint[1:]}." if hint else ""

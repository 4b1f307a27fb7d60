"""Checks ``settings.RXSSE`` as it is written; asks no server."""

from __future__ import annotations

import warnings
from typing import Any

from django.core import checks

from rxsse.checks.words import TAG, Messages, error, split
from rxsse.conf import get_settings
from rxsse.exceptions import DeclarationError
from rxsse.inside.measuring import missing


@checks.register(TAG)
def check_settings(**_: Any) -> Messages:
    """E001 to E003, E030 and E041: ``settings.RXSSE`` as a whole, the URLs in it, and the packages that it needs."""
    try:
        settings = get_settings()
    except DeclarationError as raised:
        return [error("E001", *split(raised))]
    lacking = [
        error(
            "E030",
            f"RXSSE[{key!r}] is set, but the package {package} is not installed.",
            "Install rxsse[metrics], or take the setting away.",
        )
        for key, package in missing(settings)
    ]
    return (
        lacking
        + _grip_errors(settings.GRIP_URL)
        + [
            error(
                number,
                f"RXSSE[{key!r}] can't be parsed: {reason}",
                f"Write it as in {example}; characters of a password other than letters and digits are "
                "percent-encoded.",
            )
            for number, key, example, reason in (
                ("E002", "REDIS_URL", "redis://user:password@127.0.0.1:6379/0", redis_problem(settings.REDIS_URL)),
                (
                    "E003",
                    "MONGO_URL",
                    "mongodb://user:password@127.0.0.1:27017/rxsse",
                    mongo_problem(settings.MONGO_URL),
                ),
            )
            if reason
        ]
    )


def _grip_errors(urls: str | None) -> Messages:
    """E041: what can't be read of ``GRIP_URL``."""
    if urls is None:
        return []
    from rxsse.grip.proxies import configs_of

    try:
        configs_of(urls)
    except ValueError:  # its text may quote the key
        hint = "Write it as in http://127.0.0.1:5561/?verify-key=SECRET; several are separated by spaces."
        return [error("E041", "RXSSE['GRIP_URL'] can't be read: one of its parts is no URL of a control port.", hint)]
    return []


def redis_problem(url: str | None) -> str:
    """What redis-py finds wrong with ``url``; nothing where it can read it."""
    from redis.connection import parse_url

    try:
        if url is not None:
            parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError as raised:
        return _without_secrets(url, raised)
    return ""


def mongo_problem(url: str | None) -> str:
    """What pymongo finds wrong with ``url``; nothing where it can read it."""
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    if url is None:
        return ""
    # With +srv the parser would ask a name server; the rest of the form is the same.
    plain = url.replace("mongodb+srv://", "mongodb://", 1) if url.startswith("mongodb+srv://") else url
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse_uri(plain, warn=True)
    except (PyMongoError, ValueError, TypeError) as raised:
        return _without_secrets(url, raised)
    return ""


def _without_secrets(url: str | None, raised: Exception) -> str:
    # The parsers quote what they could not read, which may be a part of the password.
    return type(raised).__name__ if "@" in (url or "") else str(raised)

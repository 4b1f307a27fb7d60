"""Checks ``settings.RXSSE`` as it is written; asks no server."""

from __future__ import annotations

import warnings
from typing import Any

from django.core import checks
from rest_framework.settings import api_settings

from rxsse.checks.words import TAG, Messages, error, split, valid_settings, warning
from rxsse.conf import get_settings
from rxsse.exceptions import DeclarationError
from rxsse.inside.measuring import missing


@checks.register(TAG)
def check_settings(**_: Any) -> Messages:
    """E001 to E003, E030 and E050: ``settings.RXSSE`` as a whole, the URLs in it, and the packages that it needs."""
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
    """E050: what can't be read of ``GRIP_URL``."""
    if urls is None:
        return []
    from rxsse.grip.proxies import configs_of

    try:
        configs_of(urls)
    except ValueError:  # its text may quote the key
        hint = "Write it as in http://127.0.0.1:5561/?verify-key=SECRET; several are separated by spaces."
        return [error("E050", "RXSSE['GRIP_URL'] can't be read: one of its parts is no URL of a control port.", hint)]
    return []


@checks.register(TAG, deploy=True)
def check_addresses(**_: Any) -> Messages:
    """W007: what counts by address, although DRF takes an address to be what a client says it is."""
    settings = valid_settings()
    if settings is None or api_settings.NUM_PROXIES is not None:
        return []
    limits = {
        "STREAMS_PER_ADDRESS": settings.STREAMS_PER_ADDRESS,
        "REFUSALS_PER_ADDRESS": settings.REFUSALS_PER_ADDRESS,
    }
    keys = " and ".join(f"RXSSE[{key!r}]" for key, value in limits.items() if value is not None)
    if not keys:
        return []
    problem = (
        f"REST_FRAMEWORK['NUM_PROXIES'] is not set, so whoever writes an X-Forwarded-For of his own evades {keys}."
    )
    hint = "Set it to the number of proxies in front of this server: 0 where clients reach it directly."
    return [warning("W007", problem, hint)]


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

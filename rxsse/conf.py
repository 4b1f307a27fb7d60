"""Reads ``settings.RXSSE``, the one place where rxsse meets Django's settings.

Every limit says here why it is what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import inf
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from rxsse.exceptions import DeclarationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The values of ``settings.RXSSE``; each field is a key of that dict and has its default."""

    REDIS_URL: str | None = None
    """Feed and fan-out between processes. None: this process only."""

    MONGO_URL: str | None = None
    """Checkpoints and patch logs shared by processes; the path names the database. None: in memory."""

    OUTBOX: bool = False
    """Announce in a table, within the transaction itself: nothing gets lost, and other processes need no Redis."""

    OUTBOX_POLL_SECONDS: float = 0.1
    """Seconds between two looks at the outbox if nothing wakes its reader; an idle one costs one indexed query."""

    TRIGGERS: bool = False
    """Have ``migrate`` keep triggers that write into the outbox what the ORM never sees (PostgreSQL, SQLite)."""

    PREFIX: str = "rxsse"
    """Begins every Redis key and Mongo collection, so that two installations can share a server."""

    BASE_URL: str | None = None
    """Origin for absolute URLs in states ("https://example.org"): a state can't depend on a reader's Host header."""

    FRONTEND_DIR: str | Path | None = None
    """The folder into which ``makefrontend`` writes TypeScript; it may hold other files as well."""

    FRONTEND_PREFIX: str | None = None
    """Begins the path of every generated channel ("/backend"). None: where Django is mounted (FORCE_SCRIPT_NAME)."""

    ANNOUNCE_TIMEOUT: float = 0.25
    """Seconds a write may wait for the feed, at most, before it goes on without (I6)."""

    BACKEND_TIMEOUT: float = 2.0
    """Seconds an owner or a server of streams waits for Redis or MongoDB before it counts them as unavailable."""

    INTEREST_TTL: float = 0.5
    """Seconds a writer trusts what it knows about which models are watched: two look-ups a second cost nothing."""

    FEED_LENGTH: int = 10_000
    """Announcements kept in Redis: several minutes at a busy site's pace; an owner that falls out reconciles."""

    LOG_LENGTH: int = 1_000
    """Patches kept per topic, for resuming: a phone in a tunnel, not a laptop's weekend."""

    LOG_BYTES: int = 4_000_000
    """Bytes of patches kept per topic: a checkpoint is better than a longer log."""

    CACHE_TTL: float = 3_600.0
    """Seconds that a cold topic stays in the cache."""

    RING_LENGTH: int = 1_000
    """Events that a serving process keeps in memory per topic."""

    RING_BYTES: int = 4_000_000
    """Bytes of events that a serving process keeps in memory per topic (I5)."""

    LEASE_SECONDS: float = 6.0
    """Seconds after which the topics of a dead owner are taken over; renewed three times in that time."""

    COOL_SECONDS: float = 30.0
    """Seconds that a topic without readers stays hot: a reload or a short tunnel shouldn't cost a cold start."""

    AUDIT_SECONDS: float = 60.0
    """Seconds between comparisons of a hot topic with the database; 0 turns them off."""

    MARK_SECONDS: float = 15.0
    """Seconds of silence before a ``mark``: below the 30 to 60 s after which proxies close idle connections."""

    RETRY_MILLISECONDS: int = 2_000
    """The ``retry`` that clients are given."""

    WRITE_TIMEOUT: float = 30.0
    """Seconds a client may leave its connection blocked, or unanswered, before the stream is closed (I5)."""

    SEND_BUFFER: int = 65_536
    """Bytes of kernel send buffer per stream: a slow client is noticed after this much, not after megabytes."""

    TICKET_SECONDS: int = 30
    """Seconds a ticket lives: a slow phone opens its stream in time, who finds it in a log is late. 0: none given."""

    PERMISSION_SECONDS: float = 60.0
    """Seconds between two askings whether a reader may still read, where no change gave occasion to; 0 turns it off."""

    PERMISSION_THREADS: int = 2
    """Threads (and database connections) that ask whether readers may still read; an asking takes about 2 ms."""

    ROTATE_SECONDS: float = 0.0
    """Age at which a stream is ended with ``bye``, give or take a fifth, to even out load. 0: never, none needs it."""

    CONNECT_THREADS: int = 32
    """Readers let in at once by a process: each takes a thread and a database connection (PostgreSQL has 100)."""

    STREAMS_PER_USER: int | None = None
    """Streams that a user may have open at once in a process; one more is 429. None: no limit."""

    STREAMS_PER_ADDRESS: int | None = None
    """Streams that an address may have open at once in a process (mind ``NUM_PROXIES``). None: no limit."""

    REFUSALS_PER_ADDRESS: int | None = None
    """Requests of an address that a process refuses (401, 403, 404) in a minute before it is 429. None: no limit."""

    DERIVE_THREADS: int = 2
    """Threads (and database connections) that derive states in a serving process."""

    GRIP_URL: str | None = None
    """Control port of the GRIP proxy that holds streams (Pushpin, Fastly Fanout), several separated by spaces. None:
    Django's own ``GRIP_URL``, which django-eventstream reads; without that, processes hold their streams themselves."""

    GRIP_SECONDS: float = 60.0
    """Seconds after which a proxy asks again for each stream that it holds: may it go on, has it missed something."""

    STATUS_SECONDS: float = 5.0
    """Seconds between two reports, in Redis, of what a serving process holds, for ``rxsse_status``; 0: none."""

    METRICS: bool = False
    """Count, for Prometheus, what happens inside; needs ``rxsse[metrics]``."""

    TRACES: bool = False
    """Make OpenTelemetry spans from the commit to the streams; needs ``rxsse[metrics]``."""


_current: Settings | None = None


def get_settings() -> Settings:
    """The validated settings; raises `DeclarationError` naming the key that is wrong."""
    global _current
    if _current is None:
        _current = read(getattr(django_settings, "RXSSE", {}))
        grip_url = getattr(django_settings, "GRIP_URL", None)
        if _current.GRIP_URL is None and isinstance(grip_url, str) and grip_url:
            _current = replace(_current, GRIP_URL=grip_url)
    return _current


def read(values: Any) -> Settings:
    """Validate a dict as given in ``settings.RXSSE``."""
    if not isinstance(values, dict):
        raise DeclarationError(f"RXSSE is {type(values).__name__}; make it a dict, as in RXSSE = {{'REDIS_URL': ...}}")
    known = {field.name: field for field in fields(Settings)}
    for key, value in values.items():
        if key not in known:
            raise DeclarationError(f"RXSSE[{key!r}] is not a setting; known are {', '.join(sorted(known))}")
        _check(key, value, str(known[key].type))
    return Settings(**values)


def eventstream_redis() -> Mapping[str, Any] | None:
    """``EVENTSTREAM_REDIS``, django-eventstream's own setting: by which Redis ``send_event`` reaches every process."""
    found = getattr(django_settings, "EVENTSTREAM_REDIS", None)
    return found if isinstance(found, Mapping) else None


def _check(key: str, value: Any, wanted: str) -> None:
    if wanted.endswith("None") and value is None:
        return
    if wanted == "bool":
        fits = isinstance(value, bool)
    elif wanted.startswith("str"):
        fits = (isinstance(value, str) and bool(value)) or ("Path" in wanted and isinstance(value, Path))
    else:
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = (whole or (wanted == "float" and isinstance(value, float))) and 0 <= value < inf
        if wanted == "int | None":  # 0 turns things off elsewhere: here it would turn everybody away
            fits = whole and value > 0
    if not fits:
        rule = "a non-empty string" if wanted.startswith("str") else f"a non-negative, finite {wanted}"
        rule = {"bool": "True or False", "int | None": "None or a whole number from 1 on"}.get(wanted, rule)
        raise DeclarationError(f"RXSSE[{key!r}] is {value!r}; give {rule}")


def _forget(*, setting: str, **_: Any) -> None:
    global _current
    if setting in ("RXSSE", "GRIP_URL"):
        _current = None


setting_changed.connect(_forget, dispatch_uid="rxsse.conf")

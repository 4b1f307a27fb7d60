"""What processes tell each other: topics, changes, announcements, fan-out; knows no transport.

Every message encodes to bytes with `encode()` and back with `decode()`, so that each
backend carries the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote

import orjson

from rxsse.exceptions import ProtocolError


class Operation(StrEnum):
    """What one statement did to its rows."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


class Phase(StrEnum):
    """How far the announced transaction is.

    PREPARED is said before the commit, COMMITTED after it, WITHDRAWN when the commit failed.
    A reader that holds a snapshot of the database and has read the feed up to its end has
    therefore seen at least PREPARED of every transaction in that snapshot (PROTOCOL I3).
    """

    PREPARED = "prepared"
    COMMITTED = "committed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Topic:
    """The unit of ownership and fan-out: channel + anchor key + audience."""

    channel: str
    anchor: str
    audience: str = ""
    # How the first reader addressed a list; two readers of one topic always agree on it.
    kwargs: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """One string for keys of caches and brokers; different topics never share it."""
        return "/".join(quote(part, safe="") for part in (self.channel, self.anchor, self.audience))

    @property
    def event_channel(self) -> str:
        """What django-eventstream calls the topic: `name`, without the last slash where everybody shares it."""
        return self.name if self.audience else self.name.removesuffix("/")

    @classmethod
    def parse_event_channel(cls, name: str) -> Self:
        """The topic of that `event_channel`, of which each has one only. Raises `ProtocolError`."""
        topic = cls.parse(name if name.count("/") > 1 else f"{name}/")
        if topic.event_channel != name:
            raise ProtocolError(
                f"{name!r} is no anchor's event channel; it has the form 'channel/anchor' or, where each user has a "
                "state of his own, 'channel/anchor/user', percent-encoded"
            )
        return topic

    @classmethod
    def parse(cls, name: str) -> Self:
        """The topic of that `name`; a list's ``kwargs`` are text then. Raises `ProtocolError`."""
        parts = [unquote(part) for part in name.split("/")]
        if len(parts) != 3 or not parts[0]:
            raise ProtocolError(
                f"{name!r} is no topic's name; it has the form 'channel/anchor/audience', percent-encoded"
            )
        return cls(parts[0], parts[1], parts[2], dict(parse_qsl(parts[1], keep_blank_values=True)))


@dataclass(frozen=True, slots=True)
class Change:
    """What one statement did to the rows of one table.

    ``model`` is the concrete model's lower label (``"projects.task"``). ``keys`` are primary
    keys as text, or None where the statement does not name its rows. ``fields`` are the
    attnames that an update wrote, None for all. ``relations`` gives, for a foreign key column
    by attname, every value that the rows have after the statement (insert, update) or were
    selected by (delete), as text; a column that is absent is one whose values are not known.
    """

    model: str
    operation: Operation
    keys: tuple[str, ...] | None
    fields: frozenset[str] | None = None
    relations: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "m": self.model,
            "o": self.operation.value,
            "k": self.keys,
            "f": None if self.fields is None else sorted(self.fields),
            "r": dict(self.relations),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raise KeyError, TypeError, ValueError or AttributeError on anything that `as_json()` does not give."""
        return cls(
            model=_text(value["m"]),
            operation=Operation(value["o"]),
            keys=None if value["k"] is None else tuple(map(_text, _array(value["k"]))),
            fields=None if value["f"] is None else frozenset(map(_text, _array(value["f"]))),
            relations={
                name: tuple(None if text is None else _text(text) for text in _array(texts))
                for name, texts in value["r"].items()
            },
        )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # [trace-context §3.2]


def _trace(value: Any) -> str:
    if not _TRACE.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


@dataclass(frozen=True, slots=True)
class Announcement:
    """One transaction's changes. COMMITTED without changes refers to the PREPARED of the same id.

    ``trace`` is the writer's trace context, where traces are wanted; nothing depends on it.
    """

    id: str
    phase: Phase
    database: str
    changes: tuple[Change, ...] = ()
    trace: str = ""

    def encode(self) -> bytes:
        changes = [change.as_json() for change in self.changes]
        trace = [self.trace] if self.trace else []
        return orjson.dumps([self.id, self.phase.value, self.database, changes, *trace])

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Raise `ProtocolError` on anything that `encode()` does not write."""
        try:
            id_, phase, database, changes, *more = orjson.loads(body)
            (trace,) = map(_trace, more) if more else ("",)
            read = tuple(Change.from_json(change) for change in _array(changes))
            return cls(_text(id_), Phase(phase), _text(database), read, trace)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ProtocolError("not an announcement: expected [id, phase, database, changes, trace?]") from error


class Kind(StrEnum):
    """What a fan-out message says about its topic."""

    PATCH = "patch"  # body: the RFC 6902 document of `cursor`
    BEGIN = "begin"  # a new epoch stands at `cursor`; body: the reason, as text
    STALE = "stale"  # the state can't be derived at present; body: the reason, as text
    GONE = "gone"  # the anchor was deleted
    RELEASED = "released"  # the owner gave the topic up; anyone may take it
    MESSAGE = "message"  # an application's own event; body: its name, a line break, JSON


@dataclass(frozen=True, slots=True)
class Fanout:
    """What the owner of a topic tells every process that serves it."""

    kind: Kind
    epoch: str = ""
    revision: int = 0
    body: bytes = b""
    trace: str = ""
    """What led to it, where traces are wanted: one word."""

    @classmethod
    def message(cls, event: str, body: bytes) -> Self:
        """An application's event: a name of one line, and JSON."""
        return cls(Kind.MESSAGE, body=b"%b\n%b" % (event.encode(), body))

    def encode(self) -> bytes:
        trace = b" " + self.trace.encode() if self.trace else b""
        return b"%s %s %d%s\n%s" % (self.kind.value.encode(), self.epoch.encode(), self.revision, trace, self.body)

    @classmethod
    def decode(cls, message: bytes) -> Self:
        """Raise `ProtocolError` on anything that `encode()` does not write."""
        head, newline, body = message.partition(b"\n")
        try:
            kind, epoch, revision, *more = head.decode("ascii").split(" ")
            (trace,) = map(_trace, more) if more else ("",)
            if not newline or str(int(revision)) != revision or revision.startswith("-"):
                raise ValueError
            return cls(Kind(kind), epoch, int(revision), body, trace)
        except ValueError as error:
            raise ProtocolError("not a fan-out message: expected 'kind epoch revision trace?' and a body") from error

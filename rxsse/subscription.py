"""Decides what one connection is given next; knows no socket, no event loop and no source.

A subscription is a state machine without I/O. Whoever drives it calls one method per thing
that happened, writes the bytes that the method returns, and then looks at `state`:

* LIVE and STALE read the topic's history: call `read` whenever it has grown.
* REPLAYING waits for the patches after `cursor` from the log: call `replayed`.
* LOADING waits for a snapshot: call `loaded`.
* ENDED has had its last event: close the connection.

`TRANSITIONS` is the whole machine. The rules it keeps (PROTOCOL I2, I4):

1. A patch is given only where it continues `cursor`. One that the client already has is
   skipped; anything else means that patches are missing, and the log is asked.
2. A snapshot or replay was asked for when the history stood at `position`, and contains at
   least everything before that. Reading goes on from there, and rule 1 skips what is doubled.
3. After ``reset`` comes a snapshot or the end, never a patch.
4. After a final event comes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from rxsse import wire
from rxsse.cursors import Cursor
from rxsse.exceptions import CursorError

READ_BYTES = 65_536
"""Bytes given at once: a client far behind holds this much, not the whole ring (I5)."""


class State(Enum):
    """What a connection is doing."""

    OPENING = auto()
    LIVE = auto()
    STALE = auto()
    REPLAYING = auto()
    LOADING = auto()
    ENDED = auto()


class Input(Enum):
    """What can happen to a connection."""

    # Entries of the topic's history.
    PATCH = auto()
    MESSAGE = auto()
    BEGAN = auto()
    STALE = auto()
    # Where a client wants to start.
    AFRESH = auto()
    KNOWN = auto()
    UNKNOWN = auto()
    # What its driver finds or brings.
    LOST = auto()
    REPLAY = auto()
    NO_REPLAY = auto()
    SNAPSHOT = auto()
    FINAL = auto()


TRANSITIONS: Mapping[State, Mapping[Input, State]] = {
    State.OPENING: {
        Input.AFRESH: State.LOADING,
        Input.KNOWN: State.LIVE,
        Input.UNKNOWN: State.REPLAYING,
        Input.FINAL: State.ENDED,
    },
    State.LIVE: {
        Input.PATCH: State.LIVE,
        Input.MESSAGE: State.LIVE,
        Input.BEGAN: State.LOADING,
        Input.STALE: State.STALE,
        Input.LOST: State.REPLAYING,
        Input.FINAL: State.ENDED,
    },
    State.STALE: {
        Input.PATCH: State.LOADING,
        Input.MESSAGE: State.STALE,
        Input.BEGAN: State.LOADING,
        Input.STALE: State.STALE,
        Input.LOST: State.LOADING,
        Input.FINAL: State.ENDED,
    },
    State.REPLAYING: {
        Input.REPLAY: State.LIVE,
        Input.NO_REPLAY: State.LOADING,
        Input.FINAL: State.ENDED,
    },
    State.LOADING: {
        Input.SNAPSHOT: State.LIVE,
        Input.FINAL: State.ENDED,
    },
    State.ENDED: {},
}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One thing that happened to a topic. ``cursor`` is where the topic stands after it, ``event`` its bytes."""

    kind: Input
    cursor: Cursor
    event: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What reading did to a client that stood at ``before``; the same for every client that stands there."""

    before: Cursor
    chunk: bytes
    cursor: Cursor
    position: int
    state: State


class History(Protocol):
    """What a subscription reads: the latest entries of a topic, numbered by position without a hole."""

    @property
    def cursor(self) -> Cursor:
        """Where the topic stands after the last entry."""

    @property
    def position(self) -> int:
        """The position that the next entry will have."""

    @property
    def stale(self) -> Entry | None:
        """The STALE entry that still holds: no patch and no epoch has come after it."""

    @property
    def reads(self) -> dict[int, Read]:
        """What is known of reading from a position; emptied whenever an entry is added."""

    def entries(self, position: int) -> Iterator[Entry] | None:
        """The entries from ``position`` on, None where some are not kept any more."""

    def find(self, cursor: Cursor) -> int | None:
        """The position just after ``cursor`` was reached, None where that is not kept."""


class Subscription:
    """One connection's place in its topic. Every method returns the bytes to write, in order, maybe none."""

    __slots__ = ("_joined", "_wanted", "cursor", "position", "state")

    def __init__(self, wanted: str | None = None) -> None:
        """``wanted`` is the cursor as the client sent it, None or "" for a client that has none."""
        self.state = State.OPENING
        self.cursor: Cursor | None = None
        """Where the client stands once it has read everything given so far."""
        self.position = 0
        """The first entry of the history that was not read yet."""
        self._wanted = wanted
        self._joined = 0

    def start(self, history: History) -> bytes:
        """The topic is hot: resume where the client stopped, or begin with a snapshot."""
        wanted, self._wanted = self._wanted, None
        if not wanted:
            return self._enter(Input.AFRESH)
        try:
            cursor = Cursor.parse(wanted)
        except CursorError:
            return self._enter(Input.AFRESH, wire.reset("malformed"))
        if cursor.epoch != history.cursor.epoch:
            return self._enter(Input.AFRESH, wire.reset("unknown-epoch"))
        self.cursor = cursor
        position = history.find(cursor)
        if position is None:  # trimmed here, or a process ahead of this one has told it: the log knows
            return self._enter(Input.UNKNOWN)
        self.position = position
        # Messages from before belong to the connection that the client had then.
        self._joined = history.position
        chunk = self._enter(Input.KNOWN) + self.read(history)
        # Something dispatched says that the client is up to date, not just connected.
        return chunk or wire.mark(cursor)

    def read(self, history: History) -> bytes:
        """What the history has for this client, at most about `READ_BYTES`: call until nothing comes."""
        position = self.position
        if position == history.position or (self.state is not State.LIVE and self.state is not State.STALE):
            return b""
        read = history.reads.get(position)
        if (
            read is None
            or self.state is not State.LIVE
            or position < self._joined
            or not (read.before is self.cursor or read.before == self.cursor)
        ):
            return self._read(history)
        # From here on every client that stood there shares these very objects, and `is` finds them at once.
        self.cursor, self.position, self.state = read.cursor, read.position, read.state
        return read.chunk

    def _read(self, history: History) -> bytes:
        before, position, state = self.cursor, self.position, self.state
        entries = history.entries(position)
        if entries is None:
            return self._enter(Input.LOST)
        events: list[bytes] = []
        size = 0
        for entry in entries:
            event = self._take(entry, history)
            if self.state is State.REPLAYING:
                break  # this entry is not read: the answer of the log says from where to read on
            self.position += 1
            if event:
                events.append(event)
                size += len(event)
            if size >= READ_BYTES or self.state not in (State.LIVE, State.STALE):
                break
        chunk = b"".join(events)
        if state is State.LIVE and position >= self._joined:
            assert before is not None
            assert self.cursor is not None
            history.reads[position] = Read(before, chunk, self.cursor, self.position, self.state)
        return chunk

    def _take(self, entry: Entry, history: History) -> bytes:
        kind, cursor = entry.kind, self.cursor
        assert cursor is not None  # a connection that reads has been given a place
        if kind is Input.PATCH:
            if entry.cursor.epoch == cursor.epoch and entry.cursor.revision <= cursor.revision:
                return b""  # came with the snapshot or replay
            if entry.cursor.epoch != cursor.epoch or entry.cursor.revision != cursor.revision + 1:
                return self._enter(Input.LOST)
            if self.state is State.LIVE:
                self.cursor = entry.cursor
                return self._enter(kind, entry.event)
            return self._enter(kind)  # STALE has promised a snapshot
        reached = entry.cursor.epoch == cursor.epoch and entry.cursor.revision <= cursor.revision
        if kind is Input.BEGAN and reached and self.state is State.LIVE:
            return b""  # the snapshot was ahead of the news
        if kind is Input.STALE and entry is not history.stale:
            return b""  # over by now
        if kind is Input.MESSAGE and self.position < self._joined:
            return b""
        return self._enter(kind, entry.event)

    def replayed(self, events: Sequence[bytes] | None, position: int, history: History) -> bytes:
        """The log gave the patch events after `cursor`, or None; it was asked when the history was at ``position``."""
        cursor = self.cursor
        assert cursor is not None
        if events is None:
            ahead = cursor.epoch == history.cursor.epoch and cursor.revision > history.cursor.revision
            return self._enter(Input.NO_REPLAY, wire.reset("future" if ahead else "expired"))
        self.cursor = Cursor(cursor.epoch, cursor.revision + len(events))
        self.position = self._joined = position
        return self._enter(Input.REPLAY, b"".join(events) or wire.mark(cursor))

    def loaded(self, cursor: Cursor, event: bytes, position: int) -> bytes:
        """A snapshot came, asked for when the history was at ``position``."""
        self.cursor = cursor
        self.position = self._joined = position
        return self._enter(Input.SNAPSHOT, event)

    def mark(self) -> bytes:
        """A sign of life after silence."""
        if self.state is State.ENDED:
            return b""
        standing = self.state in (State.LIVE, State.REPLAYING)
        return wire.mark(self.cursor if standing else None)

    def finish(self, event: bytes) -> bytes:
        """End with ``event``; nothing where the end was already said."""
        if self.state is State.ENDED:
            return b""
        return self._enter(Input.FINAL, event)

    def _enter(self, happened: Input, event: bytes = b"") -> bytes:
        try:
            self.state = TRANSITIONS[self.state][happened]
        except KeyError:
            raise RuntimeError(f"{happened.name} can't happen to a subscription that is {self.state.name}") from None
        return event

"""The latest events of one topic, encoded, bounded by number and bytes; knows no connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from rxsse import wire
from rxsse.cursors import Cursor
from rxsse.subscription import Entry, Input, Read


class Ring:
    """A topic's history as far as it is kept (`rxsse.subscription.History`). Used from one thread."""

    def __init__(self, cursor: Cursor, *, length: int, size: int) -> None:
        """``cursor`` is where the topic stands; keep ``length`` events and ``size`` bytes, and always the latest."""
        self.cursor = cursor
        self.stale: Entry | None = None
        self.reads: dict[int, Read] = {}
        self.position = 0
        self.size = 0
        self._entries: deque[Entry] = deque()
        self._base = cursor  # where the topic stood before the first entry that is kept
        self._length = length
        self._most = size

    def __len__(self) -> int:
        return len(self._entries)

    def patched(self, cursor: Cursor, patch: bytes) -> None:
        """Add a patch. One that is known is dropped; after a hole nothing older is kept, so that the log is asked."""
        if cursor.epoch == self.cursor.epoch and cursor.revision <= self.cursor.revision:
            return
        if cursor != self.cursor.next():
            self.forget()
        self.stale = None
        self._add(Entry(Input.PATCH, cursor, wire.patch(cursor, patch)))

    def began(self, cursor: Cursor, reason: str) -> None:
        """History broke; the topic stands at ``cursor``, of a new epoch or of the same one."""
        self.stale = None
        self._add(Entry(Input.BEGAN, cursor, wire.reset(reason)))

    def became_stale(self, reason: str) -> None:
        """The state can't be derived at present."""
        self.stale = Entry(Input.STALE, self.cursor, wire.reset(reason))
        self._add(self.stale)

    def told(self, event: bytes) -> None:
        """Add an application's own event, encoded."""
        self._add(Entry(Input.MESSAGE, self.cursor, event))

    def forget(self) -> None:
        """Keep no entry: whoever has not read them all asks the log."""
        self._entries.clear()
        self.reads.clear()
        self.size = 0
        self.position += 1  # whoever had read everything can't go on from here either
        self._base = self.cursor

    def entries(self, position: int) -> Iterator[Entry] | None:
        start = position - (self.position - len(self._entries))
        return None if start < 0 else islice(self._entries, start, None)

    def find(self, cursor: Cursor) -> int | None:
        position = self.position
        for entry in reversed(self._entries):
            if entry.cursor == cursor and entry.kind in (Input.PATCH, Input.BEGAN):
                return position
            position -= 1
        return position if cursor == self._base else None

    def _add(self, entry: Entry) -> None:
        self.reads.clear()
        self._entries.append(entry)
        self.size += len(entry.event)
        self.position += 1
        self.cursor = entry.cursor
        while len(self._entries) > self._length or self.size > self._most:
            if len(self._entries) == 1:
                break
            oldest = self._entries.popleft()
            self.size -= len(oldest.event)
            self._base = oldest.cursor

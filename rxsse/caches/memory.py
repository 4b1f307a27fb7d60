"""The cache within one process: states and logs in its own memory; knows no other process."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from rxsse.caches.base import BaseCache, Entry, Stored
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Conflict
from rxsse.messages import Topic


@dataclass(slots=True)
class _Entry:
    """A topic: ``patches`` lead from revision ``floor`` to the head, ``base`` is the checkpoint's."""

    epoch: str
    base: int
    state: bytes
    floor: int
    patches: deque[bytes] = field(default_factory=deque)
    size: int = 0
    used: float = 0.0

    @property
    def head(self) -> int:
        return self.floor + len(self.patches)

    def after(self, revision: int) -> Sequence[bytes]:
        return tuple(islice(self.patches, revision - self.floor, None))


class MemoryCache(BaseCache):
    shared = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._renew()
        _caches.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the longest unused first

    def head(self, topic: Topic) -> Cursor | None:
        with self._lock:
            entry = self._entries.get(topic.name)
            return None if entry is None else Cursor(entry.epoch, entry.head)

    def load(self, topic: Topic) -> Stored | None:
        with self._lock:
            entry = self._entries.get(topic.name)
            if entry is None:
                return None
            return Stored(Cursor(entry.epoch, entry.base), entry.state, entry.after(entry.base))

    def entries(self, topic: Topic | None = None, limit: int = 1_000) -> Sequence[Entry]:
        with self._lock:
            names = reversed(self._entries) if topic is None else [topic.name]
            found = [(name, self._entries[name]) for name in names if name in self._entries]
            return [_entry(name, entry) for name, entry in found[:limit]]

    def begin(self, topic: Topic, cursor: Cursor, state: bytes, *, replacing: str | None) -> None:
        with self._lock:
            self._forget_cold()
            entry = self._entries.get(topic.name)
            found = None if entry is None else entry.epoch
            if found != replacing:
                raise Conflict(f"{topic.name} is in epoch {found}, not {replacing}; load it and try again")
            entry = _Entry(cursor.epoch, base=cursor.revision, state=state, floor=cursor.revision)
            self._entries[topic.name] = entry
            self._use(topic, entry)

    def append(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        with self._lock:
            entry = self._entries.get(topic.name)
            if entry is None or cursor != Cursor(entry.epoch, entry.head + 1):
                found = None if entry is None else Cursor(entry.epoch, entry.head)
                raise Conflict(f"{topic.name} stands at {found}, so {cursor} can't follow; catch up and derive again")
            entry.patches.append(patch)
            entry.size += len(patch)
            self._use(topic, entry)
            self._trim(entry)

    def checkpoint(self, topic: Topic, cursor: Cursor, state: bytes) -> None:
        with self._lock:
            entry = self._entries.get(topic.name)
            if entry is None or cursor.epoch != entry.epoch or not entry.base < cursor.revision <= entry.head:
                return
            entry.base = cursor.revision
            entry.state = state
            self._use(topic, entry)
            self._trim(entry)

    def _trim(self, entry: _Entry) -> None:
        """Only what the checkpoint covers may go: the rest is needed to load the topic."""
        settings = self._settings
        while entry.floor < entry.base and (
            len(entry.patches) > settings.LOG_LENGTH or entry.size > settings.LOG_BYTES
        ):
            entry.size -= len(entry.patches.popleft())
            entry.floor += 1

    def since(self, topic: Topic, cursor: Cursor) -> Sequence[bytes] | None:
        with self._lock:
            entry = self._entries.get(topic.name)
            if entry is None or cursor.epoch != entry.epoch or not entry.floor <= cursor.revision <= entry.head:
                return None
            return entry.after(cursor.revision)

    def drop(self, topic: Topic) -> None:
        with self._lock:
            self._entries.pop(topic.name, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def acquire(self, topic: Topic, owner: str, seconds: float) -> bool:
        """Always: the asking process is the only one. Renewing keeps the topic from going cold."""
        with self._lock:
            entry = self._entries.get(topic.name)
            if entry is not None:
                self._use(topic, entry)
            return True

    def release(self, topic: Topic, owner: str) -> None:
        """Nothing is held."""

    def _forget_cold(self) -> None:
        """Whenever a topic is added, so that memory is bounded by what is in use (I5)."""
        oldest = time.monotonic() - self._settings.CACHE_TTL
        while self._entries and next(iter(self._entries.values())).used < oldest:
            self._entries.popitem(last=False)

    def _use(self, topic: Topic, entry: _Entry) -> None:
        entry.used = time.monotonic()
        self._entries.move_to_end(topic.name)

    def ping(self) -> None:
        """Always within reach."""

    def close(self) -> None:
        self.clear()


def _entry(name: str, entry: _Entry) -> Entry:
    return Entry(name, Cursor(entry.epoch, entry.head), entry.floor, entry.base, None, 0.0)


_caches: weakref.WeakSet[MemoryCache] = weakref.WeakSet()


def _renew_all() -> None:
    for cache in _caches:
        cache._renew()


# A forked child may have inherited a held lock, and what is cached is disposable.
os.register_at_fork(after_in_child=_renew_all)

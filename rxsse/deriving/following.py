"""A topic that another process owns: its state is read from the cache, its patches come by fan-out.

Knows the cache only.
"""

from __future__ import annotations

from typing import Any

from rxsse import patches
from rxsse.caches.base import BaseCache
from rxsse.cursors import Cursor
from rxsse.exceptions import Unavailable
from rxsse.messages import Topic


class Followed:
    """Not thread-safe: one call at a time. Everything raises `Unavailable` where the cache is out of reach."""

    def __init__(self, topic: Topic, cache: BaseCache) -> None:
        self.topic = topic
        self._cache = cache
        self._cursor: Cursor | None = None
        self._state: Any = None
        self._encoded: bytes | None = None

    def open(self) -> Cursor | None:
        """The log's head; None while the owner hasn't begun it."""
        return self._cache.head(self.topic)

    def snapshot(self) -> tuple[Cursor, bytes]:
        """The state at the log's head; the same bytes while it stays."""
        self._catch_up()
        assert self._cursor is not None
        if self._encoded is None:
            self._encoded = patches.dumps(self._state)
        return self._cursor, self._encoded

    def _catch_up(self) -> None:
        news = None if self._cursor is None else self._cache.since(self.topic, self._cursor)
        if news is None or self._cursor is None:
            stored = self._cache.load(self.topic)
            if stored is None:
                raise Unavailable(f"{self.topic.name} is not cached at present")
            self._cursor, self._state = stored.cursor, patches.loads(stored.state)
            self._encoded = stored.state
            news = stored.patches
        for patch in news:
            self._state = patches.apply(self._state, patch)
            self._cursor = self._cursor.next()
            self._encoded = None

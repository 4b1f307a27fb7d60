"""The feed within one process: announcing is calling; knows no other process."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterable

from rxsse.conf import Settings
from rxsse.feeds.base import BaseFeed, Listener
from rxsse.messages import Announcement

logger = logging.getLogger(__name__)


class MemoryFeed(BaseFeed):
    """Calls the listener before `prepare` and `commit` return, one announcement at a time."""

    def __init__(self, settings: Settings) -> None:
        self._renew()
        _feeds.add(self)

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._listener: Listener | None = None
        self._watched: frozenset[str] = frozenset()

    def is_watched(self, model: str) -> bool:
        return model in self._watched

    def prepare(self, announcement: Announcement) -> bool:
        self._announce(announcement)
        return True

    def commit(self, announcement: Announcement) -> None:
        self._announce(announcement)

    def _announce(self, announcement: Announcement) -> None:
        if self._listener is None:
            return
        with self._lock:
            listener = self._listener
            if listener is None:
                return
            try:
                listener.announced(announcement)
            except Exception:
                logger.exception("A listener of the feed failed")

    def listen(self, listener: Listener) -> None:
        with self._lock:
            self._listener = listener

    def watch(self, models: Iterable[str]) -> float:
        self._watched = frozenset(models)
        return 0.0

    def catch_up(self) -> None:
        """Nothing to wait for: what was published has been delivered."""

    def ping(self) -> None:
        """Always within reach."""

    def close(self) -> None:
        with self._lock:
            self._listener = None
        self._watched = frozenset()


_feeds: weakref.WeakSet[MemoryFeed] = weakref.WeakSet()


def _renew_all() -> None:
    for feed in _feeds:
        feed._renew()


# A forked child has neither the owner's threads nor, perhaps, a lock that anyone will release.
os.register_at_fork(after_in_child=_renew_all)

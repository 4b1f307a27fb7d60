"""Counts the streams that are open, by whom they count for; knows neither users nor addresses nor limits' reasons."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Mapping


class Full(Exception):
    """There are as many as ``limit`` allows for ``key``."""

    def __init__(self, key: Hashable, limit: int) -> None:
        super().__init__(f"{limit} streams are open for {key!r}")
        self.key = key
        self.limit = limit


class Place:
    """One open stream's part of the counts; given back by `leave`, or by being forgotten.

    The latter because there are more ways for a response never to be served than can be listed: a middleware
    puts another one in its place, the client goes before it begins, a server never iterates it.
    """

    __slots__ = ("_keys", "_left")

    def __init__(self, keys: tuple[Hashable, ...], left: deque[tuple[Hashable, ...]]) -> None:
        self._keys = keys
        self._left = left

    def leave(self) -> None:
        """Count no more; from any thread, as often as one likes."""
        keys, self._keys = self._keys, ()
        if keys:
            self._left.append(keys)

    def __del__(self) -> None:
        self.leave()


class Places:
    """The open streams of this process. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[Hashable, int] = {}
        # The garbage collector may run `Place.__del__` anywhere, in the midst of `take` too: so it waits for no lock
        # and changes no count. An append is atomic.
        self._left: deque[tuple[Hashable, ...]] = deque()

    def take(self, limits: Mapping[Hashable, int]) -> Place:
        """A place that counts for every key of ``limits``; raises `Full`, and counts for none, where one has no more.

        Of several at once, no more get one than there are.
        """
        with self._lock:
            self._settle()
            for key, limit in limits.items():
                if self._taken.get(key, 0) >= limit:
                    raise Full(key, limit)
            for key in limits:
                self._taken[key] = self._taken.get(key, 0) + 1
        return Place(tuple(limits), self._left)

    def count(self, key: Hashable) -> int:
        """How many streams are open for ``key``."""
        with self._lock:
            self._settle()
            return self._taken.get(key, 0)

    def __len__(self) -> int:
        """For how many keys streams are open."""
        with self._lock:
            self._settle()
            return len(self._taken)

    def _settle(self) -> None:
        for _ in range(len(self._left)):
            for key in self._left.popleft():
                if self._taken[key] == 1:
                    del self._taken[key]  # what is kept grows with the streams, not with all who ever came
                else:
                    self._taken[key] -= 1

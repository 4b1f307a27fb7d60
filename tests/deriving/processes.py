"""Serving processes in one: each has its own engine; feed, cache and wire are shared and all in memory."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import jsonpatch

from rxsse import capture, runtime
from rxsse.brokers.memory import MemoryBroker
from rxsse.caches.base import BaseCache
from rxsse.caches.memory import MemoryCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.deriving.engine import Engine
from rxsse.deriving.inbox import Inbox
from rxsse.deriving.owning import Backends
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Announcement, Fanout, Topic
from rxsse.runtime import Watching
from tests.waiting import until

SETTINGS = Settings(AUDIT_SECONDS=0.0, COOL_SECONDS=0.0, LEASE_SECONDS=0.6)


class LeasedCache(MemoryCache):
    """The cache in memory, with leases that somebody else may hold."""

    shared = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.leases: dict[str, tuple[str, float]] = {}

    def acquire(self, topic: Topic, owner: str, seconds: float) -> bool:
        with self._lock:
            holder, end = self.leases.get(topic.name, (owner, 0.0))
            if holder != owner and time.monotonic() < end:
                return False
            self.leases[topic.name] = owner, time.monotonic() + seconds
            return True

    def release(self, topic: Topic, owner: str) -> None:
        with self._lock:
            if self.leases.get(topic.name, ("", 0.0))[0] == owner:
                del self.leases[topic.name]


class SharedBroker(MemoryBroker):
    """One end of a wire: what is published at one comes out at all."""

    def __init__(self, settings: Settings, ends: list[SharedBroker]) -> None:
        super().__init__(settings)
        self._ends = ends
        ends.append(self)

    def publish(self, topic: Topic, fanout: Fanout) -> None:
        for end in tuple(self._ends):
            MemoryBroker.publish(end, topic, fanout)


@dataclass
class Inboxes:
    """The one listener that a feed has, for all processes."""

    inboxes: list[Inbox] = field(default_factory=list)

    def announced(self, announcement: Announcement) -> None:
        for inbox in tuple(self.inboxes):
            inbox.announced(announcement)

    def gap(self, reason: str) -> None:
        for inbox in tuple(self.inboxes):
            inbox.gap(reason)


class World:
    """What the processes share."""

    def __init__(self, cache: Callable[[Settings], BaseCache] = MemoryCache, **settings: Any) -> None:
        self.settings = replace(SETTINGS, **settings)
        self.feed = MemoryFeed(self.settings)
        self.cache = cache(self.settings)
        self.ends: list[SharedBroker] = []
        self.listeners = Inboxes()
        self.feed.listen(self.listeners)
        self.watching = Watching(self.feed)
        self.engines: list[Engine] = []

    def backends(self) -> Backends:
        """The parts of one more process."""
        inbox = Inbox()
        self.listeners.inboxes.append(inbox)
        broker = SharedBroker(self.settings, self.ends)
        process = f"{len(self.ends)}"
        return Backends(
            self.settings,
            self.feed,
            self.cache,
            broker,
            inbox,
            lambda name, labels: self.watching.watch(f"{process}/{name}", labels),
        )

    def engine(self) -> Engine:
        """One more process."""
        backends = self.backends()
        engine = Engine(backends)
        backends.broker.listen(engine)
        self.engines.append(engine)
        return engine

    @property
    def mailboxes(self) -> int:
        return sum(len(inbox._mailboxes) for inbox in self.listeners.inboxes)

    @property
    def quiet(self) -> bool:
        """Whether nothing is left of any topic."""
        return not self.mailboxes and not self.watching._labels


@contextmanager
def world(cache: Callable[[Settings], BaseCache] = MemoryCache, **settings: Any) -> Iterator[World]:
    """A world in which this process's writes are announced."""
    made = World(cache, **settings)
    capture.connect(lambda: made.feed)
    try:
        yield made
    finally:
        for engine in made.engines:
            engine.close()
        runtime.install()


class Client:
    """A sink that applies what it is told, and accepts no hole."""

    def __init__(self, engine: Engine, topic: Topic) -> None:
        self.engine, self.topic = engine, topic
        self.told: list[tuple[str, Any]] = []
        self.patches: dict[Cursor, bytes] = {}
        self.cursor: Cursor | None = None
        self.state: Any = None
        self._lock = threading.Lock()

    def start(self) -> Client:
        future = self.engine.activate(self.topic, self)
        cursor = future.result(20)
        with self._lock:
            # Patches may have been told before this thread was told where they begin.
            self.cursor = self.cursor or cursor
        return self

    def stop(self) -> None:
        self.engine.deactivate(self.topic, self)

    def see(self) -> Any:
        """Take a snapshot and apply what is known to follow it."""
        cursor, state = self.engine.snapshot(self.topic).result(20)
        value = json.loads(state)
        while (patch := self.patches.get(cursor.next())) is not None:
            cursor, value = cursor.next(), jsonpatch.apply_patch(value, json.loads(patch))
        return value

    def events(self, name: str) -> list[Any]:
        with self._lock:
            return [what for event, what in self.told if event == name]

    def wait(self, name: str, count: int = 1) -> list[Any]:
        until(lambda: len(self.events(name)) >= count, f"{count} {name}, got {self.told}")
        return self.events(name)

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        with self._lock:
            if self.cursor is not None and cursor != self.cursor.next():
                self.told.append(("hole", (self.cursor, cursor)))
            self.cursor = cursor
            self.patches[cursor] = patch
            self.told.append(("patched", json.loads(patch)))

    def began(self, topic: Topic, cursor: Cursor, reason: str) -> None:
        with self._lock:
            self.cursor = cursor
            self.told.append(("began", reason))

    def stale(self, topic: Topic, reason: str) -> None:
        with self._lock:
            self.told.append(("stale", reason))

    def gone(self, topic: Topic) -> None:
        with self._lock:
            self.told.append(("gone", None))

    def message(self, topic: Topic, event: str, body: bytes) -> None:
        with self._lock:
            self.told.append(("message", body))

"""Publishes for every stream that a proxy holds: topics stay open here, their readers are guarded here. No HTTP.

All happens on one thread, in the order in which it was heard: what is published after a doubt has arisen
is held back for the topic as a whole (I7).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from rxsse import wire
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Gone, Unavailable
from rxsse.grip import proxies
from rxsse.grip.published import Published
from rxsse.grip.publishing import Publisher
from rxsse.grip.register import BaseRegister, Follower, Held
from rxsse.guarding.guard import Guard
from rxsse.source import Source

logger = logging.getLogger("rxsse.grip")

TICK_SECONDS = 0.5
"""Pace of the clock: what it looks at takes seconds."""

ALIVE_SECONDS = 5.0
"""After so long without a word the owner counts as dead: new streams are asked for again soon then."""

AGAIN_SECONDS = 1.0
"""Seconds until a topic that could not be opened is tried again."""

GRACE_SECONDS = 3.0
"""Seconds that what waits for a proxy is given at the end."""


class HeldReader:
    """What the guard knows as a stream: somebody's, on the ``hub`` that can hold it back and end it."""

    __slots__ = ("held", "hub", "id", "identity", "topic", "until")

    def __init__(self, hub: Owner, held: Held) -> None:
        self.hub = hub
        self.id = held.id
        self.topic = held.topic.name
        self.identity = held.identity
        self.until = held.until
        self.held = False


class Owner(Follower):
    """Runs from `start` to `close`. Those two, and `hold`, `release`, `end`, `post`: from any thread."""

    def __init__(self, settings: Settings, source: Source, guard: Guard, register: BaseRegister) -> None:
        self.source = source
        self.now = time.monotonic()
        self._settings = settings
        self._guard: Any = guard
        self._register = register
        self._publisher = Publisher(settings)
        self._inbox: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = SimpleQueue()
        self._topics: dict[str, Published] = {}
        self._readers: dict[str, HeldReader] = {}
        self._said: set[str] = set()
        """The topics of which the register knows that they are published."""
        self._said_at = 0.0
        self._leads = False
        self._failed: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="rxsse-grip", daemon=True)

    # --- any thread ----------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()
        self._register.follow(self)

    def close(self) -> None:
        """Publish what waits, and end. Streams stay with their proxies, for the next owner."""
        self._inbox.put(None)
        self._thread.join(self._settings.BACKEND_TIMEOUT)
        self._publisher.close(GRACE_SECONDS)

    def post(self, happened: Callable[..., None], *given: Any) -> None:
        """Run ``happened(*given)`` on the owner's thread, in order."""
        self._inbox.put((happened, given))

    def entered(self, held: Held) -> None:
        self.post(self._enter, held)

    def all(self, held: Iterable[Held]) -> None:
        self.post(self._enter_all, list(held))

    # As `Hub` does for the guard.

    def hold(self, readers: Iterable[HeldReader]) -> None:
        self.post(self._hold, list(readers))

    def release(self, readers: Iterable[HeldReader]) -> None:
        self.post(self._release, list(readers))

    def end(self, readers: Iterable[HeldReader], reason: str) -> None:
        self.post(self._end, list(readers), reason)

    # --- the owner's thread --------------------------------------------------------------

    def _run(self) -> None:
        due = 0.0
        while True:
            try:
                happened = self._inbox.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                happened = (lambda: None, ())
            self.now = time.monotonic()
            if happened is None:
                break
            self._do(happened[0], *happened[1])
            if self.now >= due:
                due = self.now + TICK_SECONDS
                self._do(self._tick)
        for published in self._topics.values():
            published.readers = 0
        self._say_what_is_published()
        self._resign()

    def _do(self, happened: Callable[..., None], *given: Any) -> None:
        try:
            happened(*given)
        except Exception:
            logger.exception("The owner could not take what it was told")

    @property
    def leads(self) -> bool:
        """Whether this one, of several owners, publishes what must not come twice; as long as its last word counts."""
        return self._leads and (not self._register.shared or time.monotonic() < self._said_at + ALIVE_SECONDS)

    def publish(self, items: list[Any], size: int) -> None:
        self._publisher.publish(items, size)

    def ended(self, published: Published) -> None:
        """Its anchor is gone, and its streams have been told."""
        self._dismiss([reader for reader in self._readers.values() if reader.topic == published.topic.name])

    def _enter_all(self, held: list[Held]) -> None:
        for each in held:
            self._enter(each)

    def _enter(self, held: Held) -> None:
        reader = self._readers.get(held.id)
        if reader is not None:
            reader.until = held.until
            return
        if held.until <= time.time():
            self._forget([held.id])
            return
        reader = self._readers[held.id] = HeldReader(self, held)
        published = self._topics.get(reader.topic)
        if published is None:
            published = Published(self, held.topic, self._settings.PREFIX, self._settings.RING_LENGTH)
            self._topics[reader.topic] = published
            self._activate(published)
        published.readers += 1
        if self._guard.entered(reader):
            reader.held = True
            published.held += 1

    def _activate(self, published: Published) -> None:
        future = self.source.activate(published.topic, published)
        future.add_done_callback(lambda done: self.post(self._activated, published, done))

    def _activated(self, published: Published, future: Future[Cursor]) -> None:
        if published.closed:
            return
        name = published.topic.name
        try:
            cursor = future.result()
        except Gone:
            # Whoever asks is told so: a stream that ends can't come back by itself.
            self._dismiss([reader for reader in self._readers.values() if reader.topic == name], hint=True)
        except Exception as error:
            logger.warning("%s can't be published now: %s", name, error)
            self._failed[name] = self.now + AGAIN_SECONDS
        else:
            published.open(cursor)

    def _hold(self, readers: list[HeldReader]) -> None:
        for reader in readers:
            published = self._topics.get(reader.topic)
            if published is not None and not reader.held and reader.id in self._readers:
                reader.held = True
                published.held += 1

    def _release(self, readers: list[HeldReader]) -> None:
        for reader in readers:
            self._let_go(reader)

    def _let_go(self, reader: HeldReader) -> None:
        if reader.held:
            reader.held = False
            published = self._topics.get(reader.topic)
            if published is not None:
                published.held -= 1
                if not published.held:
                    published.resume()

    def _end(self, readers: list[HeldReader], reason: str) -> None:
        event = wire.revoked(reason)
        for reader in readers:
            channel = proxies.reader_channel(self._settings.PREFIX, reader.id)
            items = [proxies.content(channel, event), proxies.close(channel)]
            self._publisher.publish(items, len(event), keep=True)
        self._dismiss(readers)

    def _dismiss(self, readers: list[HeldReader], hint: bool = False) -> None:
        """Guard ``readers`` no more. The register keeps them to their end: who asks again is told why he ended."""
        gone = [reader for reader in readers if self._readers.pop(reader.id, None) is not None]
        for reader in gone:
            self._guard.left(reader)
            if hint:
                channel = proxies.reader_channel(self._settings.PREFIX, reader.id)
                self._publisher.publish([proxies.hint(channel)], 0)
            self._let_go(reader)
            published = self._topics.get(reader.topic)
            if published is not None:
                published.readers -= 1

    def _drop(self, published: Published) -> None:
        published.closed = True
        self._topics.pop(published.topic.name, None)
        self._failed.pop(published.topic.name, None)
        self.source.deactivate(published.topic, published)

    def _forget(self, ids: list[str]) -> None:
        if ids:
            try:
                self._register.forget(ids)
            except Unavailable as error:
                logger.info("who is not held any more runs out by himself: %s", error)

    # --- the clock -----------------------------------------------------------------------

    def _tick(self) -> None:
        wall = time.time()
        over = [reader for reader in self._readers.values() if reader.until <= wall]
        self._dismiss(over)
        self._forget([reader.id for reader in over])
        for name in [name for name, due in self._failed.items() if due <= self.now]:
            del self._failed[name]
            if name in self._topics:
                self._activate(self._topics[name])
        if self._settings.MARK_SECONDS:
            quiet = self.now - self._settings.MARK_SECONDS
            for published in self._topics.values():
                if published.quiet_since <= quiet:
                    published.mark()
        self._say_what_is_published()

    def _resign(self) -> None:
        try:
            self._register.resign()
        except Unavailable as error:
            logger.info("another owner leads only when this one counts as dead: %s", error)

    def _say_what_is_published(self) -> None:
        idle = [published for published in self._topics.values() if not published.readers]
        ready = {name for name, published in self._topics.items() if published.ready and published.readers}
        began = time.monotonic()
        try:
            self._leads = self._register.publishing(ready - self._said, self._said - ready, ALIVE_SECONDS)
            self._said, self._said_at = ready, began
        except Unavailable as error:
            self._said = set()
            logger.info("servers don't know what is published: %s", error)
        for published in idle:  # not before servers know: what they begin from now on they look after sooner
            self._drop(published)

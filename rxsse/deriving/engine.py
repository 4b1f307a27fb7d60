"""The owner's side of one process: every hot topic, its workers and the clock; implements `Source`.

Knows topics and backends, never connections of clients.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

from django.db import DatabaseError, InterfaceError

from rxsse import probes
from rxsse.cursors import Cursor
from rxsse.deriving.hearing import Hearing
from rxsse.deriving.outlet import answer
from rxsse.deriving.owning import Backends
from rxsse.deriving.topics import HotTopic
from rxsse.deriving.workers import Workers
from rxsse.messages import Fanout, Topic
from rxsse.source import Sink

logger = logging.getLogger("rxsse.deriving")

_TICK = 0.1  # seconds: the resolution of retries and re-checks


class Engine:
    """See `rxsse.source.Source`. Threads start with the first topic."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self.hearing = Hearing(backends.feed)
        self._workers = Workers(backends.settings.DERIVE_THREADS)
        self._owner = secrets.token_hex(8)
        self._topics: dict[str, HotTopic] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._clock: threading.Thread | None = None
        self._mending = False

    def activate(self, topic: Topic, sink: Sink) -> Future[Cursor]:
        """Make ``topic`` hot and tell ``sink`` of it."""
        with self._lock:  # or the clock may find a topic that nobody reads yet, and end it
            return self._hot(topic).add(sink)

    def deactivate(self, topic: Topic, sink: Sink) -> None:
        """``sink`` is told nothing more; the topic cools once nobody wants it."""
        with self._lock:
            hot = self._topics.get(topic.name)
            if hot is not None:
                hot.remove(sink)
                if not hot.wanted:
                    self._cool(hot)

    def snapshot(self, topic: Topic) -> Future[tuple[Cursor, bytes]]:
        """The state; a topic that nobody reads becomes hot for ``COOL_SECONDS``."""
        with self._lock:
            hot = self._hot(topic)
            hot.wanted_until = time.monotonic() + self._backends.settings.COOL_SECONDS
            return hot.snapshot()

    def since(self, topic: Topic, cursor: Cursor) -> Future[Sequence[bytes] | None]:
        future: Future[Sequence[bytes] | None] = Future()

        def read() -> None:
            try:
                patches = self._backends.cache.since(topic, cursor)
                if self._backends.cache.shared:
                    self.hearing.hear()
                answer(future, patches)
            except Exception as error:
                answer(future, error)

        self._workers.submit(read)
        return future

    @property
    def owner(self) -> str:
        """What this process signs its leases with."""
        return self._owner

    @property
    def topics(self) -> Sequence[HotTopic]:
        """What is hot here, at this moment."""
        return tuple(self._topics.values())

    # --- from the broker -----------------------------------------------------------------

    def fanned_out(self, topic_name: str, fanout: Fanout) -> None:
        hot = self._topics.get(topic_name)
        if hot is not None:
            with probes.to.span("rxsse.receive", hot.topic, (fanout.trace,) if fanout.trace else ()):
                hot.deliver(fanout)

    def knows(self, topic_name: str, fanout: Fanout) -> bool:
        """Whether readers were told this before, or nobody reads it here."""
        hot = self._topics.get(topic_name)
        return hot is None or hot.knows(fanout)

    def gap(self, reason: str) -> None:
        logger.info("comparing every topic with its log: %s", reason)
        for hot in tuple(self._topics.values()):
            hot.spoil()

    # --- the clock -----------------------------------------------------------------------

    def close(self) -> None:
        """Give every topic up, so that others can take over at once, and end the threads."""
        self._stop.set()
        with self._lock:
            topics, self._topics = list(self._topics.values()), {}
        for hot in topics:
            hot.end()
        self._workers.close(self._backends.settings.BACKEND_TIMEOUT)
        if self._clock is not None and self._clock is not threading.current_thread():
            self._clock.join(self._backends.settings.BACKEND_TIMEOUT)

    def _start(self) -> None:
        if self._clock is None:
            self._clock = threading.Thread(target=self._tick, name="rxsse-clock", daemon=True)
            self._clock.start()

    def _tick(self) -> None:
        renewal = self._backends.settings.LEASE_SECONDS / 3
        renew_at = swept_at = time.monotonic()
        while not self._stop.wait(_TICK):
            now = time.monotonic()
            renewing = self._backends.cache.shared and now >= renew_at
            if renewing:
                renew_at = now + renewal
            if now - swept_at > 1:
                swept_at = now
                self._backends.inbox.sweep()
                self._mend()
            for hot in tuple(self._topics.values()):
                self._look_after(hot, now, renewing)

    def _mend(self) -> None:
        if self._topics and not self._mending:
            self._mending = True
            self._workers.submit(self._mend_feed)

    def _mend_feed(self) -> None:
        """Learn of what writers could tell nobody but the database, as soon as the feed can be told."""
        try:
            self._backends.feed.mend()
        except (DatabaseError, InterfaceError) as error:
            logger.debug("Whether writers have left word in the database can't be told: %s", error)
        finally:
            self._mending = False

    def _look_after(self, hot: HotTopic, now: float, renewing: bool) -> None:
        if hot.ended or not hot.wanted:
            with self._lock:
                if hot.ended or not hot.wanted:
                    self._cool(hot)
                    return
        hot.tick(now)
        if renewing:
            hot.contend()

    def _hot(self, topic: Topic) -> HotTopic:
        with self._lock:
            self._start()
            hot = self._topics.get(topic.name)
            if hot is None or hot.ended:
                hot = HotTopic(topic, self._backends, self._workers, self._owner, self.hearing)
                self._topics[topic.name] = hot
            return hot

    def _cool(self, hot: HotTopic) -> None:
        """Give a topic up. Called with the lock held."""
        if self._topics.get(hot.topic.name) is hot:
            del self._topics[hot.topic.name]
            self._backends.broker.unsubscribe(hot.topic)
        hot.end()

"""Lets nothing pass from owners to the serving side before the feed was read to its end; knows no reader.

Between processes a patch and the announcement of what it was derived from travel on different ways, and the
patch may be the faster one. The announcement was readable before the change could be derived, so whoever reads
the feed after the patch has come and before it goes on hears first whom the same transaction has revoked (I7).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.db import connections

from rxsse.cursors import Cursor
from rxsse.exceptions import Unavailable
from rxsse.feeds.base import BaseFeed
from rxsse.messages import Topic
from rxsse.source import Sink, Source

logger = logging.getLogger("rxsse.guarding")

T = TypeVar("T")

BLIND = 1.0
"""Seconds that nobody waits for a feed that couldn't be read: when it is back it says `gap`, and everybody is asked."""


class Fence:
    """A `Source` behind which everything comes in the same order, after the feed, by one thread."""

    def __init__(self, source: Source, feed: BaseFeed) -> None:
        self._source = source
        self._feed = feed
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._sinks: dict[tuple[str, int], _Fenced] = {}
        self._blind_until = 0.0

    # --- Source --------------------------------------------------------------------------

    def activate(self, topic: Topic, sink: Sink) -> Future[Cursor]:
        with self._lock:
            fenced = self._sinks[topic.name, id(sink)] = _Fenced(sink, self.after)
        return self._source.activate(topic, fenced)

    def deactivate(self, topic: Topic, sink: Sink) -> None:
        with self._lock:
            fenced = self._sinks.pop((topic.name, id(sink)), None)
        if fenced is not None:
            fenced.over = True
            self._source.deactivate(topic, fenced)

    def snapshot(self, topic: Topic) -> Future[tuple[Cursor, bytes]]:
        return self._late(self._source.snapshot(topic))

    def since(self, topic: Topic, cursor: Cursor) -> Future[Sequence[bytes] | None]:
        return self._late(self._source.since(topic, cursor))

    # --- the fence -----------------------------------------------------------------------

    def after(self, call: Callable[[], None]) -> None:
        """Run ``call`` once the feed has been read to where it ends now, in order. From any thread."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="rxsse-fence", daemon=True)
                    self._thread.start()
        self._waiting.put(call)

    def close(self, timeout: float) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout)

    def _late(self, given: Future[T]) -> Future[T]:
        late: Future[T] = Future()
        given.add_done_callback(lambda done: self.after(partial(_copy, done, late)))
        return late

    def _run(self) -> None:
        try:
            self._pass_on()
        finally:
            connections.close_all()  # where the feed is in a database

    def _pass_on(self) -> None:
        while True:
            calls = [self._waiting.get()]
            # One look at the feed for all that is here by now.
            try:
                while True:
                    calls.append(self._waiting.get_nowait())
            except Empty:
                self._catch_up()
            for call in calls:
                if call is None:
                    return
                try:
                    call()
                except Exception:
                    logger.exception("What an owner said could not be passed on")

    def _catch_up(self) -> None:
        if time.monotonic() < self._blind_until:
            return
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                connection.close()
        try:
            self._feed.catch_up()
        except Unavailable as error:
            logger.warning("Whom a change revokes can't be heard now, streams go on: %s", error)
            self._blind_until = time.monotonic() + BLIND


class _Fenced:
    """A `Sink` that passes everything on late."""

    def __init__(self, sink: Sink, after: Callable[[Callable[[], None]], None]) -> None:
        self._sink = sink
        self._after = after
        self.over = False

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        self._pass(partial(self._sink.patched, topic, cursor, patch))

    def began(self, topic: Topic, cursor: Cursor, reason: str) -> None:
        self._pass(partial(self._sink.began, topic, cursor, reason))

    def stale(self, topic: Topic, reason: str) -> None:
        self._pass(partial(self._sink.stale, topic, reason))

    def gone(self, topic: Topic) -> None:
        self._pass(partial(self._sink.gone, topic))

    def message(self, topic: Topic, event: str, body: bytes) -> None:
        self._pass(partial(self._sink.message, topic, event, body))

    def _pass(self, call: Callable[[], None]) -> None:
        self._after(partial(self._pass_now, call))

    def _pass_now(self, call: Callable[[], None]) -> None:
        if not self.over:
            call()


def _copy(given: Future[T], late: Future[T]) -> None:
    error = given.exception()
    if error is not None:
        late.set_exception(error)
    else:
        late.set_result(given.result())

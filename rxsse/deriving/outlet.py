"""Tells a topic's readers in this process what was fanned out: in order, without a hole, nothing twice.

Knows the sinks and the cursor they have reached; never reads the log itself but says when
that has to be done.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from rxsse import probes
from rxsse.cursors import Cursor
from rxsse.exceptions import Gone, RxsseError
from rxsse.messages import Fanout, Kind, Topic
from rxsse.source import Sink

logger = logging.getLogger("rxsse.deriving")

T = TypeVar("T")


class Outlet:
    """All methods may be called from any thread. Sinks are told with the lock held."""

    def __init__(self, topic: Topic, behind: Callable[[], None]) -> None:
        """``behind`` is called when something is missing between what was told and what arrives."""
        self.topic = topic
        self.lock = threading.RLock()
        self.cursor: Cursor | None = None
        """What the sinks have been told; None until the topic is open."""
        self.stale = False
        """Whether they were told that the state can't be derived."""
        self._behind = behind
        self._sinks: list[Sink] = []
        self._arriving: list[tuple[Sink, Future[Cursor]]] = []
        self._closed: RxsseError | None = None

    @property
    def wanted(self) -> bool:
        with self.lock:
            return bool(self._sinks or self._arriving)

    def add(self, sink: Sink) -> Future[Cursor]:
        """Tell ``sink`` everything that follows the cursor that the future resolves with."""
        future: Future[Cursor] = Future()
        with self.lock:
            if self._closed is not None:
                future.set_exception(self._closed)
            elif self.cursor is None:
                self._arriving.append((sink, future))
            else:
                self._sinks.append(sink)
                future.set_result(self.cursor)
        return future

    def remove(self, sink: Sink) -> None:
        """``sink`` is told nothing after this returns."""
        with self.lock:
            self._sinks = [other for other in self._sinks if other is not sink]
            left = [future for other, future in self._arriving if other is sink]
            self._arriving = [(other, future) for other, future in self._arriving if other is not sink]
        for future in left:
            answer(future, Gone(f"{self.topic.name} was given up before it was there"))

    def open(self, head: Cursor) -> bool:
        """The log stands at ``head``; False where the outlet was open before and may be behind it."""
        with self.lock:
            if self.cursor is not None:
                return False
            self.cursor = head
            arriving, self._arriving = self._arriving, []
            for sink, future in arriving:
                self._sinks.append(sink)
                answer(future, head)
            return True

    def close(self, error: RxsseError) -> None:
        """Tell nobody anything any more; whoever still waits to be let in gets ``error``."""
        with self.lock:
            self._closed = error
            arriving, self._arriving, self._sinks = self._arriving, [], []
        for _, future in arriving:
            answer(future, error)

    # --- what happens --------------------------------------------------------------------

    def tell(self, fanout: Fanout) -> None:
        """Pass on what was fanned out, from any process and in any order."""
        with self.lock:
            if self.cursor is None or self._closed is not None:
                return
            cursor = Cursor(fanout.epoch, fanout.revision)
            if fanout.kind is Kind.PATCH:
                self._patch(cursor, fanout.body)
            elif fanout.kind is Kind.BEGIN and fanout.epoch != self.cursor.epoch:
                self.begin(cursor, fanout.body.decode())
            elif fanout.kind is Kind.STALE:
                self.stale = True
                self._each(lambda sink: sink.stale(self.topic, fanout.body.decode()))
            elif fanout.kind is Kind.MESSAGE:
                event, _, body = fanout.body.partition(b"\n")
                self._each(lambda sink: sink.message(self.topic, event.decode(), body))
            elif fanout.kind is Kind.GONE:
                self._each(lambda sink: sink.gone(self.topic))
                self.close(Gone(f"the anchor of {self.topic.name} does not exist"))

    def replay(self, cursor: Cursor, patches: Iterable[bytes]) -> None:
        """Pass on ``patches``, read from the log after ``cursor``; those that were told meanwhile are left out."""
        with self.lock:
            for patch in patches:
                cursor = cursor.next()
                self._patch(cursor, patch)

    def begin(self, cursor: Cursor, reason: str) -> None:
        """Tell that history broke, and goes on at ``cursor``."""
        with self.lock:
            self.cursor, self.stale = cursor, False
            self._each(lambda sink: sink.began(self.topic, cursor, reason))

    def _patch(self, cursor: Cursor, patch: bytes) -> None:
        if self.cursor is None:
            return
        if cursor == self.cursor.next():
            self.cursor = cursor
            self._each(lambda sink: sink.patched(self.topic, cursor, patch))
        elif cursor.epoch != self.cursor.epoch or cursor.revision > self.cursor.revision:
            self._behind()

    def _each(self, tell: Callable[[Sink], None]) -> None:
        """One sink that fails (its event loop was closed) leaves no hole in what the others are told."""
        for sink in tuple(self._sinks):
            try:
                tell(sink)
            except Exception:
                logger.exception(
                    "a reader of %s could not be told", self.topic.name, extra=probes.about(self.topic, self.cursor)
                )


def answer(future: Future[T], found: T | Exception) -> None:
    """Resolve ``future``, unless whoever asked has gone away."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)

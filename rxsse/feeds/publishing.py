"""The writer's side of the Redis feed: puts announcements into the stream; knows nothing of who reads them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

import redis
from redis.typing import EncodableT, FieldT

from rxsse.feeds.breaker import PAUSE, Breaker
from rxsse.messages import Announcement

logger = logging.getLogger(__name__)

ANNOUNCEMENT = b"a"
"""The field of a stream entry that holds an encoded announcement."""
GAP = b"gap"
"""The field of a stream entry that tells every reader to reconcile; its value is the reason."""

QUEUE_LENGTH = 1_000  # A thousand transactions behind, one gap is cheaper than the rest of them.
BATCH_LENGTH = 100  # Entries per round trip of the sender: enough to catch up, small enough for the time-out.

Entry = dict[FieldT, EncodableT]


class Publisher:
    """`prepare` is one round trip in the caller's thread; `commit` is left to a daemon thread."""

    def __init__(self, client: redis.Redis, breaker: Breaker, stream: str, length: int) -> None:
        self._client = client
        self._breaker = breaker
        self._stream = stream
        self._length = length
        self._wake = threading.Condition()
        self._waiting: deque[Announcement] = deque()
        self._lost = False  # something was not delivered: the next thing to send is a gap
        self._sending = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def prepare(self, announcement: Announcement) -> bool:
        try:
            entry: Entry = {ANNOUNCEMENT: announcement.encode()}
        except Exception:
            logger.exception("A transaction can't be announced: %r", announcement.id)
            return False
        if not self._breaker.passes():
            return False
        try:
            self._add(self._client, entry)
        except Exception as error:  # I6: whatever it is, it must not fail the write
            self._breaker.failed(error)
            return False
        self._breaker.succeeded()
        return True

    def commit(self, announcement: Announcement) -> None:
        with self._wake:
            if self._closed.is_set():
                return
            if len(self._waiting) >= QUEUE_LENGTH:
                self._waiting.clear()
                self._lost = True
            self._waiting.append(announcement)
            if self._thread is None:
                self._start()
            self._wake.notify_all()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="rxsse-feed-sender", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter is shutting down, or there are too many threads
            logger.warning("A transaction is not announced: %s", error)
            return
        self._thread = thread

    def flush(self, seconds: float) -> None:
        """Wait until everything is sent, or can't be, or ``seconds`` have passed."""
        with self._wake:
            if self._thread is not None:
                self._wake.wait_for(lambda: self._lost or not (self._waiting or self._sending), seconds)

    def close(self, seconds: float) -> None:
        self.flush(seconds)
        with self._wake:
            self._closed.set()
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while batch := self._next_batch():
            sent = self._send(batch)
            with self._wake:
                self._sending = False
                self._lost = self._lost or not sent
                self._wake.notify_all()
            if not sent:
                self._closed.wait(PAUSE)

    def _next_batch(self) -> Sequence[Entry]:
        """What to send next; empty when closed. Waits."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._lost or self._closed.is_set())
            if self._closed.is_set():
                return ()
            self._sending = True
            if self._lost:
                # Everything that waits is older than this gap, and covered by it.
                self._waiting.clear()
                self._lost = False
                return ({GAP: b"announcements were lost on their way"},)
            taken = [self._waiting.popleft() for _ in range(min(BATCH_LENGTH, len(self._waiting)))]
        return [_entry(announcement) for announcement in taken]

    def _send(self, entries: Sequence[Entry]) -> bool:
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for entry in entries:
                    self._add(pipeline, entry)
                pipeline.execute()
        except Exception as error:
            self._breaker.failed(error)
            return False
        self._breaker.succeeded()
        return True

    def _add(self, client: redis.Redis, entry: Entry) -> None:
        client.xadd(self._stream, entry, maxlen=self._length, approximate=True)


def _entry(announcement: Announcement) -> Entry:
    try:
        return {ANNOUNCEMENT: announcement.encode()}
    except Exception:
        logger.exception("A transaction can't be announced: %r", announcement.id)
        return {GAP: b"an announcement could not be encoded"}

"""The owner's side of the Redis feed: follows the stream and says where it has holes; knows nothing of writers.

The position is the id of the last entry given to the listener. As long as a former position is
still in the stream nothing after it has been trimmed, because a stream is trimmed from its
beginning; when it is not there, the stream was trimmed past us or is another one. That audit is
part of every `catch_up`; news that come one by one are delivered without it, until one is due.

So is a look at the transactions that are under way. It comes first: one that is over by then is
in the stream. Nothing wakes the reader when one begins, as nobody needs to know before he has
taken a snapshot of the database and catches up.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import redis

from rxsse.exceptions import ProtocolError, Unavailable
from rxsse.feeds.base import Listener
from rxsse.feeds.in_flight import InFlight
from rxsse.feeds.interest import RENEWED, Interest
from rxsse.feeds.lines import Line, beginning, packed
from rxsse.feeds.publishing import ANNOUNCEMENT, COMMITTED, GAP
from rxsse.messages import Announcement, Phase

logger = logging.getLogger(__name__)

BEGINNING = b"0-0"
BATCH_LENGTH = 500  # Entries per read: bounds memory, and costs a round trip only to who is far behind.
BLOCK = 1.0
"""Seconds that a read waits for news, and between two audits at most, whether anything comes or not."""
BURST = 0.003
"""Seconds between two reads while news keep coming: a burst of writes wakes a reader every few of them, not by each.
Shorter than it takes to derive what one of them has changed."""
LONGEST_PAUSE = 1.0
"""Seconds between two attempts at a dead Redis, at most: the delay that its return costs."""

Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


class Reader:
    """One thread that waits; any thread may `catch_up`. Each entry is delivered once, in order."""

    def __init__(
        self,
        client: redis.Redis,
        waiting: redis.Redis,
        line: Line,
        interest: Interest,
        listener: Listener,
        *,
        stream: str,
        hash_: str,
        length: int,
        wait: float,
        settle: float,
    ) -> None:
        """``waiting`` must allow reads of `BLOCK` seconds; ``settle``: seconds until writers know what is watched.

        ``line`` is for `catch_up`, which every change waits for on its way: a client's pipeline takes twice the time.
        """
        self.listener = listener
        self._client = client
        self._waiting = waiting
        self._line = line
        self._interest = interest
        self._stream = stream
        self._hash = hash_
        name = stream.encode()
        self._look = beginning(b"HGETALL", hash_.encode(), more=0)
        self._read = beginning(b"XREAD", b"COUNT", b"%d" % BATCH_LENGTH, b"STREAMS", name, more=1)
        self._find = beginning(b"XRANGE", name, more=2)
        self._measure = beginning(b"XLEN", name, more=0)
        self._in_flight = InFlight()
        self._length = length
        self._wait = wait
        self._settle = settle
        self._position: bytes | None = None
        self._audited = BEGINNING  # the position at the last audit, and what was delivered since then
        self._unaudited = 0
        self._audit_at = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._renew_at = 0.0
        self._gap_at: float | None = None
        self._waiting_id: int | None = None
        self._thread = threading.Thread(target=self._run, name="rxsse-feed-reader", daemon=True)

    def start(self) -> None:
        """Follow the stream from its present end on."""
        try:
            self._position = self._audited = self._end()
        except (redis.RedisError, OSError) as error:
            logger.warning("The feed is out of reach: %s", error)
        self._thread.start()

    def catch_up(self) -> None:
        """Deliver all that is in the stream now; raises `Unavailable`."""
        if not self._lock.acquire(timeout=self._wait):
            raise Unavailable("the feed's listener has not finished within BACKEND_TIMEOUT")
        try:
            self._pull()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"the feed can't be read to its end: {error}") from error
        finally:
            self._lock.release()

    def stop(self, seconds: float) -> None:
        self._stopped.set()
        if self._waiting_id is not None:
            # Where this fails the read ends by its time-out.
            with suppress(redis.RedisError, OSError):
                self._client.client_unblock(self._waiting_id)
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)
        if self._lock.acquire(blocking=False):  # who asks at this moment, or stops us from a listener, has it
            self._line.close()
            self._lock.release()

    # --- the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                self._connect(again=failures > 0)
                failures = 0
                while not self._stopped.is_set():
                    self._follow()
            except Exception as error:  # redis-py's own, and whatever a broken answer makes it raise
                self._waiting_id = None
                self._waiting.connection_pool.disconnect()
                if not self._stopped.is_set():
                    if not failures:
                        logger.warning("The feed is out of reach: %s", error)
                    failures += 1
                    pause = min(LONGEST_PAUSE, 0.05 * 2 ** min(failures, 10))
                    self._stopped.wait(pause * random.uniform(0.5, 1))
        self._waiting.close()

    def _connect(self, *, again: bool) -> None:
        self._waiting_id = self._waiting.client_id()
        self._renew_interest()
        with self._lock:
            self._pull()
            if again:
                # A Redis that failed over may have lost entries that it had confirmed.
                self._gap("the feed was out of reach")

    def _follow(self) -> None:
        """Wait for news once, deliver it, and look after what is due."""
        now = time.monotonic()
        if self._gap_at is not None and now >= self._gap_at:
            self._gap_at = None
            with self._lock:
                self._gap("writers may not have known what is watched")
        if now >= self._renew_at:
            self._renew_interest()
        due = min(self._renew_at, self._audit_at, self._gap_at if self._gap_at is not None else self._renew_at)
        block = max(1, int(1_000 * min(BLOCK, due - now)))  # 0 would mean for ever
        since = self._position or BEGINNING
        reply = self._waiting.xread({self._stream: since}, count=BATCH_LENGTH, block=block)
        with self._lock:
            self._deliver(_entries(reply))
            if self._audit_is_due():
                self._pull()
        if reply:
            self._stopped.wait(BURST)

    def _audit_is_due(self) -> bool:
        # An empty stream has nothing to know it by, and an audited entry must not be trimmed just
        # because of those that came after it.
        known = self._audited != BEGINNING and self._unaudited < self._length // 2
        return not known or time.monotonic() >= self._audit_at

    def _renew_interest(self) -> None:
        if self._interest.renew():
            self._gap_at = time.monotonic() + self._settle
        self._renew_at = time.monotonic() + RENEWED

    # --- under the lock ------------------------------------------------------------------

    def _pull(self) -> None:
        """Deliver what there is, and check that nothing was cut out since the last audit."""
        if self._position is None:
            self._position = self._end()
            self._gap("the feed was out of reach")
            self._approve()
            return
        prepared: Mapping[bytes, bytes] | None = None
        while not self._stopped.is_set():
            news, audited = self._read + packed(self._position), self._find + packed(self._audited, self._audited)
            under_way, reply, found, length = self._line.ask(self._look + news + audited + self._measure, replies=4)
            if prepared is None:
                prepared = _pairs(under_way)
                self._prepare(prepared)
            entries = [(id_, _pairs(fields)) for id_, fields in reply[0][1]] if reply else []
            self._deliver(entries)
            if not (length < self._length if self._audited == BEGINNING else found):
                if not entries:
                    self._position = self._end()
                self._in_flight.forget()
                self._gap("the feed was trimmed or replaced")
            self._approve()
            if len(entries) < BATCH_LENGTH:
                self._finish(prepared)
                return

    def _prepare(self, prepared: Mapping[bytes, bytes]) -> None:
        """Tell what is under way now."""
        for announcement in self._in_flight.news(prepared, time.monotonic()):
            if announcement is None:
                self._gap("a transaction that is under way can't be read")
            else:
                self._announce(announcement)

    def _finish(self, prepared: Mapping[bytes, bytes]) -> None:
        """See to what is under way no more, of which the stream said nothing, and to what never will be over."""
        for announcement in self._in_flight.vanished(prepared):
            self._announce(announcement)
        if abandoned := self._in_flight.abandoned(time.monotonic()):
            self._client.hdel(self._hash, *abandoned)

    def _approve(self) -> None:
        """Up to the position everything was delivered, or a gap told."""
        assert self._position is not None
        self._audited, self._unaudited = self._position, 0
        self._audit_at = time.monotonic() + BLOCK

    def _deliver(self, entries: Entries) -> None:
        for id_, fields in entries:
            if self._stopped.is_set():
                return
            # Another thread's pull may have been faster.
            if self._position is not None and _order(id_) <= _order(self._position):
                continue
            self._position = id_
            self._unaudited += 1
            self._tell(id_, fields)

    def _tell(self, id_: bytes, fields: Mapping[bytes, bytes]) -> None:
        if GAP in fields:
            self._gap(fields[GAP].decode(errors="replace"))
            return
        try:
            announcement = _announcement(fields)
        except (ProtocolError, KeyError):
            logger.warning("The feed's entry %r is not an announcement", id_)
            self._gap("an entry of the feed can't be read")
            return
        self._in_flight.over(announcement.id)
        self._announce(announcement)

    def _announce(self, announcement: Announcement) -> None:
        try:
            self.listener.announced(announcement)
        except Exception:
            logger.exception("A listener of the feed failed")

    def _gap(self, reason: str) -> None:
        if self._stopped.is_set():
            return
        try:
            self.listener.gap(reason)
        except Exception:
            logger.exception("A listener of the feed failed")

    def _end(self) -> bytes:
        entries: Any = self._client.xrevrange(self._stream, count=1)
        return entries[0][0] if entries else BEGINNING


def _announcement(fields: Mapping[bytes, bytes]) -> Announcement:
    if COMMITTED in fields:
        return replace(Announcement.decode(fields[COMMITTED]), phase=Phase.COMMITTED)
    return Announcement.decode(fields[ANNOUNCEMENT])


def _entries(reply: Any) -> Entries:
    return reply[0][1] if reply else ()


def _pairs(words: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(words[::2], words[1::2], strict=True))


def _order(id_: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = id_.partition(b"-")
    return int(milliseconds), int(sequence)

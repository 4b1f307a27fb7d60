"""The writer's side of the Redis feed: puts announcements into the stream; knows nothing of who reads them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rxsse.feeds.breaker import PAUSE, Breaker
from rxsse.feeds.lines import Connection, Line, beginning, packed
from rxsse.messages import Announcement, Phase

logger = logging.getLogger(__name__)

ANNOUNCEMENT = b"a"
"""The field of a stream entry that holds an encoded announcement."""
COMMITTED = b"c"
"""The field of a stream entry that holds an encoded PREPARED which is COMMITTED now."""
GAP = b"gap"
"""The field of a stream entry that tells every reader to reconcile; its value is the reason."""

LOST = b"announcements were lost on their way"


class Publisher:
    """`prepare` is one round trip in the caller's thread, `commit` is half of one.

    PREPARED goes into a hash and wakes nobody; COMMITTED takes it out again and puts it into the
    stream, in this order: who reads first the hash and then the stream finds it at least once.

    Where something was not delivered, a thread tells every reader to reconcile, as soon as that
    is possible. What readers owe to a COMMITTED that nobody notices to be lost is small: its
    PREPARED was acknowledged, and they settle it themselves after a while.
    """

    def __init__(
        self, connect: Callable[[], Connection], breaker: Breaker, *, stream: str, hash_: str, length: int
    ) -> None:
        """``connect`` gives a connection that is not yet open; ``length``: about how many entries the stream keeps."""
        self._connect = connect
        self._breaker = breaker
        self._add_to_stream = beginning(b"XADD", stream.encode(), b"MAXLEN", b"~", b"%d" % length, b"*", more=2)
        self._add_to_hash = beginning(b"HSET", hash_.encode(), more=2)
        self._take_from_hash = beginning(b"HDEL", hash_.encode(), more=1)
        self._idle: list[Line] = []  # the last one used is the first one to be used again
        self._acknowledged: dict[str, bytes] = {}  # PREPARED as it was sent, of what is not yet committed
        self._lock = threading.Lock()
        self._lost = False
        self._mender: threading.Thread | None = None
        self._ending = threading.Event()  # the mender waits for nothing any more
        self._closed = False

    def prepare(self, announcement: Announcement) -> bool:
        try:
            body = packed(announcement.encode())
            command = b"%b%b%b" % (self._add_to_hash, packed(announcement.id.encode()), body)
        except Exception:
            logger.exception("A transaction can't be announced: %r", announcement.id)
            return False
        if not (self._breaker.passes() and self._send(command, replies=1, waits=True)):
            return False
        self._acknowledged[announcement.id] = body
        return True

    def commit(self, announcement: Announcement) -> None:
        if self._closed:
            return
        prepared = self._acknowledged.pop(announcement.id, None)
        try:
            if prepared is not None and not announcement.changes and announcement.phase is Phase.COMMITTED:
                entry = self._entry(COMMITTED, prepared)
            else:
                entry = self._entry(ANNOUNCEMENT, packed(announcement.encode()))
            # Also where PREPARED failed: it may have arrived although nobody said so.
            commands = b"%b%b%b" % (entry, self._take_from_hash, packed(announcement.id.encode()))
        except Exception:
            logger.exception("A transaction can't be announced: %r", announcement.id)
            commands = self._gap(b"an announcement could not be encoded") * 2  # two replies as well
        # One that says more than its PREPARED must not get lost unnoticed.
        waits = bool(announcement.changes) or prepared is None
        if not (self._breaker.passes() and self._send(commands, replies=2, waits=waits)):
            self._lose()

    def gap(self) -> bool:
        """Have every reader reconcile; whether that is in the stream now."""
        return self._breaker.passes() and self._send(self._gap(LOST), replies=1, waits=True)

    def flush(self, seconds: float) -> None:
        """The process ends: readers that are to reconcile are told so now, within ``seconds``, or not at all."""
        self._ending.set()
        mender = self._mender
        if mender is not None:
            mender.join(seconds)

    def close(self, seconds: float) -> None:
        self._closed = True
        self.flush(seconds)
        for line in self._idle:
            line.close()

    def _entry(self, field: bytes, value: bytes) -> bytes:
        """The command that adds an entry with the packed ``value`` to the stream."""
        return b"%b%b%b" % (self._add_to_stream, packed(field), value)

    def _gap(self, reason: bytes) -> bytes:
        return self._entry(GAP, packed(reason))

    def _send(self, commands: bytes, *, replies: int, waits: bool) -> bool:
        line: Line | None = None
        try:
            line = self._line()
            line.send(commands, replies=replies, waits=waits)
        except Exception as error:  # I6: whatever it is, it must not fail the write
            self._breaker.failed(error)
            return False
        finally:
            if line is not None:
                self._idle.append(line)
        self._breaker.succeeded()
        return True

    def _line(self) -> Line:
        try:
            return self._idle.pop()
        except IndexError:
            return Line(self._connect(), self._lose)

    # --- what was lost -------------------------------------------------------------------

    def _lose(self) -> None:
        """Something was not delivered, at least not for sure: readers have to reconcile."""
        with self._lock:
            self._lost = True
            if self._mender is not None:
                return
            mender = threading.Thread(target=self._mend, name="rxsse-feed-mender", daemon=True)
            try:
                mender.start()
            except RuntimeError as error:  # the interpreter is shutting down, or there are too many threads
                logger.warning("A transaction is not announced: %s", error)
                return
            self._mender = mender

    def _mend(self) -> None:
        while self._take_loss():
            last = self._ending.is_set()
            if not self._send(self._gap(LOST), replies=1, waits=True):
                if last:
                    self._mender = None
                    return
                self._lost = True
                self._ending.wait(PAUSE)

    def _take_loss(self) -> bool:
        """Whether there is one; what is lost from now on is another one. Without one the thread ends."""
        with self._lock:
            lost, self._lost = self._lost, False
            if not lost:
                self._mender = None
            return lost

"""The writer's side of the Redis feed: puts announcements into the stream; knows nothing of who reads them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from rxsse.feeds.breaker import PAUSE, Breaker
from rxsse.feeds.lines import Connection, Line
from rxsse.messages import Announcement

logger = logging.getLogger(__name__)

ANNOUNCEMENT = b"a"
"""The field of a stream entry that holds an encoded announcement."""
GAP = b"gap"
"""The field of a stream entry that tells every reader to reconcile; its value is the reason."""


class Publisher:
    """`prepare` is one round trip in the caller's thread, `commit` is half of one.

    Where something was not delivered, a thread tells every reader to reconcile, as soon as that
    is possible. What readers owe to a COMMITTED that nobody notices to be lost is small: its
    PREPARED was acknowledged, and they settle it themselves after a while.
    """

    def __init__(self, connect: Callable[[], Connection], breaker: Breaker, stream: str, length: int) -> None:
        """``connect`` gives a connection that is not yet open; ``length``: about how many entries the stream keeps."""
        self._connect = connect
        self._breaker = breaker
        words = [b"XADD", stream.encode(), b"MAXLEN", b"~", b"%d" % length, b"*"]
        self._head = b"*%d\r\n" % (len(words) + 2) + b"".join(map(_packed, words))
        self._idle: list[Line] = []  # the last one used is the first one to be used again
        self._acknowledged: set[str] = set()  # prepared and not yet committed
        self._lock = threading.Lock()
        self._lost = False
        self._mender: threading.Thread | None = None
        self._ending = threading.Event()  # the mender waits for nothing any more
        self._closed = False

    def prepare(self, announcement: Announcement) -> bool:
        try:
            command = self._add(ANNOUNCEMENT, announcement.encode())
        except Exception:
            logger.exception("A transaction can't be announced: %r", announcement.id)
            return False
        if not (self._breaker.passes() and self._send(command, waits=True)):
            return False
        self._acknowledged.add(announcement.id)
        return True

    def commit(self, announcement: Announcement) -> None:
        if self._closed:
            return
        try:
            command = self._add(ANNOUNCEMENT, announcement.encode())
        except Exception:
            logger.exception("A transaction can't be announced: %r", announcement.id)
            command = self._add(GAP, b"an announcement could not be encoded")
        # One that says more than its PREPARED must not get lost unnoticed.
        waits = bool(announcement.changes) or announcement.id not in self._acknowledged
        self._acknowledged.discard(announcement.id)
        if not (self._breaker.passes() and self._send(command, waits=waits)):
            self._lose()

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

    def _add(self, field: bytes, value: bytes) -> bytes:
        """The command that adds an entry, as the server reads it: most of it is ready beforehand."""
        return b"%b%b%b" % (self._head, _packed(field), _packed(value))

    def _send(self, command: bytes, *, waits: bool) -> bool:
        line: Line | None = None
        try:
            line = self._line()
            line.send(command, waits=waits)
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
            if not self._send(self._add(GAP, b"announcements were lost on their way"), waits=True):
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


def _packed(word: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(word), word)

"""One thread's connection to Redis, the cheapest there is; knows nothing of announcements.

It is not a client: it sends bytes that are ready, and leaves unread for a while the replies that
nobody waits for. Those to one packet at most, so that a process may end at any moment: while
they are under way nothing is unread and the kernel still delivers what was sent, and once the
first is here its command is done. (Who closes a TCP connection with something unread resets it,
and may lose what the server hasn't read by then: of one packet that is the end, if it is long.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import redis


class Connection(Protocol):
    """What is needed of redis-py's connections: they open themselves, and close themselves after an error."""

    def send_packed_command(self, command: Iterable[bytes], check_health: bool) -> Any: ...

    def read_response(self, disable_decoding: bool) -> Any: ...

    def disconnect(self) -> Any: ...


class Line:
    """For one thread at a time. Connects at its first use, and again after an error."""

    def __init__(self, connection: Connection, lost: Callable[[], None] = lambda: None) -> None:
        """``lost()`` is called when a command that nobody waited for was refused, or may never have arrived."""
        self._connection = connection
        self._lost = lost
        self._proven = False  # it has worked since it was opened
        self._owed = 0  # replies to what was sent last that are still to be read

    def send(self, commands: bytes, *, replies: int, waits: bool) -> None:
        """Send packed commands that have ``replies``; ``waits`` until the server has done them.

        Raises redis-py's errors. They may arrive twice.
        """
        self._insist(commands, replies, waits)

    def ask(self, commands: bytes, *, replies: int) -> list[Any]:
        """Send packed commands and return their replies, as RESP2 has them: bytes, numbers, lists of such, None.

        Raises redis-py's errors, the server's included. The commands may arrive twice.
        """
        return self._insist(commands, replies, True)

    def close(self) -> None:
        """Disconnect, until the next use. What was sent arrives all the same."""
        self._proven, self._owed = False, 0
        self._connection.disconnect()

    def _insist(self, commands: bytes, replies: int, waits: bool) -> list[Any]:
        proven = self._proven
        try:
            return self._exchange(commands, replies, waits)
        except redis.ConnectionError:
            if not proven:
                raise
            # Closed by the server since it was last used, as idle ones are. A time-out is another error.
            return self._exchange(commands, replies, waits)

    def _exchange(self, commands: bytes, replies: int, waits: bool) -> list[Any]:
        try:
            if self._owed:
                if _refusal(self._read(self._owed)) is not None:
                    self._lost()
                self._owed = 0
            self._connection.send_packed_command((commands,), check_health=False)
            answers = self._read(replies) if waits else []
        except BaseException:  # also what a signal raises here: whose reply comes next would not be known
            owed = self._owed
            self.close()
            if owed:
                self._lost()
            raise
        self._proven = True
        self._owed = 0 if waits else replies
        if (refusal := _refusal(answers)) is not None:
            raise refusal
        return answers

    def _read(self, replies: int) -> list[Any]:
        """Read that many. An error among them is an answer like any other: the line is in order."""
        answers: list[Any] = []
        for _ in range(replies):
            try:
                answers.append(self._connection.read_response(disable_decoding=True))
            except redis.ResponseError as error:
                answers.append(error)
        return answers


def _refusal(answers: list[Any]) -> redis.ResponseError | None:
    return next((answer for answer in answers if isinstance(answer, redis.ResponseError)), None)


def beginning(*words: bytes, more: int) -> bytes:
    """A command as the server reads it, all but its last words: what can be ready beforehand."""
    return b"*%d\r\n" % (len(words) + more) + b"".join(map(packed, words))


def packed(*words: bytes) -> bytes:
    """The words of a command as the server reads them."""
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])

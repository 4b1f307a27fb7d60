"""A writing thread's connection to Redis, the cheapest there is; knows nothing of announcements.

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

    def __init__(self, connection: Connection, lost: Callable[[], None]) -> None:
        """``lost()`` is called when a command that nobody waited for was refused, or may never have arrived."""
        self._connection = connection
        self._lost = lost
        self._proven = False  # it has worked since it was opened
        self._owed = 0  # replies to what was sent last that are still to be read

    def send(self, commands: bytes, *, replies: int, waits: bool) -> None:
        """Send packed commands that have ``replies``; ``waits`` until the server has done them.

        Raises redis-py's errors. They may arrive twice.
        """
        proven = self._proven
        try:
            self._exchange(commands, replies, waits)
        except redis.ConnectionError:
            if not proven:
                raise
            # Closed by the server since it was last used, as idle ones are. A time-out is another error.
            self._exchange(commands, replies, waits)

    def close(self) -> None:
        """Disconnect, until the next use. What was sent arrives all the same."""
        self._proven, self._owed = False, 0
        self._connection.disconnect()

    def _exchange(self, commands: bytes, replies: int, waits: bool) -> None:
        try:
            if self._owed:
                if self._read(self._owed) is not None:
                    self._lost()
                self._owed = 0
            self._connection.send_packed_command((commands,), check_health=False)
            refusal = self._read(replies) if waits else None
        except BaseException:  # also what a signal raises here: whose reply comes next would not be known
            owed = self._owed
            self.close()
            if owed:
                self._lost()
            raise
        self._proven = True
        self._owed = 0 if waits else replies
        if refusal is not None:
            raise refusal

    def _read(self, replies: int) -> redis.ResponseError | None:
        """Read that many; the first error among them. It is an answer like any other: the line is in order."""
        refusal = None
        for _ in range(replies):
            try:
                self._connection.read_response(disable_decoding=True)
            except redis.ResponseError as error:
                refusal = refusal or error
        return refusal

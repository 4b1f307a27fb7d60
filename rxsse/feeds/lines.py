"""A writing thread's connection to Redis, the cheapest there is; knows nothing of announcements.

It is not a client: it sends bytes that are ready, and leaves unread for a while a reply that
nobody waits for. At most one, so that a process may end at any moment: while the reply is under
way nothing is unread and the kernel still delivers what was sent, and once it is here the
command is done. (Who closes a TCP connection with two outstanding may reset it under the second.)
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
        self._owed = False  # the reply to the last command is still to be read

    def send(self, command: bytes, *, waits: bool) -> None:
        """Send a packed command; ``waits`` until the server has done it. Raises redis-py's errors.

        It may arrive twice.
        """
        proven = self._proven
        try:
            self._exchange(command, waits)
        except redis.ConnectionError:
            if not proven:
                raise
            # Closed by the server since it was last used, as idle ones are. A time-out is another error.
            self._exchange(command, waits)

    def close(self) -> None:
        """Disconnect, until the next use. What was sent arrives all the same."""
        self._proven = self._owed = False
        self._connection.disconnect()

    def _exchange(self, command: bytes, waits: bool) -> None:
        try:
            if self._owed:
                self._read_owed()
            self._connection.send_packed_command((command,), check_health=False)
            if waits:
                self._connection.read_response(disable_decoding=True)
        except redis.ResponseError:
            raise  # an answer like any other: the line is in order
        except BaseException:  # also what a signal raises here: whose reply comes next would not be known
            owed = self._owed
            self.close()
            if owed:
                self._lost()
            raise
        self._proven = True
        self._owed = not waits

    def _read_owed(self) -> None:
        try:
            self._connection.read_response(disable_decoding=True)
        except redis.ResponseError:
            self._lost()
        self._owed = False

"""What a cache is: each topic's checkpoint and patch log, and who owns it; disposable.

A cache knows nothing of how states are made or served. Losing one starts a new epoch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from rxsse.cursors import Cursor
from rxsse.messages import Topic


@dataclass(frozen=True, slots=True)
class Stored:
    """A topic as cached: ``state`` (JSON text) at ``cursor``, then the patches that follow it without a hole."""

    cursor: Cursor
    state: bytes
    patches: Sequence[bytes]

    @property
    def head(self) -> Cursor:
        return Cursor(self.cursor.epoch, self.cursor.revision + len(self.patches))


@dataclass(frozen=True, slots=True)
class Entry:
    """What a cache says of one topic, for whoever looks inside; never needed to serve it."""

    name: str
    head: Cursor | None
    """None where there is a lease but no log (yet)."""
    floor: int
    """The oldest revision from which the log leads to the head."""
    base: int
    """The revision of the checkpoint."""
    owner: str | None
    """Who holds the lease; None where nobody does, or none is needed."""
    lease: float
    """Seconds that the lease still runs."""


class BaseCache(ABC):
    """All methods may be called from any thread; every one raises `Unavailable` when out of reach."""

    shared: bool
    """Whether other processes see the same entries: then a topic has one owner among them."""

    @abstractmethod
    def head(self, topic: Topic) -> Cursor | None:
        """The last revision in the log, None where the topic is not cached."""

    @abstractmethod
    def load(self, topic: Topic) -> Stored | None:
        """Checkpoint and patches up to the head; None where the topic is not cached whole."""

    @abstractmethod
    def entries(self, topic: Topic | None = None, limit: int = 1_000) -> Sequence[Entry]:
        """Every topic that is kept, those with the longest lease first; only ``topic`` where that is given."""

    @abstractmethod
    def begin(self, topic: Topic, cursor: Cursor, state: bytes, *, replacing: str | None) -> None:
        """Start a new epoch at ``cursor`` with checkpoint ``state``; drop the old epoch's log.

        Compare-and-set: raises `Conflict` unless the topic's epoch is ``replacing`` (None: not cached).
        """

    @abstractmethod
    def append(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        """Append ``patch`` as revision ``cursor``, which must be the head's next.

        Compare-and-set: raises `Conflict` where another head or epoch is found.
        """

    @abstractmethod
    def checkpoint(self, topic: Topic, cursor: Cursor, state: bytes) -> None:
        """Store ``state`` as of ``cursor`` (any size: in parts where the backend needs it).

        Replaces the older checkpoint; a later one stays. Afterwards the log may be trimmed,
        keeping at least ``LOG_LENGTH`` patches. Ignored where the epoch has changed.
        """

    @abstractmethod
    def since(self, topic: Topic, cursor: Cursor) -> Sequence[bytes] | None:
        """The patches after ``cursor`` up to the head, without a hole.

        None where they can't be given: unknown epoch, trimmed, or a cursor from the future.
        """

    @abstractmethod
    def drop(self, topic: Topic) -> None:
        """Forget the topic; the next reader starts a new epoch."""

    @abstractmethod
    def clear(self) -> None:
        """Forget every topic of this installation."""

    @abstractmethod
    def acquire(self, topic: Topic, owner: str, seconds: float) -> bool:
        """Take or renew the topic's lease for ``owner``; False while another one holds it."""

    @abstractmethod
    def release(self, topic: Topic, owner: str) -> None:
        """Give the lease up if ``owner`` holds it."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` unless the cache can be reached now."""

    @abstractmethod
    def close(self) -> None:
        """Free connections."""

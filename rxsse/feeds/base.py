"""What a feed is: the way announcements travel from writers to the owners of topics.

A feed knows neither channels nor topics. It is a hint that makes things fast: whenever it
can't vouch for completeness it calls `Listener.gap`, and owners reconcile with the database.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol

from rxsse.messages import Announcement


class Listener(Protocol):
    """Receives the feed. Called from the feed's own thread or from the announcing one; must not block."""

    def announced(self, announcement: Announcement) -> None: ...

    def gap(self, reason: str) -> None:
        """Announcements may be missing from before now: everything hot must be reconciled."""


class BaseFeed(ABC):
    """One process's end of the feed. All methods may be called from any thread."""

    # --- writer's side -------------------------------------------------------------------

    @property
    def transactional(self) -> bool:
        """Whether `prepare` is a part of the transaction open in the calling thread: now every write should be in one.

        A feed may turn out to be so when a `prepare` has failed.
        """
        return False

    @abstractmethod
    def is_watched(self, model: str) -> bool:
        """Whether a hot topic anywhere may depend on ``model`` (a concrete model's lower label).

        Answers from memory, at most ``INTEREST_TTL`` seconds old; when it can't know, True.
        Never raises.
        """

    @abstractmethod
    def prepare(self, announcement: Announcement) -> bool:
        """Publish before the commit and wait, within the configured bound, until readers can see it.

        It wakes nobody: readers may hear of it by their next `catch_up` only, or never where it
        is over by then.
        Returns False where that failed; then `commit` must carry the changes. Never raises (I6).
        """

    @abstractmethod
    def commit(self, announcement: Announcement) -> None:
        """Publish COMMITTED or WITHDRAWN. May be sent after it returns. Never raises (I6).

        One that has no changes stands for those of its PREPARED, and may arrive with them.
        Where it can't be delivered the feed remembers so, and makes every reader `gap` once
        the way is open again.
        """

    # --- owner's side --------------------------------------------------------------------

    @abstractmethod
    def listen(self, listener: Listener) -> None:
        """Deliver what is published from now on to ``listener``, until `close`.

        COMMITTED and WITHDRAWN come in order and by themselves. Of transactions under way it may
        hear also where they began before. PREPARED, if it is delivered, comes before what ends it.
        """

    @abstractmethod
    def watch(self, models: Iterable[str]) -> float:
        """Tell every writer that this process depends on exactly ``models`` (replaces what it said before).

        Returns after how many seconds every writer is sure to know (0 where at once). Raises
        `Unavailable`. Entries of a process that dies expire by themselves.
        """

    @abstractmethod
    def catch_up(self) -> None:
        """Return when everything published before this call has reached the listener: PREPARED of
        every transaction that is under way now, and the end of every other one.

        Raises `Unavailable` where that can't be known within the configured bound.
        """

    def question(self, alias: str) -> str | None:
        """SQL whose one value is whether the transaction that asks sees writes that the feed could not be told of.

        Those `catch_up` can't tell either: everything may have changed. None where that can't be.
        """
        return None

    def mend(self) -> None:
        """Have every reader reconcile what `question` is about, and forget it; once a second, where topics are hot.

        Asks the database, and raises what that raises.
        """
        return

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` unless the feed can be reached now."""

    @abstractmethod
    def close(self) -> None:
        """Deliver nothing more, flush what is waiting (bounded), free threads and connections."""

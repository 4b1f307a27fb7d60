"""Speaks to the feed for the writer, so that no failure on this side ever reaches a write (PROTOCOL I6).

Knows neither statements nor connections.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable
from typing import ParamSpec

from rxsse import probes
from rxsse.capture.ledger import bounded
from rxsse.feeds.base import BaseFeed
from rxsse.messages import Announcement, Change, Phase

logger = logging.getLogger(__name__)

P = ParamSpec("P")

_feed: Callable[[], BaseFeed] | None = None
_complained: set[str] = set()


def connect(feed: Callable[[], BaseFeed]) -> None:
    """Announce on the feed that ``feed()`` returns; it is called once per write, from any thread."""
    global _feed
    _feed = feed


def disconnect() -> None:
    """Announce nothing any more; open transactions forget nothing, but nobody hears of them."""
    global _feed
    _feed = None


def connected() -> bool:
    return _feed is not None


def complain(trouble: str) -> None:
    """Log the exception at hand, once per kind of ``trouble``: a broken feed must not fill the disk."""
    if trouble not in _complained:
        _complained.add(trouble)
        logger.exception("%s; the write itself is not affected. This is logged once per process.", trouble)


def harmless(bookkeeping: Callable[P, None]) -> Callable[P, None]:
    """Keep whatever ``bookkeeping`` raises away from the write that it accompanies."""

    @functools.wraps(bookkeeping)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            bookkeeping(*args, **kwargs)
        except Exception:
            complain(f"What a transaction wrote can't be kept track of ({bookkeeping.__name__})")

    return guarded


def current() -> BaseFeed | None:
    """The feed, None where there is none."""
    if _feed is None:
        return None
    try:
        return _feed()
    except Exception:
        complain("There is no feed, writes are not announced")
        return None


def watching(model: str) -> BaseFeed | None:
    """The feed if somebody may watch ``model``, otherwise None."""
    if _feed is None:
        return None
    try:
        feed = _feed()
    except Exception:
        complain("There is no feed, writes are not announced")
        return None
    try:
        return feed if feed.is_watched(model) else None
    except Exception:
        complain("The feed does not say what is watched, everything is announced")
        return feed


class Transaction:
    """One transaction on its way over the feed; every method is called at most once, in this order."""

    __slots__ = ("_changes", "_database", "_feed", "_given", "_id", "_prepared", "_trace")

    def __init__(self, feed: BaseFeed, database: str) -> None:
        self._feed = feed
        self._database = database
        self._id = secrets.token_hex(8)
        self._given: tuple[Change, ...] = ()
        self._changes: tuple[Change, ...] = ()  # the same, bounded
        self._prepared = False
        self._trace = ""

    @property
    def unheard(self) -> bool:
        """Whether there was something to prepare, and readers may not know it."""
        return bool(self._changes) and not self._prepared

    def prepare(self, changes: tuple[Change, ...]) -> None:
        """Say PREPARED, and wait until readers can know it; nothing where there are no changes."""
        self._given, self._changes = changes, bounded(changes)
        if self._changes:
            try:
                with probes.to.span("rxsse.announce"):
                    self._trace = probes.to.carried()
                    changes = self._changes
                    announcement = Announcement(self._id, Phase.PREPARED, self._database, changes, self._trace)
                    self._prepared = self._feed.prepare(announcement)
            except Exception:
                complain("The feed took no PREPARED")
            probes.to.announced(Phase.PREPARED.value, self._prepared)

    def commit(self, changes: tuple[Change, ...]) -> None:
        """Say COMMITTED, with the ``changes`` as known now unless readers have been told just these."""
        changes = self._changes if changes is self._given else bounded(changes)
        if self._prepared and changes == self._changes:
            self._say(Phase.COMMITTED, ())
        elif changes:
            self._say(Phase.COMMITTED, changes)
        elif self._changes:
            self.withdraw()

    def withdraw(self) -> None:
        """Say that nothing was written after all."""
        # Also where PREPARED failed: it may have arrived although nobody said so.
        if self._changes:
            self._say(Phase.WITHDRAWN, ())

    def doubt(self) -> None:
        """Say COMMITTED where that can't be known: readers look again, and find a difference or none."""
        if self._changes:
            self._say(Phase.COMMITTED, () if self._prepared else self._changes)

    def lose(self) -> None:
        """Say COMMITTED of changes that are not known: it refers to nothing that readers have heard, a gap."""
        self._say(Phase.COMMITTED, ())

    def _say(self, phase: Phase, changes: tuple[Change, ...]) -> None:
        try:
            self._feed.commit(Announcement(self._id, phase, self._database, changes, self._trace))
        except Exception:
            complain(f"The feed took no {phase.value.upper()}")
            probes.to.announced(phase.value, False)
        else:
            probes.to.announced(phase.value, True)

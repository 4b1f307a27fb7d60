"""A hot topic in one process: owned or followed, opened, kept going through failures, given up.

All its work runs as one job at a time on the workers; every method may be called from any thread.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import Future

from rxsse import probes
from rxsse.cursors import Cursor
from rxsse.deriving.following import Followed
from rxsse.deriving.hearing import Hearing
from rxsse.deriving.outlet import Outlet, answer
from rxsse.deriving.owning import Backends, Owned
from rxsse.deriving.workers import Workers
from rxsse.exceptions import Conflict, DeriveError, Gone, RxsseError, Unavailable
from rxsse.messages import Fanout, Kind, Topic
from rxsse.source import Sink

logger = logging.getLogger("rxsse.deriving")

_FIRST_RETRY, _LAST_RETRY = 0.5, 15.0  # seconds; doubled each time, with jitter
_OUTAGE_RETRY = 3.0  # seconds at most where a server is out of reach: exact again soon after its return, however long

Snapshot = tuple[Cursor, bytes]


class HotTopic:
    """One topic that somebody in this process reads."""

    def __init__(self, topic: Topic, backends: Backends, workers: Workers, owner: str, hearing: Hearing) -> None:
        self.topic = topic
        self._backends = backends
        self._workers = workers
        self._owner = owner
        self._hearing = hearing
        self._lock = threading.Lock()
        self._scheduled = False
        self._role: Owned | Followed | None = None
        self._outlet = Outlet(topic, self._fall_behind)
        self._waiters: list[Future[Snapshot]] = []
        self._behind = False
        self._contend = True
        self._failing = False
        self._retry = _FIRST_RETRY
        self._due: float | None = None
        self._recheck: float | None = None
        self._audit = time.monotonic() + self._audit_pause()
        self.ended = False
        self.wanted_until = 0.0
        """Monotonic time until which the topic stays hot without a sink."""

    def describe(self) -> tuple[str, Cursor | None, bool]:
        """Whether this process owns or follows the topic, what its readers were told, and whether that is stale."""
        role = self._role
        part = "opening" if role is None else "owner" if isinstance(role, Owned) else "follower"
        return part, self._outlet.cursor, self._outlet.stale or self._failing

    # --- from outside --------------------------------------------------------------------

    def add(self, sink: Sink) -> Future[Cursor]:
        """Tell ``sink`` everything that follows the cursor that the future resolves with."""
        future = self._outlet.add(sink)
        self.wake()
        return future

    def remove(self, sink: Sink) -> None:
        """``sink`` is told nothing after this returns."""
        self._outlet.remove(sink)

    @property
    def wanted(self) -> bool:
        return self._outlet.wanted or bool(self._waiters) or time.monotonic() < self.wanted_until

    def wake(self) -> None:
        """Look soon whether there is work."""
        with self._lock:
            if self._scheduled or self.ended:
                return
            self._scheduled = True
        self._workers.submit(self._run)

    def spoil(self) -> None:
        """Compare with the database, or with the log where another process owns the topic."""
        role = self._role
        if isinstance(role, Owned):
            role.spoil()
        self._fall_behind()

    def snapshot(self) -> Future[Snapshot]:
        """The state at the log's head."""
        future: Future[Snapshot] = Future()
        with self._lock:
            ended = self.ended
            if not ended:
                self._waiters.append(future)
        if ended:
            future.set_exception(self._gone())
        self.wake()
        return future

    def end(self, error: RxsseError | None = None) -> None:
        """Stop; whoever still waits gets ``error``."""
        with self._lock:
            if self.ended:
                return
            self.ended = True
            running, self._scheduled = self._scheduled, True
        self._outlet.close(error or self._gone())
        self._answer_with(error or self._gone())
        if not running:
            self._workers.submit(self._run)

    def tick(self, now: float) -> None:
        """Called a few times a second: leases, retries, audits."""
        role = self._role
        if isinstance(role, Owned):
            if now >= self._audit:
                self._audit = now + self._audit_pause()
                role.audit()
                self.wake()
            if self._recheck is not None and now >= self._recheck:
                self._recheck = None
                role.spoil()
        if self._due is not None and now >= self._due:
            self._due = None
            self.wake()

    def contend(self) -> None:
        """Renew the lease, or try to get it."""
        self._contend = True
        self.wake()

    def deliver(self, fanout: Fanout) -> None:
        """What the owner fanned out, from any process and in any order."""
        self._outlet.tell(fanout)
        if fanout.kind is Kind.GONE:
            self.end(self._gone())
        elif fanout.kind is Kind.RELEASED:
            self.contend()

    def knows(self, fanout: Fanout) -> bool:
        """Whether every sink was told this before."""
        cursor = self._outlet.cursor
        told = cursor is not None and cursor.epoch == fanout.epoch and fanout.revision <= cursor.revision
        return told and fanout.kind is Kind.PATCH

    def _fall_behind(self) -> None:
        self._behind = True
        self.wake()

    def _gone(self) -> Gone:
        return Gone(f"the anchor of {self.topic.name} does not exist, or nobody reads it any more")

    # --- the job -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._work():
                pass
        except Gone:
            self._vanish()
        except Conflict:
            self._step_down("another process wrote the log")
        except (DeriveError, Unavailable) as error:
            self._fail(error)
        except Exception as error:
            logger.exception("deriving %s failed unexpectedly", self.topic.name, extra=self._about())
            self._fail(DeriveError(str(error)))
        finally:
            with self._lock:
                self._scheduled = False
                ended = self.ended
            if ended:
                self._close()
            elif self._has_work() and self._due is None:
                self.wake()

    def _has_work(self) -> bool:
        role = self._role
        waiting = isinstance(role, Owned) and role.waiting
        return role is None or self._contend or self._behind or bool(self._waiters) or waiting

    def _work(self) -> bool:
        """Do one thing; False where nothing is left to do."""
        role = self._role
        if self.ended:
            return False
        if self._contend:
            self._contend = False
            self._settle_role()
        elif role is None:
            return False
        elif self._behind:
            self._behind = False
            self._catch_up()
        elif isinstance(role, Owned) and role.waiting:
            self._refresh(role)
        elif self._waiters:
            self._answer(role)
        else:
            return False
        return not self.ended

    def _settle_role(self) -> None:
        """Own the topic if the lease can be had, follow it otherwise."""
        cache = self._backends.cache
        mine = not cache.shared or cache.acquire(self.topic, self._owner, self._backends.settings.LEASE_SECONDS)
        if mine and not isinstance(self._role, Owned):
            self._own()
        elif not mine and isinstance(self._role, Owned):
            self._step_down("the lease went to another process")
        elif not mine and not isinstance(self._role, Followed):
            self._follow()

    def _own(self) -> None:
        self._backends.broker.subscribe(self.topic)
        owned = Owned(self.topic, self._backends, self.wake, self.deliver)
        try:
            head = owned.open()
        except BaseException:
            owned.close()
            raise
        self._role = owned
        self._plan_recheck(owned)
        if self._outlet.stale:  # the owner before us said so, and can't take it back
            owned.restart("recovered")
        if not self._outlet.open(head):
            self._catch_up()

    def _follow(self) -> None:
        self._backends.broker.subscribe(self.topic)
        followed = Followed(self.topic, self._backends.cache)
        head = followed.open()
        if head is None:
            self._due, self._contend = time.monotonic() + 0.1, True
            raise _NotYet
        self._role = followed
        self._outlet.open(head)
        # What was fanned out before the outlet stood at the head was not taken.
        self._catch_up()

    def _catch_up(self) -> None:
        """Tell what the log holds beyond what was told."""
        # Fan-out goes on while the log is read: what is missing is counted from here.
        cursor = self._outlet.cursor
        assert cursor is not None
        missing = self._backends.cache.since(self.topic, cursor)
        head = self._backends.cache.head(self.topic) if missing is None else None
        if self._backends.cache.shared:
            self._hearing.hear()
        if missing is not None:
            self._outlet.replay(cursor, missing)
        elif head is None:
            # The cache was emptied: the owner finds out by itself, a follower by contending.
            self._contend = True
        elif head != cursor:
            self._outlet.begin(head, "expired")
        if self._failing and isinstance(self._role, Followed):
            self._failing, self._retry = False, _FIRST_RETRY
            self._outlet.begin(head or self._outlet.cursor or cursor, "recovered")

    def _refresh(self, owned: Owned) -> None:
        owned.refresh()
        self._plan_recheck(owned)
        if self._failing or self._outlet.stale:
            self._failing, self._retry = False, _FIRST_RETRY
            owned.restart("recovered")

    def _plan_recheck(self, owned: Owned) -> None:
        if owned.recheck_after:
            self._recheck = time.monotonic() + owned.recheck_after
            owned.recheck_after = 0.0

    def _answer(self, role: Owned | Followed) -> None:
        found = role.snapshot()
        if isinstance(role, Followed):
            self._hearing.hear()
        for waiter in self._take_waiters():
            answer(waiter, found)

    def _answer_with(self, error: RxsseError) -> None:
        for waiter in self._take_waiters():
            answer(waiter, error)

    def _take_waiters(self) -> list[Future[Snapshot]]:
        with self._lock:
            waiters, self._waiters = self._waiters, []
        return waiters

    # --- failures ------------------------------------------------------------------------

    def _fail(self, error: RxsseError) -> None:
        """Say so, keep what is known, and try again later."""
        if isinstance(error, _NotYet):
            return
        probes.to.failed(self.topic, type(error).__name__)
        if isinstance(error, DeriveError):
            logger.error("%s", error, exc_info=error, extra=self._about())
        else:
            logger.warning("%s", error, extra=self._about())
        if self._outlet.cursor is None:
            self.end(error)
            return
        first, self._failing = not self._failing, True
        self._answer_with(error)
        stale = Fanout(Kind.STALE, body=b"unavailable")
        role = self._role
        if isinstance(role, Owned):
            role.spoil()
            if first:
                self._say(stale)
        else:
            self._behind, self._contend = True, role is None
            if first:
                self.deliver(stale)
        self._due = time.monotonic() + self._retry * random.uniform(0.75, 1.25)
        self._retry = min(self._retry * 2, _OUTAGE_RETRY if isinstance(error, Unavailable) else _LAST_RETRY)

    def _step_down(self, why: str) -> None:
        logger.info("giving up %s: %s", self.topic.name, why, extra=self._about())
        if isinstance(self._role, Owned):
            self._role.close()
        self._role, self._contend = None, True

    def _vanish(self) -> None:
        """The anchor does not exist (any more)."""
        try:
            self._backends.cache.drop(self.topic)
        except Unavailable:
            logger.info("the log of %s will run out by itself", self.topic.name, extra=self._about())
        if self._outlet.cursor is None:
            self.end(self._gone())
        else:
            self._say(Fanout(Kind.GONE))

    def _say(self, fanout: Fanout) -> None:
        try:
            self._backends.broker.publish(self.topic, fanout)
        except Unavailable:
            self.deliver(fanout)

    def _close(self) -> None:
        role, self._role = self._role, None
        if not isinstance(role, Owned):
            return
        role.close()
        try:
            if self._backends.cache.shared:
                self._backends.cache.release(self.topic, self._owner)
                self._backends.broker.publish(self.topic, Fanout(Kind.RELEASED))
        except Unavailable:
            logger.info("the lease of %s will run out by itself", self.topic.name, extra=self._about())

    def _about(self) -> dict[str, object]:
        return probes.about(self.topic, self._outlet.cursor)

    def _audit_pause(self) -> float:
        seconds = self._backends.settings.AUDIT_SECONDS
        return random.uniform(0.8, 1.2) * seconds if seconds else float("inf")


class _NotYet(Unavailable):
    """The owner has not begun the log."""

"""Ends streams whose readers may not read any more; knows when to ask, not what is asked nor what rows mean.

A change is an occasion to look, never the verdict. From the moment that one is heard of until the
database has answered, the streams that it may concern are given no state. As the feed is heard here
before owners hear it, nothing derived from a change reaches a reader whose right it may have ended (I7).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from rxsse.conf import Settings
from rxsse.deriving.workers import Workers
from rxsse.exceptions import Unavailable
from rxsse.feeds.base import Listener
from rxsse.guarding import verdicts
from rxsse.guarding.identity import Identity
from rxsse.guarding.occasions import Case, Cases, labels_of
from rxsse.messages import Announcement, Phase
from rxsse.streaming.hub import Hub
from rxsse.streaming.streams import Stream

logger = logging.getLogger("rxsse.guarding")

TICK = 0.1
"""Seconds between two looks at the clock: how far a stream may outlive its credential."""

PATIENCE = 2.0
"""Seconds that streams wait for a transaction about to commit. After a longer one they are asked about anew."""

DEATH = 900.0
"""Seconds after which a transaction that was never said to be over is forgotten: its writer is dead."""

IN_FLIGHT = 10_000
"""Transactions remembered as about to commit, at most: more than any database runs at once."""

AGAIN = 1.0
"""Seconds between two attempts to ask where the database can't be asked, or to say what is watched."""

BACKLOG = 64
"""Askings of the sweep that may wait for a thread: with more it waits as well, as changes come first."""


class _Prepared:
    """A transaction that is about to commit, and the cases that wait for it."""

    __slots__ = ("announcement", "cases", "since")

    def __init__(self, announcement: Announcement, cases: set[Case]) -> None:
        self.announcement = announcement
        self.cases = cases
        self.since = time.monotonic()


class Guard:
    """See `rxsse.streaming.hub.Guard` and `rxsse.feeds.base.Listener`. Threads start with the first stream."""

    def __init__(self, settings: Settings, watch: Callable[[str, frozenset[str]], float], inbox: Listener) -> None:
        """``watch``: see `runtime.Watching`. What is heard goes on to ``inbox``."""
        self._settings = settings
        self._watch = watch
        self._inbox = inbox
        self._lock = threading.Lock()
        self._cases = Cases()
        self._workers = Workers(max(1, settings.PERMISSION_THREADS), "rxsse-guard")
        self._prepared: dict[str, _Prepared] = {}
        self.position = 0
        """Counts what was heard: whoever was looked at after it has been looked at with all of that in place."""
        self._last: dict[str, int] = {}  # the position at which a model was last heard of
        self._watching = threading.Lock()
        self._watched: frozenset[str] = frozenset()
        self._cold: dict[str, float] = {}  # watched, and until when although no stream rests on it
        self._watch_again = inf
        self._sweep: deque[Case] = deque()
        self._sweep_share = 0.0
        self.sweeps = 0
        """Cases that had their turn without any occasion."""
        self._due: list[tuple[float, int, Case]] = []  # by wall clock
        self._later: list[tuple[float, int, Callable[[], None]]] = []  # by monotonic time
        self._number = 0
        self._complained = False
        self._clock: threading.Thread | None = None
        self._stop = threading.Event()

    # --- from the feed -------------------------------------------------------------------

    def announced(self, announcement: Announcement) -> None:
        """Hold back whom it may concern, and ask once it is over; then pass it on."""
        with self._lock:
            if announcement.phase is Phase.PREPARED:
                self._prepare(announcement)
            else:
                self._conclude(announcement)
        self._inbox.announced(announcement)

    def gap(self, reason: str) -> None:
        """Anything may have changed: ask about everybody."""
        with self._lock:
            self._doubt_all()
        self._inbox.gap(reason)

    def _prepare(self, announcement: Announcement) -> None:
        cases = self._cases.concerned(announcement.changes)
        self._prepared[announcement.id] = _Prepared(announcement, cases)
        if len(self._prepared) > IN_FLIGHT:
            self._let_go(self._prepared.pop(next(iter(self._prepared))))
        for case in cases:
            case.pending += 1
        self._hold(cases)

    def _conclude(self, announcement: Announcement) -> None:
        prepared = self._prepared.pop(announcement.id, None)
        if announcement.phase is Phase.COMMITTED:
            changes = announcement.changes or (prepared.announcement.changes if prepared else ())
            if not changes:
                self._doubt_all()
            self._hear({change.model for change in changes})
            self._doubt(self._cases.concerned(changes))
        if prepared is not None:
            self._let_go(prepared)

    def _let_go(self, prepared: _Prepared) -> None:
        cases, prepared.cases = prepared.cases, set()
        for case in cases:
            case.pending -= 1
        self._doubt(cases)

    def _hear(self, labels: Iterable[str]) -> None:
        self.position += 1
        self._last.update(dict.fromkeys(self._cases.labels.keys() & set(labels), self.position))

    def _doubt_all(self) -> None:
        self._hear(tuple(self._cases.labels))
        # Not held: a Redis that comes and goes would hold everybody up, and a gap is hardly ever a revocation.
        self._doubt(self._cases.all(), hold=False)

    # --- from the hubs -------------------------------------------------------------------

    def entered(self, stream: Stream) -> bool:
        """Take ``stream`` in. Asks again, and has it wait, where something was heard since its reader was looked at."""
        identity: Any = stream.identity
        if not isinstance(identity, Identity):
            return False
        self._start()
        labels = labels_of(identity)
        with self._lock:
            case = self._cases.add(stream)
            for label in labels:
                self._cold.pop(label, None)
            if not case.listed:
                case.listed = True
                self._sweep.append(case)
            self._plan(case, min(case.look, identity.expires, identity.look))
            for prepared in self._prepared.values():
                if case not in prepared.cases and self._waits_for(prepared, case):
                    prepared.cases.add(case)
                    case.pending += 1
                    self._hold([case])
            if not labels <= self._watched or any(self._last.get(x, 0) > identity.position for x in labels):
                self._doubt([case])
            return case.held

    def left(self, stream: Stream) -> None:
        identity: Any = stream.identity
        if not isinstance(identity, Identity):
            return
        with self._lock:
            self._cases.remove(stream)
            until = time.monotonic() + self._settings.COOL_SECONDS
            for label in labels_of(identity):
                if label not in self._cases.labels:
                    self._cold[label] = until

    def _waits_for(self, prepared: _Prepared, case: Case) -> bool:
        young = time.monotonic() - prepared.since < PATIENCE
        return young and case in self._cases.concerned(prepared.announcement.changes)

    # --- asking; the lock is held --------------------------------------------------------

    def _doubt(self, cases: Iterable[Case], hold: bool = True) -> None:
        """Ask about ``cases``, and give their streams no state until that is answered."""
        if hold:
            self._hold(cases)
        for case in cases:
            if not case.queued and not self._stop.is_set():
                case.queued = True
                case.asking += 1
                self._workers.submit(partial(self._ask, case))

    def _hold(self, cases: Iterable[Case]) -> None:
        held = [case for case in cases if not case.held]
        for case in held:
            case.held = True
        for hub, streams in _by_hub(stream for case in held for stream in case.streams):
            hub.hold(streams)

    def _plan(self, case: Case, look: float) -> None:
        """Have the case looked at when ``look`` has come."""
        if look != case.look:
            case.look = look
            if look != inf:
                self._number += 1
                heappush(self._due, (look, self._number, case))

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._later, (time.monotonic() + seconds, self._number, call))

    # --- asking; on a thread of its own --------------------------------------------------

    def _ask(self, case: Case) -> None:
        self._say_what_is_watched()
        with self._lock:
            case.queued = False
            identities = {stream.identity for stream in case.streams}
        self._settle(case, verdicts.ask(identities))  # type: ignore[arg-type]

    def _settle(self, case: Case, verdict: verdicts.Verdict) -> None:
        with self._lock:
            self._report(verdict)
            for reason in set(verdict.reasons.values()):
                ended = [s for s in case.streams if verdict.reasons.get(s.identity) == reason]  # type: ignore[call-overload]
                for hub, streams in _by_hub(ended):
                    hub.end(streams, reason)
            if verdict.cause is not None and case.held and case.streams:
                self._after(AGAIN, partial(self._workers.submit, partial(self._ask, case)))
                return
            if verdict.cause is None:
                self._plan(case, verdict.look)
            case.asking -= 1
            if case.held and not case.asking and not case.pending:
                case.held = False
                for hub, streams in _by_hub(case.streams):
                    hub.release(streams)

    def _report(self, verdict: verdicts.Verdict) -> None:
        failing = verdict.cause is not None
        if failing and not self._complained:
            logger.warning("Whether readers may still read can't be asked now, their streams stay: %s", verdict.cause)
        elif self._complained and not failing:
            logger.info("Whether readers may still read can be asked again")
        self._complained = failing

    def _say_what_is_watched(self) -> None:
        """Have writers announce what streams rest on. Before the database is asked: what comes later is heard."""
        with self._watching:
            with self._lock:
                wanted = frozenset(self._cases.labels) | frozenset(self._cold)
                if wanted == self._watched or time.monotonic() < self._watch_again < inf:
                    return
                # Whoever enters meanwhile must not rely on what is being given up.
                self._watched &= wanted
            try:
                delay = self._watch("guard", wanted)
            except Unavailable as error:
                logger.warning("Writers can't be told to announce what readers rest on: %s", error)
                self._watch_again = time.monotonic() + AGAIN
                return
            self._watch_again = inf
            with self._lock:
                added, self._watched = wanted - self._watched, wanted
                self._hear(added)
                if added and delay:
                    # Until then a writer may keep silent.
                    self._after(delay, partial(self._learn, added))

    # --- the clock -----------------------------------------------------------------------

    def _start(self) -> None:
        if self._clock is None:
            with self._lock:
                if self._clock is None:
                    self._clock = threading.Thread(target=self._tick, name="rxsse-guard-clock", daemon=True)
                    self._clock.start()

    def _tick(self) -> None:
        while not self._stop.wait(TICK):
            try:
                calls = self._look_at_the_clock(time.monotonic())
                for call in calls:
                    call()
            except Exception:
                logger.exception("The clock of the guard failed")

    def _look_at_the_clock(self, now: float) -> list[Callable[[], None]]:
        """Do what is due; returns what has to be done without the lock."""
        with self._lock:
            self._end_what_is_over()
            self._give_up_waiting(now)
            self._sweep_on()
            self._cold = {label: until for label, until in self._cold.items() if until > now}
            wanted = frozenset(self._cases.labels) | frozenset(self._cold)
            if wanted != self._watched:
                self._workers.submit(self._say_what_is_watched)
            calls = []
            while self._later and self._later[0][0] <= now:
                calls.append(heappop(self._later)[2])
            return calls

    def _end_what_is_over(self) -> None:
        due = []
        while self._due and self._due[0][0] <= time.time():
            when, _, case = heappop(self._due)
            if case.look == when and case.streams:
                case.look = inf
                due.append(case)
        self._doubt(due)
        if len(self._due) > 2 * len(self._cases) + 100:
            self._due = [entry for entry in self._due if entry[2].streams and entry[2].look == entry[0]]
            heapify(self._due)

    def _give_up_waiting(self, now: float) -> None:
        for id_, prepared in tuple(self._prepared.items()):
            if prepared.cases and now - prepared.since > PATIENCE:
                self._let_go(prepared)
            if now - prepared.since > DEATH:
                del self._prepared[id_]

    def _sweep_on(self) -> None:
        """Ask about so many that each has its turn once in PERMISSION_SECONDS."""
        seconds = self._settings.PERMISSION_SECONDS
        if not seconds or self._workers.waiting > BACKLOG:
            return
        self._sweep_share += len(self._sweep) * TICK / seconds
        turns, self._sweep_share = divmod(min(self._sweep_share, float(len(self._sweep))), 1)
        for _ in range(int(turns)):
            case = self._sweep.popleft()
            if case.streams:
                self._sweep.append(case)
                self._doubt([case], hold=False)
                self.sweeps += 1
            else:
                case.listed = False

    def _learn(self, labels: frozenset[str]) -> None:
        """By now every writer announces ``labels``: ask whoever rests on them once more."""
        with self._lock:
            self._hear(labels)
            cases = [case for case in self._cases.all() if any(labels & labels_of(_of(s)) for s in case.streams)]
            self._doubt(cases, hold=False)

    def close(self) -> None:
        """Ask nobody any more; ends the threads."""
        self._stop.set()
        if self._clock is not None and self._clock is not threading.current_thread():
            self._clock.join(self._settings.BACKEND_TIMEOUT)
        self._workers.close(self._settings.BACKEND_TIMEOUT)


def _of(stream: Stream) -> Identity:
    identity = stream.identity
    assert isinstance(identity, Identity)
    return identity


def _by_hub(streams: Iterable[Stream]) -> Iterable[tuple[Hub, list[Stream]]]:
    found: dict[Hub, list[Stream]] = {}
    for stream in streams:
        found.setdefault(stream.hub, []).append(stream)
    return found.items()

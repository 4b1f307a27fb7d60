"""Keeps, for each derivation in this process, which announced changes it has not yet read.

The rule that makes I3 true: a change is forgotten only when its COMMITTED arrived before the
snapshot that read it was taken; one that is merely PREPARED, or arrived later, is read now in
case the snapshot holds it, and again next time in case it doesn't. Knows no topic.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from rxsse.deriving.derivation import Dirt
from rxsse.messages import Announcement, Change, Phase

logger = logging.getLogger("rxsse.deriving")

# A writer says COMMITTED or WITHDRAWN right after the commit. One that is silent for this long may
# have been killed in between: its rows are read once more.
_SILENCE = 30.0
# One that was merely paused, or whose statement takes so long, will commit yet: until then its rows
# are looked at in every snapshot. After this long it is dead, and its announcement forgotten.
_DEATH = 900.0

# After a gap a writer may keep silent for a while yet, as it tries a feed that was away once a second
# (`feeds.breaker`). To read only what others announce in that time would split its transactions.
_DOUBT = 2.0

# Traces of waiting changes that are kept: OpenTelemetry's own bound on the links of one span is 128.
_TRACES = 32

Concerns = Callable[[Change], bool]


class Mailbox:
    """The unread changes of one derivation. All state is guarded by the inbox's lock."""

    def __init__(self, inbox: Inbox, labels: frozenset[str], wake: Callable[[], None]) -> None:
        self._inbox = inbox
        self._wake = wake
        self.labels = labels
        self._concerns: Concerns | None = None
        self._settled: list[Change] = []
        self._whole = False
        self._traces: list[str] = []
        self.traces: Sequence[str] = ()
        """What has led to the changes that `open` gave last, as far as it is known."""

    @property
    def waiting(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._settled) or self._whole

    def open(self) -> Dirt:
        """Take what has settled, before the snapshot is taken; until `close` every change is kept."""
        with self._inbox.lock:
            dirt = Dirt(tuple(self._settled), self._whole)
            self._settled, self._whole, self._concerns = [], False, None
            self.traces, self._traces = self._traces, []
            return dirt

    def meanwhile(self) -> Dirt:
        """What the snapshot may hold beyond what `open` gave; nothing is taken."""
        with self._inbox.lock:
            prepared = self._inbox.prepared_for(self.labels)
            return Dirt((*self._settled, *prepared), self._whole or self._inbox.doubts)

    def close(self, concerns: Concerns, labels: frozenset[str]) -> None:
        """The refresh is done: keep of what came meanwhile, and of what is to come, what concerns it."""
        with self._inbox.lock:
            self.labels, self._concerns = labels, concerns
            self._settled = [change for change in self._settled if concerns(change)]

    def put(self, changes: tuple[Change, ...], trace: str = "") -> None:
        ours = [change for change in changes if change.model in self.labels]
        if ours and (self._concerns is None or any(self._concerns(change) for change in ours)):
            self._settled += ours
            if trace and len(self._traces) < _TRACES:
                self._traces.append(trace)
            self._wake()

    def spoil(self) -> None:
        """Anything may have changed."""
        with self._inbox.lock:
            self._whole = True
        self._wake()

    def discard(self) -> None:
        """Receive nothing more."""
        self._inbox.remove(self)


class Inbox:
    """The listener of the feed; see `rxsse.feeds.base.Listener`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._mailboxes: set[Mailbox] = set()
        self._prepared: dict[str, tuple[float, tuple[Change, ...]]] = {}  # since when, and what
        self._silent: set[str] = set()  # those of them that were silent for too long
        self._doubts_until = 0.0

    def mailbox(self, labels: frozenset[str], wake: Callable[[], None]) -> Mailbox:
        """A new mailbox; ``wake`` is called, with the lock held, whenever something arrives: it must not block."""
        mailbox = Mailbox(self, labels, wake)
        with self.lock:
            self._mailboxes.add(mailbox)
        return mailbox

    def remove(self, mailbox: Mailbox) -> None:
        with self.lock:
            self._mailboxes.discard(mailbox)

    def announced(self, announcement: Announcement) -> None:
        with self.lock:
            known = self._prepared.pop(announcement.id, None)
            self._silent.discard(announcement.id)
            if announcement.phase is Phase.PREPARED:
                self._prepared[announcement.id] = (time.monotonic(), announcement.changes)
            elif announcement.phase is Phase.COMMITTED:
                changes = announcement.changes or (known[1] if known else ())
                if changes:
                    self._settle(changes, announcement.trace)
                else:
                    self.gap("a transaction was announced whose changes never arrived")

    @property
    def doubts(self) -> bool:
        """Whether writers may have committed what they don't announce."""
        return time.monotonic() < self._doubts_until

    def gap(self, reason: str) -> None:
        logger.info("reconciling everything that is hot: %s", reason)
        with self.lock:
            self._doubts_until = time.monotonic() + _DOUBT
            for mailbox in self._mailboxes:
                mailbox.spoil()

    def sweep(self) -> None:
        """Settle what was prepared so long ago that its writer may have died, and forget what surely has."""
        now = time.monotonic()
        with self.lock:
            for id_, (since, changes) in tuple(self._prepared.items()):
                if now - since > _SILENCE and id_ not in self._silent:
                    self._silent.add(id_)
                    self._settle(changes)
                if now - since > _DEATH:
                    del self._prepared[id_]
                    self._silent.discard(id_)

    def prepared_for(self, labels: frozenset[str]) -> list[Change]:
        return [c for _, changes in self._prepared.values() for c in changes if c.model in labels]

    def _settle(self, changes: tuple[Change, ...], trace: str = "") -> None:
        for mailbox in self._mailboxes:
            mailbox.put(changes, trace)

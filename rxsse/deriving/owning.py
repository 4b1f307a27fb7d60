"""The owner's work on one topic: derive, append to the log, fan out.

Knows the log and the feed, not who reads the topic nor how this process became its owner.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rxsse import patches, probes
from rxsse.brokers.base import BaseBroker
from rxsse.caches.base import BaseCache, Stored
from rxsse.conf import Settings
from rxsse.cursors import Cursor, new_epoch
from rxsse.deriving.derivation import Derivation, Dirt
from rxsse.deriving.inbox import Inbox
from rxsse.exceptions import Conflict, PatchError, Unavailable
from rxsse.feeds.base import BaseFeed
from rxsse.messages import Fanout, Kind, Topic

logger = logging.getLogger("rxsse.deriving")

_LARGE = 65_536  # bytes of patches below which it isn't worth looking at the size of the state
_ATTEMPTS = 5  # to take over a log that others are still writing to

# What topics of a channel turned out to depend on: the next one is watched for it from the start.
_learned: dict[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class Backends:
    """What every topic of a process shares. ``watch`` tells the feed which models this process depends on."""

    settings: Settings
    feed: BaseFeed
    cache: BaseCache
    broker: BaseBroker
    inbox: Inbox
    watch: Callable[[str, frozenset[str]], float]


class Owned:
    """A topic derived by this process. Not thread-safe: one call at a time."""

    def __init__(
        self, topic: Topic, backends: Backends, wake: Callable[[], None], deliver: Callable[[Fanout], None]
    ) -> None:
        """``deliver`` reaches this process's readers, who are told once whoever says it. Raises `DeriveError`."""
        self.topic = topic
        # Its own: one that closes late must not take back what its successor has said.
        self._name = f"{topic.name}/{id(self)}"
        self._backends = backends
        self._deliver = deliver
        self._derivation = Derivation(topic, backends.feed.question)
        self._labels = self._derivation.labels | _learned.get(topic.channel, frozenset())
        self._mailbox = backends.inbox.mailbox(self._labels, wake)
        self._head = Cursor("", 0)
        self._logged = 0
        self._checkpointed = 0
        self._audits = False
        self._blind_until = 0.0  # monotonic time until which a writer may not know; 0 once the state was read since
        self.recheck_after = 0.0
        """Seconds after which the state must be read whole: until then a writer may not know that it is watched."""

    @property
    def waiting(self) -> bool:
        """Whether there are changes to derive."""
        return self._mailbox.waiting or self._audits

    def audit(self) -> None:
        """Have the next `refresh` compare the whole state with the database, and say what it finds."""
        self._audits = True

    def spoil(self) -> None:
        """Have the next `refresh` compare the whole state with the database (reconcile)."""
        self._mailbox.spoil()

    def close(self) -> None:
        self._mailbox.discard()
        try:
            self._backends.watch(self._name, frozenset())
        except Unavailable:
            logger.info(
                "writers go on announcing for %s until what they know expires", self.topic.name, extra=self._about()
            )

    # --- opening -------------------------------------------------------------------------

    def open(self) -> Cursor:
        """Read the state and continue the log, or begin one. Raises `Gone`, `DeriveError`, `Unavailable`."""
        self._watch(self._labels)
        for _ in range(_ATTEMPTS):
            try:
                return self._continue_log()
            except Conflict:
                continue
        raise Unavailable(f"the log of {self.topic.name} is being written by others")

    def _continue_log(self) -> Cursor:
        self._head = Cursor("", 0)
        # Log first, then database: what is derived is then never older than what it is compared with.
        stored = self._backends.cache.load(self.topic)
        self._derive(self._mailbox.open(), whole=True)
        state = self._derivation.encode()
        if stored is None:
            return self._begin_anew(state, None)
        try:
            logged = _replay(stored)
        except PatchError:
            logger.error("the log of %s does not fit together", self.topic.name, exc_info=True, extra=self._about())
            return self._begin_anew(state, stored.cursor.epoch)
        self._head = stored.head
        operations = patches.diff(logged, patches.loads(state))
        self._derivation.take()
        if operations:
            self._append(patches.encode(operations))
        return self._head

    def _begin_anew(self, state: bytes, replacing: str | None) -> Cursor:
        """Begin an epoch that continues nothing; whoever followed one that was lost must hear of it."""
        self._head = self._begin(state, replacing)
        self._fan_out(Fanout(Kind.BEGIN, self._head.epoch, self._head.revision, b"expired"))
        return self._head

    def _begin(self, state: bytes, replacing: str | None) -> Cursor:
        head = Cursor(new_epoch(), 0)
        self._backends.cache.begin(self.topic, head, state, replacing=replacing)
        self._derivation.take()
        self._logged = self._checkpointed = 0
        probes.to.began(self.topic, head)
        return head

    # --- deriving ------------------------------------------------------------------------

    def refresh(self) -> None:
        """Derive what has changed, append it and fan it out.

        Raises `Gone`, `DeriveError`, `Unavailable`, and `Conflict` where another process wrote the log.
        What could not be appended is kept for the next call.
        """
        settled = self._mailbox.open()
        with probes.to.span("rxsse.refresh", self.topic, self._mailbox.traces):
            self._refresh(settled)

    def _refresh(self, settled: Dirt) -> None:
        with probes.to.span("rxsse.derive", self.topic):
            self._derive(settled)
        operations = self._derivation.operations
        if not operations:
            return
        patch = patches.encode(operations)
        if len(patch) > _LARGE and len(patch) > len(state := self._derivation.encode()):
            patch = patches.encode([patches.replace("", state)])
        self._append(patch)
        self._keep_log_short()

    def restart(self, reason: str) -> None:
        """Begin a new epoch with the state as derived last, and tell every reader."""
        self._head = self._begin(self._derivation.encode(), self._head.epoch)
        self._fan_out(Fanout(Kind.BEGIN, self._head.epoch, self._head.revision, reason.encode()))

    def snapshot(self) -> tuple[Cursor, bytes]:
        """The state at the log's head. Raises `Unavailable` while a derived change waits to be appended."""
        if self._derivation.operations:
            raise Unavailable(f"changes of {self.topic.name} wait to be logged")
        return self._head, self._derivation.encode()

    def _derive(self, settled: Dirt, whole: bool = False) -> None:
        started = time.monotonic()
        audits, self._audits = self._audits, False
        # A transaction that nobody announced may be in the snapshot: reading only what was announced would split it.
        blind, seeing = self._blind_until > 0, time.monotonic() >= self._blind_until
        if (settled.whole or audits) and self._head.epoch and self._backends.cache.head(self.topic) != self._head:
            raise Conflict(f"the log of {self.topic.name} is not where this process left it")

        def collect() -> Dirt:
            try:
                self._backends.feed.catch_up()
            except Unavailable:
                return Dirt(whole=True)
            more = self._mailbox.meanwhile()
            return Dirt((*settled.changes, *more.changes), whole or blind or settled.whole or more.whole, audits)

        try:
            self._derivation.refresh(collect)
        except BaseException:
            self._mailbox.spoil()
            raise
        finally:
            labels = self._derivation.labels
            self._mailbox.close(self._derivation.concerns, self._labels | labels)
        if seeing:
            self._blind_until = 0.0
        self._tell(time.monotonic() - started)
        self._learn(labels)

    def _tell(self, seconds: float) -> None:
        """Have what the refresh did counted, and what an audit found logged."""
        drift = self._derivation.drift
        probes.to.derived(self.topic, seconds, self._derivation.read_whole)
        if drift is None:
            return
        probes.to.audited(self.topic, self._head, drift)
        if drift:
            logger.warning(
                "%s at %s differed from the database by %d operations that nobody announced",
                self.topic.name,
                self._head,
                drift,
                extra=self._about(),
            )

    def _about(self) -> dict[str, object]:
        return probes.about(self.topic, self._head if self._head.epoch else None)

    def _learn(self, labels: frozenset[str]) -> None:
        if not labels <= self._labels:
            # Until now nobody announced changes to these; what happened since the snapshot is unknown.
            _learned[self.topic.channel] = labels | _learned.get(self.topic.channel, frozenset())
            self._labels |= labels
            self._watch(self._labels)
            self._mailbox.spoil()

    def _watch(self, labels: frozenset[str]) -> None:
        delay = self._backends.watch(self._name, labels)
        self.recheck_after = max(self.recheck_after, delay)
        if delay:
            self._blind_until = max(self._blind_until, time.monotonic() + delay)

    # --- the log -------------------------------------------------------------------------

    def _append(self, patch: bytes) -> None:
        cursor = self._head.next()
        with probes.to.span("rxsse.append", self.topic):
            self._backends.cache.append(self.topic, cursor, patch)
        self._derivation.take()  # it is in the log: whatever happens now, it must not be said again
        self._head = cursor
        self._logged += 1
        self._checkpointed += len(patch)
        probes.to.appended(self.topic, cursor, len(patch))
        self._fan_out(Fanout(Kind.PATCH, cursor.epoch, cursor.revision, patch, probes.to.carried()))

    def _fan_out(self, fanout: Fanout) -> None:
        # Here first: this process's readers need not wait for the broker, whose echo then says nothing new.
        self._deliver(fanout)
        try:
            self._backends.broker.publish(self.topic, fanout)
        except Unavailable:
            # Other processes will find the gap and read the log.
            logger.warning("fan-out is unavailable; %s goes to this process only", self.topic.name, extra=self._about())

    def _keep_log_short(self) -> None:
        """Store a checkpoint once replaying the log would cost more than reading a new one."""
        long = self._logged > self._backends.settings.LOG_LENGTH // 2
        if not long and self._checkpointed < _LARGE:
            return
        state = self._derivation.encode()
        if not long and self._checkpointed < len(state):
            return
        self._backends.cache.checkpoint(self.topic, self._head, state)
        self._logged = self._checkpointed = 0


def _replay(stored: Stored) -> Any:
    """The state at the log's head; raises `PatchError` where the log does not fit together."""
    state = patches.loads(stored.state)
    for patch in stored.patches:
        state = patches.apply(state, patch)
    return state

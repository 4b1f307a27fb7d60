"""Puts the parts of one process together: feed, cache, broker, engine, used tickets, guard, hubs that serve streams.

The only place that knows which part needs which. Nothing is opened before it is used.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rxsse import brokers, caches, capture, feeds, presence, tickets
from rxsse.brokers.relay import Told
from rxsse.caches.base import BaseCache
from rxsse.checks.deployment import check_processes
from rxsse.conf import Settings, get_settings
from rxsse.deriving.engine import Engine
from rxsse.deriving.hearing import Fence
from rxsse.deriving.inbox import Inbox
from rxsse.deriving.owning import Backends
from rxsse.feeds.base import BaseFeed
from rxsse.guarding.guard import Guard
from rxsse.inside import measuring, reporting
from rxsse.limits import Limits
from rxsse.messages import Change, Fanout
from rxsse.streaming.hub import Hubs

if TYPE_CHECKING:  # what it needs is loaded where there is a proxy
    from rxsse.grip.holding import Holding
    from rxsse.grip.owner import Owner
    from rxsse.grip.register import BaseRegister

logger = logging.getLogger("rxsse")


class Watching:
    """Says to the feed which models this process depends on: the union over its topics."""

    def __init__(self, feed: BaseFeed) -> None:
        self._feed = feed
        self._lock = threading.Lock()
        self._labels: dict[str, frozenset[str]] = {}
        self._known_at: dict[str, float] = {}

    def watch(self, name: str, labels: frozenset[str]) -> float:
        """Depend on ``labels`` for ``name`` (nothing: forget it). Returns after how many seconds every writer knows."""
        with self._lock:
            if labels:
                self._labels[name] = labels
            else:
                self._labels.pop(name, None)
            union = frozenset[str]().union(*self._labels.values())
            if union != self._known_at.keys():
                delay = self._feed.watch(union)
                sure = time.monotonic() + delay
                self._known_at = {label: self._known_at.get(label, sure) for label in union}
            latest = max((self._known_at[label] for label in labels), default=0.0)
        return max(0.0, latest - time.monotonic())


_receive: Callable[[Told], None] | None = None


def bridge(receive: Callable[[Told], None] | None) -> None:
    """Have ``receive`` called with the application's events that other processes send (see `rxsse.eventstream`)."""
    global _receive
    _receive = receive


class Runtime:
    """The parts of this process, for one value of ``settings.RXSSE``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.feed = feeds.create(settings)
        self.tickets = tickets.create(settings)
        self.limits = Limits(settings)
        self.presence = presence.create(settings)
        self.relay = brokers.create_relay(settings)
        self._reporter = reporting.Reporter(self.presence, settings.STATUS_SECONDS)
        self.inbox = Inbox()
        self.watching = Watching(self.feed)
        # Hears the feed before owners do: no patch overtakes what revokes it.
        self.guard = Guard(settings, self.watching.watch, self.inbox)
        self._lock = threading.RLock()
        self._listening = False
        self._cache: BaseCache | None = None
        self._engine: Engine | None = None
        self._fence: Fence | None = None
        self._hubs: Hubs | None = None
        self._backends: Backends | None = None
        self._register: BaseRegister | None = None
        self._holding: Holding | None = None
        self._owner: Owner | None = None
        measuring.install(settings, partial(self.describe, None))

    @property
    def cache(self) -> BaseCache:
        """The log; connects at its first use."""
        with self._lock:
            if self._cache is None:
                self._cache = caches.create(self.settings)
            return self._cache

    @property
    def engine(self) -> Engine:
        """The owner's side; opens cache and broker at first."""
        with self._lock:
            if self._engine is None:
                self.listen()
                broker = brokers.create(self.settings)
                self._backends = Backends(self.settings, self.feed, self.cache, broker, self.inbox, self.watching.watch)
                self._engine = Engine(self._backends)
                broker.listen(self._fenced(self._engine))
                self.open_relay()
            return self._engine

    @property
    def hubs(self) -> Hubs:
        """The serving side."""
        with self._lock:
            if self._hubs is not None:
                return self._hubs
            # Servers don't run Django's checks; this one is about them.
            for problem in check_processes():
                logger.warning("%s", problem)
            hubs = self._hubs = Hubs(self.engine, guard=self.guard)
            self._reporter.start(self.engine, hubs)
        self.relay.ready(self.settings.BACKEND_TIMEOUT)
        return hubs

    def open_relay(self) -> None:
        """Receive the application's events from now on, where they are bridged."""
        if _receive is not None:
            self.relay.open(_receive)

    def after_hearing(self, call: Callable[[], None]) -> None:
        """Call it once what was announced by now is heard, where others say whom a change revokes (I7)."""
        if self._fence is None:
            call()
        else:
            self._fence.after(call)

    def tell(self, topic_name: str, fanout: Fanout) -> None:
        """Tell this process's readers of the topic, if it has any."""
        if self._engine is not None:
            self._engine.fanned_out(topic_name, fanout)

    @property
    def grip(self) -> Holding | None:
        """The serving side for streams that a proxy holds; None without ``GRIP_URL``."""
        if self.settings.GRIP_URL is None:
            return None
        with self._lock:
            if self._holding is None:
                from rxsse.grip.holding import Holding

                register = self._held()
                self._holding = Holding(self.settings, register, self.guard)
                if not register.shared:
                    self.publish_held()
            return self._holding

    def publish_held(self) -> None:
        """Publish for every stream that a proxy holds, until `close`: `manage.py rxsse_owner`, or a process alone."""
        with self._lock:
            if self._owner is None:
                from rxsse.grip.owner import Owner

                self._owner = Owner(self.settings, self.engine, self.guard, self._held())
                self._owner.start()

    def _held(self) -> BaseRegister:
        if self._register is None:
            from rxsse.grip import register

            self._register = register.create(self.settings)
        return self._register

    def _fenced(self, engine: Engine) -> Engine | Fence:
        """The engine as the broker meets it."""
        if self.settings.REDIS_URL is not None or self.settings.OUTBOX:
            self._fence = Fence(engine, engine.hearing)
        return engine if self._fence is None or self.settings.REDIS_URL is None else self._fence

    @property
    def pings(self) -> dict[str, Callable[[], None]]:
        """How to ask cache and broker whether they can be reached; opens them at first. They raise `Unavailable`."""
        with self._lock:
            self.engine  # noqa: B018 (opens what is asked)
            assert self._backends is not None
            return {"cache": self._backends.cache.ping, "broker": self._backends.broker.ping}

    @property
    def process(self) -> str | None:
        """What this process signs its leases and reports with; None while it owns and serves nothing."""
        engine = self._engine
        return None if engine is None else engine.owner

    def describe(self, limit: int | None = reporting.TOPICS) -> dict[str, Any] | None:
        """What this process holds (see `rxsse.inside.reporting`); None while it owns and serves nothing."""
        engine = self._engine
        return None if engine is None else reporting.describe(engine, self._hubs, limit)

    def listen(self) -> None:
        """Receive announcements from now on."""
        with self._lock:
            if not self._listening:
                self._listening = True
                self.feed.listen(self.guard)

    def close(self) -> None:
        """End streams, give topics up, close connections."""
        with self._lock:
            hubs, engine, backends = self._hubs, self._engine, self._backends
            self._hubs = self._engine = self._backends = None
        self._reporter.close(self.settings.BACKEND_TIMEOUT)
        self.relay.close()
        if self._register is not None:
            self._register.close()
        if self._owner is not None:
            self._owner.close()
        if hubs is not None:
            hubs.close()
        if self._fence is not None:
            self._fence.close(self.settings.BACKEND_TIMEOUT)
        self.guard.close()
        if engine is not None:
            engine.close()
        self.feed.close()
        self.tickets.close()
        if backends is not None:
            backends.broker.close()
        if self._cache is not None:
            self._cache.close()
        self.presence.close()


_runtime: Runtime | None = None
_lock = threading.Lock()


def current() -> Runtime:
    """This process's runtime, made with the settings as they are at the first call."""
    global _runtime
    if _runtime is None:
        with _lock:
            if _runtime is None:
                _runtime = Runtime(get_settings())
    return _runtime


def embed() -> Runtime:
    """The runtime, and from now on one without servers; for tests, whose transactions nobody else sees anyway."""
    global _runtime
    found = current()
    if found.settings.REDIS_URL is None and found.settings.MONGO_URL is None and not found.settings.OUTBOX:
        return found
    embedded = Runtime(replace(found.settings, REDIS_URL=None, MONGO_URL=None, OUTBOX=False))
    with _lock:
        _runtime = embedded
    found.close()
    return embedded


def reset() -> None:
    """Close the runtime; the next use makes a new one. For tests that change the settings."""
    global _runtime
    with _lock:
        runtime, _runtime = _runtime, None
    if runtime is not None:
        runtime.close()


def install() -> None:
    """Capture this process's writes; opens nothing."""
    capture.install()
    capture.connect(_feed)


def _feed() -> BaseFeed:
    return (_runtime or current()).feed


def _after_fork() -> None:
    # Threads and connections stayed with the parent.
    global _runtime, _lock
    _runtime, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Tap:
    """The changes that this process hears of, those of the calling thread's open transaction included.

    Makes the runtime an embedded one (see `embed`).
    """

    def __init__(self, labels: Iterable[str], using: str) -> None:
        self._runtime = embed()
        self._runtime.listen()
        self._name = f"tap/{id(self)}"
        self._using = using
        self._mailbox = self._runtime.inbox.mailbox(frozenset(labels), lambda: None)
        self._position = capture.pending(using).position
        self._closed = False
        self.watch(frozenset(labels))

    def watch(self, labels: frozenset[str]) -> None:
        self._mailbox.labels = labels
        self._runtime.watching.watch(self._name, labels)

    def take(self) -> tuple[tuple[Change, ...], bool]:
        """What has changed since this was last asked, and whether anything may have."""
        if self._closed:
            return (), False
        self._runtime.feed.catch_up()
        dirt = self._mailbox.open()
        self._position, pending = capture.pending(self._using, self._position)
        return (*dirt.changes, *pending), dirt.whole

    def close(self) -> None:
        self._closed = True
        self._mailbox.discard()
        self._runtime.watching.watch(self._name, frozenset())

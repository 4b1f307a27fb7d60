"""The topics and streams of one event loop, and what wakes them; knows neither HTTP nor Django."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from random import uniform
from typing import TYPE_CHECKING, Any, Protocol

from rxsse import probes, wire
from rxsse.conf import Settings, get_settings
from rxsse.source import Source
from rxsse.streaming import uvicorn
from rxsse.streaming.topics import SLICE, HotTopic, bye

if TYPE_CHECKING:
    from rxsse.streaming.ring import Ring
    from rxsse.streaming.streams import Stream

logger = logging.getLogger("rxsse.streaming")

TICK_SECONDS = 0.2
"""Pace of the one timer: uvicorn looks every 0.1 s whether to exit, and limits are seconds."""

ASKED = 16
"""Streams asked at each tick whether the server wants them closed: those of HTTP/1.0 clients can't tell."""

FAREWELL_SECONDS = 2.0
"""Seconds that blocked clients are given for their ``bye``: a deploy does not wait for a phone in a tunnel."""


class Guard(Protocol):
    """Knows who may still read. Called from the event loops; must not block."""

    def entered(self, stream: Stream) -> bool:
        """``stream`` is served from now on. True: no state for it before `Hub.release`."""

    def left(self, stream: Stream) -> None:
        """``stream`` has ended; called once for each that entered."""


class Hub:
    """Serves streams on one event loop. `hold`, `release`, `end` and `post` may be called from any thread."""

    def __init__(
        self, source: Source, settings: Settings, loop: asyncio.AbstractEventLoop, guard: Guard | None = None
    ) -> None:
        self.source = source
        self.guard = guard
        self.settings = settings
        self.loop = loop
        self.now = loop.time()
        """The loop's time, as of the last wake-up."""
        self.streams: dict[Stream, None] = {}
        self.blocked: dict[Stream, asyncio.Task[None]] = {}
        """Streams whose client does not read at present, and who finishes the write."""
        self.topics: dict[str, HotTopic] = {}
        self.closed = False
        # What runs later must not keep the request alive that happened to be current (its contextvars).
        self.context = contextvars.Context()
        self._inbox: deque[tuple[HotTopic | None, Callable[..., None], tuple[Any, ...]]] = deque()
        self._woken = False
        self._grown: dict[HotTopic, None] = {}
        self._cooling: dict[HotTopic, asyncio.TimerHandle] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._next_marks = 0.0
        self._server = uvicorn.find_server()

    # --- any thread ----------------------------------------------------------------------

    def post(self, hot: HotTopic | None, happened: Callable[..., None], *given: Any) -> None:
        """Run ``happened(*given)`` on the loop, in order, with one wake-up for all that is waiting.

        What is about ``hot`` is dropped once that is given up.
        """
        self._inbox.append((hot, happened, given))
        # Looked at after the append and lowered before the inbox is emptied: no item is left behind.
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._drain, context=self.context)
            except RuntimeError:  # the loop was closed: nobody is left to be told
                self._inbox.clear()

    def _drain(self) -> None:
        self._woken = False
        self.now = self.loop.time()
        inbox = self._inbox
        for _ in range(len(inbox)):
            hot, happened, given = inbox.popleft()
            if hot is not None and hot.closed:
                continue
            try:
                happened(*given)
            except Exception:
                whose = "A hub" if hot is None else f"Topic {hot.topic.name}"
                logger.exception("%s could not take what it was told", whose)
        grown, self._grown = self._grown, {}
        for hot in grown:
            hot.fan_out()

    # By the way that patches come, so that what is appended after a doubt has arisen is held back (I7).

    def hold(self, streams: Iterable[Stream]) -> None:
        """Give ``streams`` no state until `release`: whether their readers may have it is being asked."""
        self.post(None, self._hold, streams)

    def release(self, streams: Iterable[Stream]) -> None:
        """Go on with ``streams`` where `hold` has stopped them."""
        self.post(None, self._release, streams)

    def end(self, streams: Iterable[Stream], reason: str) -> None:
        """End ``streams`` with ``revoked``. Not one byte more for these."""
        self.post(None, self._end, streams, reason)

    def _hold(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            stream.held = True

    def _release(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            if stream.held and stream in self.streams:
                stream.held = False
                if stream.hot is not None:
                    stream.hot.resume(stream)

    def _end(self, streams: Iterable[Stream], reason: str) -> None:
        for stream in streams:
            if stream in self.blocked:
                stream.cut()
            elif stream in self.streams:
                stream.finish(wire.revoked(reason))

    # --- streams -------------------------------------------------------------------------

    def connect(self, stream: Stream) -> None:
        """Serve its topic to ``stream`` until either side ends it."""
        self.now = self.loop.time()
        stream.heard = self.now
        self.streams[stream] = None
        self._start_ticking()
        if self.closed:
            stream.finish(bye(self.settings.RETRY_MILLISECONDS))
            return
        if self.settings.ROTATE_SECONDS:
            # Spread: streams that were opened together, after a deploy, don't end together.
            stream.rotates = self.now + uniform(0.8, 1.2) * self.settings.ROTATE_SECONDS
        if self.guard is not None:
            stream.held = self.guard.entered(stream)
        name = stream.topic.name
        hot = self.topics.get(name)
        cold = hot is None
        if hot is None:
            hot = self.topics[name] = HotTopic(self, stream.topic)
        elif hot in self._cooling:
            self._cooling.pop(hot).cancel()
        stream.hot, stream.topic = hot, hot.topic
        probes.to.opened(hot.topic)
        hot.join(stream)
        if cold:
            hot.activate()

    def leave(self, stream: Stream) -> None:
        """Forget ``stream``."""
        if stream.place is not None:
            stream.place.leave()
        known = stream in self.streams
        self.streams.pop(stream, None)
        self.blocked.pop(stream, None)
        hot = stream.hot
        if hot is None:
            return
        if known:
            probes.to.ended(hot.topic)
            if self.guard is not None:
                self.guard.left(stream)
        hot.leave(stream)
        if not hot.streams and not hot.closed and hot not in self._cooling and not self.closed:
            self._cooling[hot] = self.call_later(self.settings.COOL_SECONDS, self.drop, hot)

    def revoke(self, predicate: Callable[[Any], bool], reason: str) -> int:
        """End every stream whose identity matches with ``revoked``, and say how many. Not one byte more for these."""
        matching = [stream for stream in self.streams if predicate(stream.identity)]
        self._end(matching, reason)
        return len(matching)

    def close(self) -> None:
        """Say ``bye`` to every stream and give every topic up. Clients that don't read are cut off soon after."""
        if self.closed:
            return
        self.closed = True
        for stream in list(self.streams):
            stream.finish(bye(self.settings.RETRY_MILLISECONDS))
        for hot in list(self.topics.values()):
            self.drop(hot)
        if self.streams:
            self.call_later(FAREWELL_SECONDS, self._cut_all)

    # --- topics --------------------------------------------------------------------------

    def grown(self, hot: HotTopic) -> None:
        """``hot`` has something new: fan it out when the batch has been taken in."""
        self._grown[hot] = None

    def forget(self, hot: HotTopic) -> None:
        """The next reader of the topic asks the source anew."""
        if self.topics.get(hot.topic.name) is hot:
            del self.topics[hot.topic.name]
        if hot in self._cooling:
            self._cooling.pop(hot).cancel()
        hot.closed = True

    def drop(self, hot: HotTopic) -> None:
        """Give the topic up: nobody reads it any more, or it is gone."""
        self.forget(hot)
        try:
            self.source.deactivate(hot.topic, hot)
        except Exception:
            logger.exception("The source could not deactivate topic %s", hot.topic.name)

    # --- time ----------------------------------------------------------------------------

    def call_soon(self, call: Callable[..., object], *given: Any) -> None:
        self.loop.call_soon(call, *given, context=self.context)

    def call_later(self, seconds: float, call: Callable[..., object], *given: Any) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, call, *given, context=self.context)

    def _start_ticking(self) -> None:
        if self._ticking is None:
            self._ticking = self.call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        self.now = self.loop.time()
        if not self.closed and self._is_stopping():
            self.close()
        for stream in list(self.blocked):
            if self.now - stream.heard > self.settings.WRITE_TIMEOUT:
                stream.cut()
        if self.settings.ROTATE_SECONDS:
            for stream in [stream for stream in self.streams if stream.rotates <= self.now]:
                stream.rotates = inf
                stream.finish(bye(self.settings.RETRY_MILLISECONDS))
        if self.settings.MARK_SECONDS and self.now >= self._next_marks:
            self._next_marks = self.now + self.settings.MARK_SECONDS / 10
            quiet_since = self.now - self.settings.MARK_SECONDS
            self._mark([stream for stream in self.streams if stream.heard <= quiet_since])
        if self.streams:
            self._start_ticking()

    def _is_stopping(self) -> bool:
        if self._server is not None and uvicorn.is_stopping(self._server):
            return True
        # A server in a thread installs no signal handlers to be found by, but it tells connections.
        return any(stream.is_dismissed() for stream in islice(self.streams, ASKED))

    def _mark(self, quiet: list[Stream]) -> None:
        for stream in quiet[:SLICE]:
            stream.mark()
        if len(quiet) > SLICE:
            self.call_soon(self._mark, quiet[SLICE:])

    def _cut_all(self) -> None:
        for stream in list(self.streams):
            stream.cut()


@dataclass(slots=True)
class Readers:
    """How many streams show a topic, how many of them have a client that doesn't read, and how far the last is behind.

    ``lag`` counts revisions, from what this process knows of the topic to what the slowest stream was given.
    """

    streams: int = 0
    blocked: int = 0
    held: int = 0
    lag: int = 0

    def count(self, streams: Iterable[Stream], blocked: set[Stream], ring: Ring | None) -> None:
        for stream in streams:
            self.streams += 1
            self.blocked += stream in blocked
            self.held += stream.held
            cursor = stream.subscription.cursor
            if ring is not None and cursor is not None and cursor.epoch == ring.cursor.epoch:
                self.lag = max(self.lag, ring.cursor.revision - cursor.revision)


class Hubs:
    """All hubs of one source in this process: one per event loop that serves streams."""

    _all: weakref.WeakSet[Hubs] = weakref.WeakSet()

    def __init__(self, source: Source, settings: Settings | None = None, guard: Guard | None = None) -> None:
        """Without ``settings``, those of Django at the time a hub is made; without ``guard``, all may read for ever."""
        self._source = source
        self._settings = settings
        self._guard = guard
        self._hubs: list[Hub] = []
        self._lock = threading.Lock()
        self._background: asyncio.AbstractEventLoop | None = None
        self._all.add(self)

    def here(self) -> Hub:
        """The hub of the running event loop."""
        return self._of(asyncio.get_running_loop())

    def background(self) -> Hub:
        """A hub on a thread of its own, for servers without an event loop."""
        with self._lock:
            if self._background is None or self._background.is_closed():
                self._background = asyncio.new_event_loop()
                threading.Thread(target=self._background.run_forever, name="rxsse-streams", daemon=True).start()
            loop = self._background
        return self._of(loop)

    def census(self) -> dict[str, Readers]:
        """The readers of every topic in this process, by the topic's name. From any thread; a moment's view."""
        with self._lock:
            hubs = list(self._hubs)
        found: dict[str, Readers] = {}
        for hub in hubs:
            blocked = set(hub.blocked)
            for hot in list(hub.topics.values()):
                readers = found.setdefault(hot.topic.name, Readers())
                readers.count(list(hot.streams), blocked, hot.ring)
        return found

    def revoke(self, predicate: Callable[[Any], bool], reason: str) -> None:
        """End every stream in this process whose identity matches with ``revoked``. From any thread."""
        self._everywhere(lambda hub: hub.revoke(predicate, reason))

    def close(self) -> None:
        """End every stream in this process with ``bye``. From any thread."""
        self._everywhere(Hub.close)

    @classmethod
    def open_here(cls) -> None:
        """Serve on the running event loop again if it was closed."""
        loop = asyncio.get_running_loop()
        for hubs in cls._all:
            with hubs._lock:
                hubs._hubs = [hub for hub in hubs._hubs if hub.loop is not loop or not hub.closed]

    @classmethod
    def close_here(cls) -> None:
        """End every stream of the running event loop with ``bye``."""
        loop = asyncio.get_running_loop()
        for hub in [hub for hubs in cls._all for hub in hubs._hubs if hub.loop is loop]:
            hub.close()

    def _of(self, loop: asyncio.AbstractEventLoop) -> Hub:
        with self._lock:
            for hub in self._hubs:
                if hub.loop is loop:
                    return hub
            ended = [hub for hub in self._hubs if hub.loop.is_closed()]
            hub = Hub(self._source, self._settings or get_settings(), loop, self._guard)
            self._hubs = [each for each in self._hubs if each not in ended] + [hub]
        for each in ended:  # their loop ended without a shutdown: the source still counts them as readers
            for hot in list(each.topics.values()):
                each.drop(hot)
            for stream in list(each.streams):
                each.leave(stream)
        return hub

    def _everywhere(self, call: Callable[[Hub], object]) -> None:
        with self._lock:
            hubs = list(self._hubs)
        for hub in hubs:
            try:
                hub.loop.call_soon_threadsafe(call, hub)
            except RuntimeError:  # the loop was closed
                continue

"""One hot topic in one event loop: its ring, its streams, and what they wait for; knows no sockets."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from rxsse import probes, wire
from rxsse.cursors import Cursor
from rxsse.exceptions import DeriveError, Gone, Unavailable
from rxsse.messages import Topic
from rxsse.streaming.ring import Ring
from rxsse.subscription import State

if TYPE_CHECKING:
    from rxsse.streaming.hub import Hub
    from rxsse.streaming.streams import Stream

logger = logging.getLogger("rxsse.streaming")

SLICE = 256
"""Streams written to before the event loop gets its turn: about 3 ms."""

REPLAY_BYTES = 1_000_000
"""Bytes of patches replayed to one connection at most: they are its own, while a snapshot's bytes are shared (I5)."""


def bye(milliseconds: int) -> bytes:
    """A ``bye`` whose delay is spread, so that a thousand clients don't return in the same second."""
    return wire.bye(round(milliseconds * random.uniform(1, 3)))


class HotTopic:
    """A topic between activation and cooling. It is the `Sink` of that activation.

    The methods of `Sink` may be called from any thread; all others belong to the event loop.
    """

    def __init__(self, hub: Hub, topic: Topic) -> None:
        self.topic = topic
        self.ring: Ring | None = None
        """None until the activation has been answered."""
        self.streams: dict[Stream, None] = {}
        self.closed = False
        self._hub = hub
        self._early: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._loading: list[Stream] | None = None
        self._replaying: dict[Cursor, list[Stream]] = {}
        self._snapshot: tuple[Cursor, bytes, bytes] | None = None
        self._round: list[Stream] = []
        self._traces: list[str] = []
        self._grown = False

    # --- Sink: any thread ----------------------------------------------------------------

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        if trace := probes.to.carried():
            # First: the loop may offer a patch before this thread says another word.
            self._hub.post(self, self._trace, trace)
        self._hub.post(self, self._add, Ring.patched, cursor, patch)

    def began(self, topic: Topic, cursor: Cursor, reason: str) -> None:
        self._hub.post(self, self._add, Ring.began, cursor, reason)

    def stale(self, topic: Topic, reason: str) -> None:
        self._hub.post(self, self._add, Ring.became_stale, reason)

    def gone(self, topic: Topic) -> None:
        self._hub.post(self, self._end)

    def message(self, topic: Topic, event: str, body: bytes) -> None:
        # Encoded here, so that a name that can't be sent is the caller's error and nobody else's.
        self._hub.post(self, self._add, Ring.told, wire.message(event, body))

    # --- the event loop ------------------------------------------------------------------

    def activate(self) -> None:
        """Ask the source for the topic."""
        self._ask(lambda: self._hub.source.activate(self.topic, self), self._activated)

    def join(self, stream: Stream) -> None:
        """Serve ``stream`` from now on, at once if the topic is hot already."""
        self.streams[stream] = None
        if not stream.held:
            self.resume(stream)

    def resume(self, stream: Stream) -> None:
        """Begin, or go on, with a stream that isn't held (any more)."""
        ring = self.ring
        if ring is not None and stream.subscription.state is State.OPENING:
            self._each([stream], lambda stream: stream.give(stream.subscription.start(ring)))
        elif ring is not None:
            self._each([stream], lambda stream: stream.wake())

    def leave(self, stream: Stream) -> None:
        """Forget ``stream``."""
        self.streams.pop(stream, None)

    def attend(self, stream: Stream) -> None:
        """Get ``stream`` what its subscription waits for; asks once for all who wait for the same."""
        subscription = stream.subscription
        assert self.ring is not None
        if subscription.state is State.LOADING:
            if self._loading is None:
                self._loading = []
                position = self.ring.position
                self._ask(lambda: self._hub.source.snapshot(self.topic), self._loaded, position)
            self._loading.append(stream)
        elif subscription.state is State.REPLAYING:
            cursor = subscription.cursor
            assert cursor is not None
            waiting = self._replaying.get(cursor)
            if waiting is None:
                waiting = self._replaying[cursor] = []
                position = self.ring.position
                self._ask(lambda: self._hub.source.since(self.topic, cursor), self._replayed, cursor, position)
            waiting.append(stream)

    def fan_out(self) -> None:
        """Wake every stream. Streams that are woken late find what came in the meantime joined to the rest."""
        if self._round:
            self._grown = True
            return
        traces, self._traces = self._traces, []
        probes.to.offered(self.topic, len(self.streams))
        self._round = list(self.streams)
        self._round.reverse()
        with probes.to.span("rxsse.offer", self.topic, traces):
            self._walk()

    def _walk(self) -> None:
        walking = self._round
        for _ in range(min(SLICE, len(walking))):
            stream = walking.pop()
            try:
                stream.wake()
            except Exception:
                self._give_up(stream)
        if not walking and self._grown:
            self._grown = False
            walking.extend(reversed(self.streams))
        if walking:
            self._hub.call_soon(self._walk)

    def _add(self, add: Callable[..., None], *given: Any) -> None:
        if self.ring is None:
            self._early.append((add, given))  # said between the activation and our hearing of it
            return
        add(self.ring, *given)
        self._snapshot = None
        self._hub.grown(self)

    def _trace(self, trace: str) -> None:
        self._traces.append(trace)

    def _end(self) -> None:
        self._hub.drop(self)
        self._each(list(self.streams), lambda stream: stream.wake())  # what came before it
        self._each(list(self.streams), lambda stream: stream.finish(wire.gone()))

    def _activated(self, future: Future[Cursor]) -> None:
        settings = self._hub.settings
        try:
            cursor = future.result()
        except Exception as error:
            self._hub.forget(self)
            self._fail(list(self.streams), error)
            return
        self.ring = Ring(cursor, length=settings.RING_LENGTH, size=settings.RING_BYTES)
        early, self._early = self._early, []
        for add, given in early:
            self._add(add, *given)
        for stream in [stream for stream in self.streams if not stream.held]:
            self.resume(stream)

    def _loaded(self, position: int, future: Future[tuple[Cursor, bytes]]) -> None:
        streams, self._loading = self._loading or [], None
        try:
            cursor, state = future.result()
        except Exception as error:
            self._fail(streams, error)
            return
        known = self._snapshot
        if known is None or known[0] != cursor or known[1] is not state:
            known = self._snapshot = (cursor, state, wire.snapshot(cursor, state))
        self._answer(streams, lambda stream: stream.subscription.loaded(cursor, known[2], position))

    def _replayed(self, cursor: Cursor, position: int, future: Future[Sequence[bytes] | None]) -> None:
        streams = self._replaying.pop(cursor)
        ring = self.ring
        assert ring is not None
        try:
            patches = future.result()
        except Exception as error:
            self._fail(streams, error)
            return
        events = None
        if patches is not None and sum(map(len, patches)) <= REPLAY_BYTES:
            first = cursor.revision + 1
            events = [wire.patch(Cursor(cursor.epoch, first + n), patch) for n, patch in enumerate(patches)]
        self._answer(streams, lambda stream: stream.subscription.replayed(events, position, ring))

    def _answer(self, streams: Iterable[Stream], say: Callable[[Stream], bytes]) -> None:
        def answer(stream: Stream) -> None:
            if stream in self.streams and stream.subscription.state is not State.ENDED:
                stream.waits = False
                if not stream.held:  # one that is asks anew when it goes on: then for a state of that time
                    stream.give(say(stream))

        self._each(streams, answer)

    def _fail(self, streams: Iterable[Stream], error: Exception) -> None:
        """Nothing of ``error`` reaches a client: it may quote rows that the client must not see."""
        if not isinstance(error, (Gone, DeriveError, Unavailable)):
            logger.error("The source of topic %s failed", self.topic.name, exc_info=error, extra=self._about())
        if isinstance(error, Gone):
            self._each(streams, lambda stream: stream.finish(wire.gone()))
        else:
            again = self._hub.settings.RETRY_MILLISECONDS
            self._each(streams, lambda stream: stream.finish(wire.reset("unavailable") + bye(again)))

    def _each(self, streams: Iterable[Stream], act: Callable[[Stream], object]) -> None:
        for stream in streams:
            try:
                act(stream)
            except Exception:
                self._give_up(stream)

    def _give_up(self, stream: Stream) -> None:
        """One stream's trouble is not the others'."""
        logger.exception("A stream of topic %s could not go on", self.topic.name, extra=self._about())
        self.leave(stream)
        self._hub.call_soon(stream.cut)  # in a turn of its own, as it may raise as well

    def _about(self) -> dict[str, object]:
        return probes.about(self.topic, None if self.ring is None else self.ring.cursor)

    def _ask(self, call: Callable[[], Future[Any]], answer: Callable[..., None], *context: Any) -> None:
        try:
            future = call()
        except Exception as error:
            future = Future()
            future.set_exception(error)
        # By the same way as what the sink is told, so that the order stays.
        future.add_done_callback(lambda done: self._hub.post(self, answer, *context, done))

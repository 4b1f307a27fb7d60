"""What a stream would be given at once, as bytes: from its beginning until it has caught up. Knows no proxy."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from rxsse.cursors import Cursor
from rxsse.exceptions import Unavailable
from rxsse.messages import Topic
from rxsse.streaming.hub import Hub
from rxsse.streaming.streams import Stream
from rxsse.subscription import State


@dataclass(frozen=True, slots=True)
class Given:
    """``events`` lead to ``cursor``. ``ended``: a final one is among them. ``stale``: a snapshot is promised."""

    events: bytes
    cursor: Cursor | None
    ended: bool
    stale: bool


class Excerpt(Stream):
    """A stream like every other, for the hub and the guard, that ends as soon as it is up to date."""

    __slots__ = ("_chunks", "_over", "given")

    def __init__(self, hub: Hub, topic: Topic, wanted: str | None, identity: object) -> None:
        super().__init__(hub, topic, wanted, identity)
        self.given: Future[Given] = Future()
        self._chunks: list[bytes] = []
        self._over = False

    def wake(self) -> None:
        self.give(b"")

    def give(self, chunk: bytes) -> None:
        while not self._over:
            if chunk:
                self._chunks.append(chunk)
            chunk = self._read()
            if not chunk:
                break
        state = self.subscription.state
        if self._over:
            return
        if state is State.ENDED or (state in (State.LIVE, State.STALE) and not self.held):
            self._settle(state)
        else:
            self._attend()

    def mark(self) -> None:
        """Nobody waits so long."""

    def finish(self, event: bytes) -> None:
        # What came before it would be given to a reader who may have lost the right to it.
        self._chunks.clear()
        self.give(self.subscription.finish(event))

    def cut(self) -> None:
        if not self._over:
            self._leave()
            self.given.set_exception(Unavailable(f"{self.topic.name} could not be read in time"))

    def _settle(self, state: State) -> None:
        self._leave()
        found = Given(
            b"".join(self._chunks),
            self.subscription.cursor,
            state is State.ENDED,
            self.subscription.state is State.STALE,
        )
        self.given.set_result(found)

    def _leave(self) -> None:
        self._over = True
        self.hub.leave(self)


def excerpt(hub: Hub, topic: Topic, wanted: str | None, identity: object, seconds: float) -> Given:
    """What a stream is given at once. Blocks, for ``seconds`` at most; raises `Unavailable` then. Not from the loop."""
    stream = Excerpt(hub, topic, wanted, identity)
    hub.loop.call_soon_threadsafe(hub.connect, stream)
    try:
        return stream.given.result(seconds)
    except TimeoutError:
        hub.loop.call_soon_threadsafe(stream.cut)
        hot = stream.hot is not None and stream.hot.ring is not None
        waits = "whether its reader may read" if stream.held else stream.subscription.state.name if hot else "its topic"
        raise Unavailable(f"{topic.name} could not be read within {seconds:g} s: it waits for {waits}") from None

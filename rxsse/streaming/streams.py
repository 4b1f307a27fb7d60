"""One open stream: moves what its subscription says to whoever writes it; knows ASGI, not Django.

Two kinds. A `PushedStream` writes by driving uvicorn's ``send`` by hand: most calls never wait,
so that a delivery costs no task switch. A `PulledStream` is an asynchronous iterator for
everything else. Neither has a queue: what a client has not read stays in the topic's ring (I5).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from math import inf
from typing import Any

from rxsse import wire
from rxsse.messages import Topic
from rxsse.streaming import uvicorn
from rxsse.streaming.hub import Hub
from rxsse.streaming.places import Place
from rxsse.streaming.topics import HotTopic
from rxsse.subscription import READ_BYTES, State, Subscription

Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


INSIST_SECONDS = 1.0
"""Seconds after which a connection that was cut off, and does not say so, is given up."""


class Stream(ABC):
    """A connection's end of a subscription. Used from the hub's event loop only."""

    __slots__ = (
        "__weakref__",
        "heard",
        "held",
        "hot",
        "hub",
        "identity",
        "place",
        "rotates",
        "subscription",
        "topic",
        "waits",
    )

    def __init__(
        self, hub: Hub, topic: Topic, wanted: str | None, identity: object, place: Place | None = None
    ) -> None:
        self.hub = hub
        self.topic = topic
        self.hot: HotTopic | None = None
        self.subscription = Subscription(wanted)
        self.identity = identity
        """Who reads, for `Hub.revoke` and the guard; means nothing here."""
        self.place = place
        """What it takes of a limit, if of any."""
        self.heard = hub.now
        """When the client was last written to."""
        self.held = False
        """Whether it is given no state, because its reader's right to it is in doubt."""
        self.rotates = inf
        """When it is ended for its age."""
        self.waits = False
        """Whether a snapshot or a replay has been asked for."""

    @abstractmethod
    def wake(self) -> None:
        """The topic has grown."""

    @abstractmethod
    def give(self, chunk: bytes) -> None:
        """Write ``chunk``, what the subscription has answered, and go on."""

    @abstractmethod
    def mark(self) -> None:
        """Write a sign of life, unless something is being written anyway."""

    @abstractmethod
    def finish(self, event: bytes) -> None:
        """Write ``event`` as the last one and end."""

    @abstractmethod
    def cut(self) -> None:
        """End without another byte."""

    def is_dismissed(self) -> bool:
        """Whether the server is known to be waiting for this stream to end, because it is stopping."""
        return False

    def _attend(self) -> None:
        if not self.waits and not self.held and self.hot is not None and self.hot.ring is not None:
            self.waits = True
            self.hot.attend(self)

    def _read(self) -> bytes:
        hot = self.hot
        return b"" if self.held or hot is None or hot.ring is None else self.subscription.read(hot.ring)


class PushedStream(Stream):
    """Writes by itself, through the ``send`` of a uvicorn request cycle."""

    __slots__ = ("_cycle", "_kept", "_last", "_over", "_send", "_task")

    def __init__(
        self,
        hub: Hub,
        topic: Topic,
        wanted: str | None,
        identity: object,
        send: Send,
        cycle: Any,
        place: Place | None = None,
    ) -> None:
        super().__init__(hub, topic, wanted, identity, place)
        self._send = send
        self._cycle = cycle
        self._kept: bool = cycle.keep_alive
        self._task = asyncio.current_task()
        self._last = b""
        self._over = False

    async def run(self, receive: Receive) -> None:
        """Serve the topic until the stream ends or the client goes."""
        hub = self.hub
        uvicorn.bound(self._cycle, hub.settings.SEND_BUFFER, hub.settings.WRITE_TIMEOUT)
        try:
            self._write(wire.retry(hub.settings.RETRY_MILLISECONDS))
            hub.connect(self)
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not self._over:  # not `_insist`
                raise
        finally:
            self._over = True
            self._task = None
            hub.leave(self)

    def wake(self) -> None:
        self.give(b"")

    def give(self, chunk: bytes) -> None:
        if self in self.hub.blocked:
            self._last += chunk
            return
        while not self._over:
            if chunk and not self._write(chunk):
                return  # goes on by itself when the client has read
            chunk = self._read()
            if not chunk:
                break
        state = self.subscription.state
        if state is State.LIVE or state is State.STALE or self._over:
            return
        if state is State.ENDED:
            self._end()
        else:
            self._attend()

    def mark(self) -> None:
        if uvicorn.is_closed(self._cycle):
            self.cut()
        elif self not in self.hub.blocked:
            self.give(self.subscription.mark())

    def finish(self, event: bytes) -> None:
        self._last = b""  # what was not begun is not needed any more
        self.give(self.subscription.finish(event))

    def cut(self) -> None:
        self._over = True
        uvicorn.abort(self._cycle)
        self.hub.leave(self)
        # The abort makes `receive` return in the next turn, except behind a pipelined request.
        self.hub.call_later(INSIST_SECONDS, self._insist)

    def _insist(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def is_dismissed(self) -> bool:
        return self._kept and not self._cycle.keep_alive

    def _end(self) -> None:
        self._over = True
        self._start(self._send({"type": "http.response.body", "body": b"", "more_body": False}))

    def _write(self, chunk: bytes) -> bool:
        """Write, and return whether that is done; where it is not, `give` follows when it is."""
        self.heard = self.hub.now
        if len(chunk) > READ_BYTES:
            return self._start(self._write_in_pieces(chunk))
        return self._start(self._send({"type": "http.response.body", "body": chunk, "more_body": True}))

    async def _write_in_pieces(self, chunk: bytes) -> None:
        # uvicorn copies what it is given, and the transport keeps it: a piece per client, not a state per client.
        for start in range(0, len(chunk), READ_BYTES):
            if self._over:
                return
            piece = chunk[start : start + READ_BYTES]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            self.heard = self.hub.loop.time()

    def _start(self, sending: Awaitable[None]) -> bool:
        """Drive ``sending`` until it is done or has to wait; a task takes over only then."""
        assert isinstance(sending, Coroutine)
        try:
            awaited = sending.send(None)
        except StopIteration:
            return True
        except Exception:
            self.cut()
            return False
        task = self.hub.loop.create_task(self._complete(_Rest(sending, awaited)), context=self.hub.context)
        self.hub.blocked[self] = task
        return False

    async def _complete(self, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception:
            self.cut()
            return
        if self.hub.blocked.pop(self, None) is not None:
            self.hub.now = self.hub.loop.time()
            chunk, self._last = self._last, b""
            self.give(chunk)


class _Rest:
    """Awaits what is left of a coroutine that was driven by hand and waits for ``awaited``."""

    __slots__ = ("_awaited", "_sending")

    def __init__(self, sending: Coroutine[Any, Any, None], awaited: Any) -> None:
        self._sending = sending
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            while True:
                try:
                    yield self._awaited
                except BaseException as error:
                    self._awaited = self._sending.throw(error)
                else:
                    self._awaited = self._sending.send(None)
        except StopIteration:
            return


class PulledStream(Stream):
    """An asynchronous iterator of chunks."""

    __slots__ = ("_given", "_over", "_reader")

    def __init__(
        self, hub: Hub, topic: Topic, wanted: str | None, identity: object, place: Place | None = None
    ) -> None:
        super().__init__(hub, topic, wanted, identity, place)
        self._given: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._over = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Everything to write, until the stream ends or the iterator is closed."""
        try:
            yield wire.retry(self.hub.settings.RETRY_MILLISECONDS)
            self.hub.connect(self)
            while not self._over:
                chunk = self._take()
                if chunk:
                    self.heard = self.hub.loop.time()
                    yield chunk
                elif self.subscription.state is State.ENDED:
                    return
                else:
                    self._reader = self.hub.loop.create_future()
                    if self.subscription.state in (State.LOADING, State.REPLAYING):
                        self._attend()
                    await self._reader
                    self._reader = None
        finally:
            self._over = True
            self.hub.leave(self)

    def _take(self) -> bytes:
        if self._given:
            chunk, self._given = b"".join(self._given), []
            return chunk
        return self._read()

    def wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def give(self, chunk: bytes) -> None:
        if chunk:
            self._given.append(chunk)
        self.wake()

    def mark(self) -> None:
        if self._reader is not None and not self._reader.done():
            self.give(self.subscription.mark())

    def finish(self, event: bytes) -> None:
        self._given.clear()  # what was not taken is not needed any more
        self.give(self.subscription.finish(event))

    def cut(self) -> None:
        self._over = True
        self._given.clear()
        self.wake()

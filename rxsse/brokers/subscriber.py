"""Holds one subscribed Redis connection in a thread of its own; knows nothing of topics or of what messages say.

Each `_Link` is one connection. When it fails in any way it is thrown away whole, and its
successor subscribes to everything wanted before anyone is told that messages may be missing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

import redis
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 1.0
"""Seconds between two attempts at a dead Redis, at most: the delay that its return costs."""


class Receiver(Protocol):
    """Called from the subscriber's thread; never raises."""

    def received(self, channel: str, message: bytes) -> None: ...

    def interrupted(self, reason: str) -> None: ...


class _Link:
    """One connection: a queue of commands on their way out, and which of them Redis has yet to confirm."""

    def __init__(self, pubsub: PubSub) -> None:
        self.pubsub = pubsub
        self.commands: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self.unconfirmed: Counter[str] = Counter()
        self.missing: set[str] = set()  # what has to be confirmed before the gap can be told
        self.heard = 0.0

    def subscribe(self, *channels: str) -> None:
        self.unconfirmed.update(channels)
        self.commands.put_nowait(("SUBSCRIBE", *channels))

    def unsubscribe(self, channel: str) -> None:
        self.commands.put_nowait(("UNSUBSCRIBE", channel))


class Subscriber:
    """`subscribe`, `unsubscribe`, `give_up` and `stop` may be called from any thread but its own."""

    def __init__(self, connect: Callable[..., Redis], timeout: float, receiver: Receiver) -> None:
        """``connect`` makes a client; it takes redis-py's options."""
        self._connect = connect
        self._timeout = timeout
        self._receiver = receiver
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="rxsse-broker", daemon=True)
        self._main: asyncio.Task[None] | None = None
        self._link: _Link | None = None
        self._wanted: dict[str, list[Future[None]]] = {}  # with who waits for its confirmation
        self._held: set[str] = set()  # what somebody was told is confirmed

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> None:
        self._call(self._cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def subscribe(self, channel: str) -> Future[None]:
        """Resolves once Redis delivers everything published on ``channel`` from then on."""
        confirmed: Future[None] = Future()
        self._call(self._want, channel, confirmed)
        return confirmed

    def give_up(self, channel: str, confirmed: Future[None]) -> None:
        """Forget a subscription that was not confirmed in time, unless somebody else waits for it or has it."""
        self._call(self._give_up, channel, confirmed)

    def unsubscribe(self, channel: str) -> None:
        self._call(self._forget, channel)

    def _call(self, function: Any, *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nothing is delivered any more
            self._loop.call_soon_threadsafe(function, *arguments)

    # --- in the thread -------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._main = self._loop.create_task(self._stay_connected())
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._main)
        finally:
            self._loop.close()

    def _cancel(self) -> None:
        if self._main is not None:
            self._main.cancel()

    def _want(self, channel: str, confirmed: Future[None]) -> None:
        link = self._link
        known = channel in self._wanted
        self._wanted.setdefault(channel, []).append(confirmed)
        if link is not None:
            if not known:
                link.subscribe(channel)
            self._confirm(link, channel)

    def _give_up(self, channel: str, confirmed: Future[None]) -> None:
        waiting = self._wanted.get(channel, [])
        if confirmed in waiting:
            waiting.remove(confirmed)
            if not waiting and channel not in self._held:
                self._forget(channel)

    def _forget(self, channel: str) -> None:
        if channel not in self._wanted:
            return
        for confirmed in self._wanted.pop(channel):
            confirmed.set_result(None)
        self._held.discard(channel)
        if self._link is not None:
            self._link.unsubscribe(channel)
            self._settle(self._link, channel)

    def _confirm(self, link: _Link, channel: str) -> None:
        if link.unconfirmed[channel] or channel not in self._wanted:
            return
        waiting, self._wanted[channel] = self._wanted[channel], []
        for confirmed in waiting:
            confirmed.set_result(None)
            self._held.add(channel)

    async def _stay_connected(self) -> None:
        failures = 0
        first = True
        while True:
            try:
                await self._use(first)
            except* Exception as group:  # redis-py's own, and whatever a broken answer makes it raise
                if self._link is not None:
                    failures = 0
                    first = False
                if not failures:
                    logger.warning("The broker is out of reach: %s", group.exceptions[0])
            finally:
                self._link = None
            failures += 1
            pause = min(LONGEST_PAUSE, 0.05 * 2 ** min(failures, 10))
            await asyncio.sleep(pause * random.uniform(0.5, 1))

    async def _use(self, first: bool) -> None:
        """Connect, subscribe to all that is wanted, and deliver until something fails."""
        client = self._connect(
            socket_connect_timeout=self._timeout,
            socket_timeout=None,  # a silent connection is not a dead one: `_watch` finds out
            socket_keepalive=True,
            protocol=2,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as pubsub:
            await asyncio.wait_for(pubsub.connect(), self._timeout)
            link = _Link(pubsub)
            link.heard = self._loop.time()
            if self._wanted:
                link.subscribe(*self._wanted)
            if not first:
                link.missing = set(self._wanted)
            self._link = link
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(link))
                tasks.create_task(self._send(link))
                tasks.create_task(self._watch(link))

    async def _send(self, link: _Link) -> None:
        while True:
            await link.pubsub.execute_command(*await link.commands.get())

    async def _watch(self, link: _Link) -> None:
        """Asks a silent Redis whether it is there; raises when it does not answer."""
        while True:
            await asyncio.sleep(self._timeout / 2)
            silent = self._loop.time() - link.heard
            if silent > 2 * self._timeout:
                raise redis.ConnectionError(f"Redis has been silent for {silent:.1f} s")
            link.commands.put_nowait(("PING",))

    async def _receive(self, link: _Link) -> None:
        while True:
            reply = await link.pubsub.parse_response(block=True)
            link.heard = self._loop.time()
            if not isinstance(reply, list) or len(reply) != 3:
                continue  # the answer to a PING
            kind, channel, message = reply[0], reply[1].decode(), reply[2]
            if kind == b"message":
                if channel in self._wanted:
                    self._receiver.received(channel, message)
            elif kind == b"subscribe":
                link.unconfirmed[channel] -= 1
                self._confirm(link, channel)
                self._settle(link, channel)

    def _settle(self, link: _Link, channel: str) -> None:
        if channel in link.missing:
            link.missing.remove(channel)
            if not link.missing:
                self._receiver.interrupted("the broker was out of reach")

"""Serves one stream over an ASGI connection whose request is finished; knows ASGI, not Django."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

from rxsse.messages import Topic
from rxsse.streaming import uvicorn
from rxsse.streaming.hub import Hub
from rxsse.streaming.places import Place
from rxsse.streaming.streams import PulledStream, PushedStream, Receive, Send


def deliver(
    hub: Hub,
    topic: Topic,
    wanted: str | None,
    identity: object,
    receive: Receive,
    send: Send,
    place: Place | None = None,
) -> Coroutine[Any, Any, None]:
    """The rest of a connection whose response has started: await it.

    Not a coroutine function, so that no frame but the returned one lives as long as the stream.
    """
    cycle = uvicorn.recognise(send)
    if cycle is not None:
        return PushedStream(hub, topic, wanted, identity, send, cycle, place).run(receive)
    return _deliver_plainly(PulledStream(hub, topic, wanted, identity, place), receive, send)


async def _deliver_plainly(stream: PulledStream, receive: Receive, send: Send) -> None:
    """The path for every other server: a task that writes, and one that waits for the disconnect."""
    tasks = [asyncio.create_task(_write(stream, send)), asyncio.create_task(_disconnected(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # Servers raise what they like from `send` after a disconnect; the stream is over either way.
        await asyncio.gather(*tasks, return_exceptions=True)


async def _write(stream: PulledStream, send: Send) -> None:
    async with aclosing(stream.chunks()) as chunks:
        async for chunk in chunks:
            async with asyncio.timeout(stream.hub.settings.WRITE_TIMEOUT):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

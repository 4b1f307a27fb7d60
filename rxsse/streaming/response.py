"""The response that becomes a stream: handed over by `rxsse.asgi`, iterated by every other server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from rxsse import wire
from rxsse.messages import Topic
from rxsse.streaming.hub import Hub, Hubs
from rxsse.streaming.places import Place
from rxsse.streaming.streams import PulledStream


class StreamResponse(StreamingHttpResponse):
    """Streams ``topic`` to one client, starting after ``cursor``.

    ``cursor`` is what the client sent as ``Last-Event-ID``, unchecked, None for a client that
    has none: whatever is wrong with it is said in the stream. ``identity`` says who reads, for
    `Hubs.revoke`. ``place`` is left when the stream ends. Nothing of ``request`` is kept.

    Under `rxsse.asgi` the connection is handed to the hub once the request is finished. Under
    Django's own ASGI handler the response is iterated asynchronously, under WSGI synchronously,
    which holds one thread per client. A HEAD request gets the headers only.
    """

    _iterator: Any  # Django's own, of which its stubs know nothing

    def __init__(
        self,
        request: HttpRequest,
        hubs: Hubs,
        topic: Topic,
        cursor: str | None = None,
        identity: object = None,
        place: Place | None = None,
    ) -> None:
        self.hubs = hubs
        self.topic = topic
        self.cursor = cursor
        self.identity = identity
        self.place = place
        self.is_head = request.method == "HEAD"
        # What is iterated doesn't know the response: in a cycle, one that is never served would keep its place.
        streams = partial(PulledStream, topic=topic, wanted=cursor, identity=identity, place=place)
        # An ASGI request has a scope, a DRF request passes the question on to it.
        iterate: Any = _iterate_asynchronously if hasattr(request, "scope") else _iterate
        self._own: Any = iterate(hubs, None if self.is_head else streams)
        super().__init__(self._own, headers=wire.HEADERS)

    @property
    def can_be_handed_over(self) -> bool:
        """Whether there is a stream, and nothing that a middleware has put around it has to be given its chunks."""
        return self._iterator is self._own and self.is_async and not self.is_head

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Django's wrapper around the iterator would leave it to the garbage collector to end the stream.
        return self._own if self._iterator is self._own and self.is_async else super().__aiter__()


async def _iterate_asynchronously(hubs: Hubs, streams: Callable[[Hub], PulledStream] | None) -> AsyncIterator[bytes]:
    if streams is None:
        return
    chunks = streams(hubs.here()).chunks()
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()


def _iterate(hubs: Hubs, streams: Callable[[Hub], PulledStream] | None) -> Iterator[bytes]:
    if streams is None:
        return
    hub = hubs.background()
    chunks = streams(hub).chunks()
    try:
        while True:
            try:
                yield asyncio.run_coroutine_threadsafe(anext(chunks), hub.loop).result()
            except StopAsyncIteration:
                return
    finally:
        asyncio.run_coroutine_threadsafe(chunks.aclose(), hub.loop).result()

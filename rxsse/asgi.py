"""The ASGI application: Django's, except that a stream outlives its request; knows no channels.

Django's own handler keeps a thread, the request and all that hangs from it for as long as a
response streams. Here the request runs to its end in a task of its own (``request_finished``
is sent, database connections are closed, its context variables are gone), and then the bare
connection is handed to `rxsse.streaming`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from weakref import WeakKeyDictionary

import django
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from rxsse.conf import get_settings
from rxsse.streaming.delivery import deliver
from rxsse.streaming.hub import Hubs
from rxsse.streaming.response import StreamResponse
from rxsse.streaming.streams import Message, Receive, Send


def get_asgi_application() -> StreamingHandler:
    """Use in ``asgi.py`` in place of Django's function of the same name."""
    django.setup(set_prefix=False)
    return StreamingHandler()


class _Exchange:
    """The ``send`` of one request, and the stream that its response turned out to be."""

    __slots__ = ("_send", "response")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.response: StreamResponse | None = None

    async def __call__(self, message: Message) -> None:
        await self._send(message)


class StreamingHandler(ASGIHandler):
    """Django's ASGI handler, handing streams over when their request is finished."""

    def __init__(self) -> None:
        super().__init__()
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        stream = await self._respond(scope, receive, send)
        del scope  # a stream lives long: nothing of its request stays in this frame
        if stream is not None:
            await stream

    async def _respond(self, scope: Any, receive: Receive, send: Send) -> Coroutine[Any, Any, None] | None:
        exchange = _Exchange(send)
        # A task, because its context ends with it, and with the context the request's variables.
        await asyncio.create_task(super().__call__(scope, receive, exchange))
        response = exchange.response
        if response is None:
            return None
        await send({"type": "http.response.start", "status": response.status_code, "headers": _headers(response)})
        hub = response.hubs.here()
        return deliver(hub, response.topic, response.cursor, response.identity, receive, send, response.place)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request whose body is read; to channels, so many at once as there are places."""
        if not _is_for_channel(request):
            return await super().get_response_async(request)
        # Django gives every request a thread, and that thread a database connection. After a deploy
        # all readers come back in one second: more than any database has connections for.
        loop = asyncio.get_running_loop()
        places = self._places.get(loop)
        if places is None:
            places = self._places[loop] = asyncio.Semaphore(max(1, get_settings().CONNECT_THREADS))
        async with places:
            return await super().get_response_async(request)

    async def send_response(self, response: HttpResponseBase, send: Any) -> None:
        if isinstance(response, StreamResponse) and response.can_be_handed_over and isinstance(send, _Exchange):
            send.response = response
        else:
            await super().send_response(response, send)


def _is_for_channel(request: HttpRequest) -> bool:
    try:
        return hasattr(resolve(request.path_info).func, "channel")
    except Resolver404:
        return False


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    cookies = [cookie.output(header="").strip() for cookie in response.cookies.values()]
    return headers + [(b"Set-Cookie", cookie.encode("ascii")) for cookie in cookies]


async def _live(receive: Receive, send: Send) -> None:
    """Lifespan: servers that end it before their connections are closed get the streams ended by it."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            Hubs.open_here()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            Hubs.close_here()
            await send({"type": "lifespan.shutdown.complete"})
            return

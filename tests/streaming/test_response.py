"""The same response everywhere else: Django's own handlers, WSGI, middleware around it, other servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.asgi import get_asgi_application as get_stock_application
from django.core.wsgi import get_wsgi_application
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from django.test import Client as DjangoClient

from rxsse.asgi import get_asgi_application
from rxsse.streaming.hub import Hubs
from tests.streaming import site
from tests.streaming.support import DEADLINE, Connection, Log, NaiveClient, serving, wait_until


@pytest.fixture(autouse=True)
def fresh_site() -> Iterator[None]:
    site.source.logs = {"a": Log()}
    with override_settings(ROOT_URLCONF="tests.streaming.site", MIDDLEWARE=[], RXSSE={}):
        yield


def streams() -> int:
    return sum(len(hub.streams) for hub in site.hubs._hubs if not hub.loop.is_closed())


def follow(port: int) -> None:
    """A stream that follows changes, resumes, ends with its anchor, and is forgotten."""
    with Connection(port, "/s/a/") as connection:
        connection.until(lambda client: client.state == {"n": 0})
        site.source.set("a", 1)
        connection.until(lambda client: client.state == {"n": 1})
    # A server that only notices a closed connection when it writes needs something to write.
    wait_until(lambda: site.source.set("a", 2) and streams() == 0, "the end of the stream")
    with Connection(port, "/s/a/", headers="Last-Event-ID: e1.0\r\n") as connection:
        connection.client = NaiveClient("e1.0", {"n": 0})
        connection.until(lambda client: client.state == {"n": 2})
        assert connection.client.names[0] == "patch"
        site.source.delete("a")
        assert connection.until_end().names[-1] == "gone"
    wait_until(lambda: streams() == 0, "the end of the stream")


def test_djangos_own_asgi_application() -> None:
    with serving(get_stock_application(), lifespan="off") as (port, _):
        follow(port)


def test_a_server_that_is_not_known() -> None:
    application = get_asgi_application()

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            await send(message)

        await application(scope, receive, sending)

    with serving(wrapped) as (port, _):
        follow(port)


def test_a_client_of_an_unknown_server_that_does_not_read_is_given_up() -> None:
    async def test() -> None:
        application = get_asgi_application()
        sent: list[Any] = []

        asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            return next(asked, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)
            if b"snapshot" in message.get("body", b""):
                await asyncio.Event().wait()

        scope = {"type": "http", "method": "GET", "path": "/s/a/", "headers": [], "query_string": b""}

        async with asyncio.timeout(DEADLINE):
            await application(scope, receive, send)
        assert sent[0]["type"] == "http.response.start"
        assert not any(len(hub.streams) for hub in site.hubs._hubs if hub.loop is asyncio.get_running_loop())

    with override_settings(RXSSE={"WRITE_TIMEOUT": 0.1}):
        asyncio.run(test())


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_wsgi() -> None:
    with make_server("127.0.0.1", 0, get_wsgi_application(), ThreadingServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.server_port
            with UnchunkedConnection(port, "/s/a/") as connection:
                connection.until(lambda client: client.state == {"n": 0})
                site.source.set("a", 1)
                connection.until(lambda client: client.state == {"n": 1})
                assert streams() == 1
                site.source.delete("a")
                assert connection.until_end().names[-1] == "gone"
            wait_until(lambda: streams() == 0, "the end of the stream")
        finally:
            server.shutdown()
            thread.join(DEADLINE)


class UnchunkedConnection(Connection):
    """The development server speaks HTTP/1.0: the end of the connection ends the response."""

    def _read_chunks(self) -> None:
        self.client.feed(self._raw)
        self._raw = b""


@pytest.mark.parametrize("make", [get_asgi_application, get_stock_application])
def test_compressing_middleware_leaves_the_stream_alone(make: Any) -> None:
    with (
        override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"]),
        serving(make(), lifespan="off") as (port, _),
        Connection(port, "/s/a/", headers="Accept-Encoding: gzip\r\n") as connection,
    ):
        connection.until(lambda client: client.state == {"n": 0})
        site.source.set("a", 1)
        connection.until(lambda client: client.state == {"n": 1})
        assert b"gzip" not in connection.head
        site.source.delete("a")
        connection.until_end()


def renaming(get_response: Any) -> Any:
    """A middleware that puts itself around the content of a streaming response."""

    async def rename(chunks: Any) -> Any:
        async for chunk in chunks:
            yield chunk.replace(b'"n"', b'"m"')

    async def middleware(request: Any) -> Any:
        response = await get_response(request)
        response.streaming_content = rename(response.streaming_content)
        return response

    return middleware


renaming.async_capable = True  # type: ignore[attr-defined]
renaming.sync_capable = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [get_asgi_application, get_stock_application])
def test_middleware_around_the_content_is_given_its_chunks(make: Any) -> None:
    with (
        override_settings(MIDDLEWARE=["tests.streaming.test_response.renaming"]),
        serving(make(), lifespan="off") as (port, _),
        Connection(port, "/s/a/") as connection,
    ):
        connection.until(lambda client: client.state == {"m": 0})
        site.source.delete("a")
        assert connection.until_end().names[-1] == "gone"


def test_head_in_djangos_test_client() -> None:
    response = DjangoClient().head("/s/a/")
    assert response.headers["Content-Type"] == "text/event-stream"
    assert b"".join(response.streaming_content) == b""  # type: ignore[attr-defined]


def test_djangos_test_client_can_read_a_stream() -> None:
    del site.source.logs["a"]
    response = DjangoClient().get("/s/a/")
    assert b"".join(response.streaming_content) == b"retry: 2000\n\nevent: gone\ndata: {}\n\n"  # type: ignore[attr-defined]


def test_a_request_of_either_kind_decides_how_the_response_is_iterated() -> None:
    assert not site.stream(RequestFactory().get("/s/a/"), "a").is_async
    assert site.stream(AsyncRequestFactory().get("/s/a/"), "a").is_async  # type: ignore[arg-type]


def test_lifespan() -> None:
    async def test() -> list[str]:
        application = get_asgi_application()
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[str] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        hubs = Hubs(site.source)
        before = hubs.here()
        await application({"type": "lifespan"}, receive, send)
        assert before.closed
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        await application({"type": "lifespan"}, receive, send)
        assert hubs.here() is not before
        return sent

    assert asyncio.run(test()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"] * 2


def test_other_scopes_are_refused_as_django_does() -> None:
    async def nothing(*_: Any) -> Any: ...

    with pytest.raises(ValueError, match="websocket"):
        asyncio.run(get_asgi_application()({"type": "websocket"}, nothing, nothing))

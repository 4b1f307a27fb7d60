"""One server of the fan-out benchmark: `python -m benchmarks.fanout_server PATH` on a free port.

Reads commands from standard input and answers each with a line of JSON: ``measure``, and
``run EVENTS PER_SECOND``, which publishes to the one topic and answers when it has.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any

import uvicorn

SIZE = 190
"""Bytes of an event, framing included."""

ROWS = int(os.environ.get("FANOUT_ROWS", "0"))
STATE = b'{"id":1,"t":"","rows":[%s]}' % b",".join(
    b'{"id":%d,"title":"Task number %d","done":false,"due":"2026-11-23T12:00:00Z"}' % (n, n) for n in range(ROWS)
)


def document() -> bytes:
    """A patch with the time in it, so long that its event has `SIZE` bytes."""
    start = b'[{"op":"replace","path":"/t","value":"@%d ' % time.monotonic_ns()
    return start + b"." * (SIZE - 45 - len(start) - 3) + b'"}]'


class Bell:
    """Everybody who waits gets the next event: as little as fan-out can be."""

    def __init__(self) -> None:
        self.next: asyncio.Future[bytes] | None = None

    def wait(self) -> asyncio.Future[bytes]:
        if self.next is None or self.next.done():
            self.next = asyncio.get_running_loop().create_future()
        return self.next

    def ring(self, event: bytes) -> None:
        waiting, self.next = self.next, None
        if waiting is not None and not waiting.done():  # a client that left cancels what it waited for
            waiting.set_result(event)


HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache, no-transform")]


def event(number: int) -> bytes:
    from rxsse import wire
    from rxsse.cursors import Cursor

    return wire.patch(Cursor("benchmark000", number), document())


def raw() -> tuple[Any, Callable[[int], None]]:
    """The floor: an ASGI application whose task waits for the event and sends it."""
    bell = Bell()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        while True:
            await send({"type": "http.response.body", "body": await bell.wait(), "more_body": True})

    return application, lambda number: bell.ring(event(number))


def loop() -> tuple[Any, Callable[[int], None]]:
    """Below the floor: one task sends to all in turn, so that one client that blocks stops everybody."""
    sends: list[Any] = []
    senders: list[asyncio.Task[None]] = []
    bell = Bell()

    async def send_all() -> None:
        while True:
            message = {"type": "http.response.body", "body": await bell.wait(), "more_body": True}
            for send in sends:
                await send(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
        if not senders:
            senders.append(asyncio.create_task(send_all()))
        sends.append(send)
        while (await receive())["type"] != "http.disconnect":
            pass
        sends.remove(send)

    return application, lambda number: bell.ring(event(number))


def _django(patterns: Callable[[], list[Any]], **settings: Any) -> None:
    import django
    from django.conf import settings as django_settings

    django_settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=type("urls", (), {"urlpatterns": []}),
        DATABASES={},
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        **settings,
    )
    django.setup()
    django_settings.ROOT_URLCONF.urlpatterns = patterns()


class OneTopic:
    """A source with one topic that is patched on command."""

    def __init__(self) -> None:
        from rxsse.cursors import Cursor

        self.cursor = Cursor("benchmark000", 0)
        self.sinks: list[Any] = []

    def activate(self, topic: Any, sink: Any) -> Future[Any]:
        self.topic = topic
        self.sinks.append(sink)
        return self._done(self.cursor)

    def deactivate(self, topic: Any, sink: Any) -> None:
        self.sinks.remove(sink)

    def snapshot(self, topic: Any) -> Future[Any]:
        return self._done((self.cursor, STATE))

    def since(self, topic: Any, cursor: Any) -> Future[Any]:
        return self._done(None)

    def publish(self, number: int) -> None:
        self.cursor = self.cursor.next()
        body = document()
        for sink in self.sinks:
            sink.patched(self.topic, self.cursor, body)

    def _done(self, result: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(result)
        return future


def _rxsse(handler: Callable[[], Any]) -> tuple[Any, Callable[[int], None]]:
    from django.urls import path

    source = OneTopic()

    def patterns() -> list[Any]:
        from django.http import HttpResponse

        from rxsse.messages import Topic
        from rxsse.streaming.hub import Hubs
        from rxsse.streaming.response import StreamResponse

        hubs = Hubs(source)
        return [
            path("s/", lambda request: StreamResponse(request, hubs, Topic("benchmark", "1"), None, "reader")),
            path("static/", lambda request: HttpResponse(STATE, content_type="application/json")),
        ]

    _django(patterns)
    return handler(), source.publish


def rxsse() -> tuple[Any, Callable[[int], None]]:
    """rxsse under its own ASGI application."""

    def handler() -> Any:
        from rxsse.asgi import get_asgi_application

        return get_asgi_application()

    return _rxsse(handler)


def rxsse_stock() -> tuple[Any, Callable[[int], None]]:
    """rxsse under Django's ASGI application."""

    def handler() -> Any:
        from django.core.asgi import get_asgi_application

        return get_asgi_application()

    return _rxsse(handler)


def django() -> tuple[Any, Callable[[int], None]]:
    """Django's asynchronous StreamingHttpResponse."""
    from django.urls import path

    bell = Bell()

    async def stream() -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        while True:
            yield await bell.wait()

    def patterns() -> list[Any]:
        from django.http import StreamingHttpResponse

        async def view(request: Any) -> Any:
            return StreamingHttpResponse(stream(), content_type="text/event-stream")

        return [path("s/", view)]

    _django(patterns)
    from django.core.asgi import get_asgi_application

    return get_asgi_application(), lambda number: bell.ring(event(number))


def eventstream() -> tuple[Any, Callable[[int], None]]:
    """django-eventstream's own view."""

    def patterns() -> list[Any]:
        import django_eventstream
        from django.urls import include, path

        return [path("s/", include(django_eventstream.urls), {"channels": ["benchmark"]})]

    _django(patterns, INSTALLED_APPS=["django_eventstream"])
    from django.core.asgi import get_asgi_application

    def publish(number: int) -> None:
        from django_eventstream import send_event

        text = f"@{time.monotonic_ns()} "
        body = text + "." * (SIZE - 26 - len(text))
        threading.Thread(target=send_event, args=("benchmark", "message", body), kwargs={"json_encode": False}).start()

    return get_asgi_application(), publish


PATHS = {
    "raw": raw,
    "loop": loop,
    "rxsse": rxsse,
    "rxsse-stock": rxsse_stock,
    "django": django,
    "eventstream": eventstream,
}


def measure() -> dict[str, Any]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "cpu": usage.ru_utime + usage.ru_stime,
        "kb": pages * os.sysconf("SC_PAGE_SIZE") / 1024,
        # Every thread of the process, those of the event loop and of C libraries included.
        "threads": len(os.listdir("/proc/self/task")),
    }


async def obey(publish: Callable[[int], None]) -> None:
    number = 0
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = line.split()
        if command[0] == b"run":
            pause = 1 / float(command[2])
            begin = loop.time()
            for tick in range(int(command[1])):
                await asyncio.sleep(begin + tick * pause - loop.time())
                number += 1
                publish(number)
            await asyncio.sleep(0.5)  # what is under way arrives
        print(json.dumps(measure()), flush=True)
    os._exit(0)


async def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    application, publish = PATHS[sys.argv[1]]()
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(application, http="httptools", log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    print(listening.getsockname()[1], flush=True)
    obeying = asyncio.create_task(obey(publish))
    await server.serve(sockets=[listening])
    await obeying


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())

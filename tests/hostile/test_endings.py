"""Whichever way a stream ends, or never begins, it counts no more."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework.authtoken.models import Token

from rxsse import runtime
from rxsse.asgi import get_asgi_application
from tests.domain.models import Profile
from tests.hostile.support import by_token, make_profile
from tests.streaming.support import Connection, serving
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {"STREAMS_PER_USER": 100, "STREAMS_PER_ADDRESS": 100}


def replacing(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        get_response(request)
        return HttpResponse("another one")

    return middleware


def raising(get_response: Any) -> Any:
    def middleware(request: Any) -> Any:
        get_response(request)
        raise RuntimeError

    return middleware


def wrapped(application: Any) -> Any:
    """As a server that isn't recognised, or a middleware around all."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        async def forward(message: Any) -> None:
            await send(message)

        await application(scope, receive, forward)

    return serve


APPLICATIONS: dict[str, Callable[[], Any]] = {
    "handed over": get_asgi_application,
    "unknown server": lambda: wrapped(get_asgi_application()),
    "Django's handler": ASGIHandler,
}


@contextmanager
def running(application: Callable[[], Any] = get_asgi_application, middleware: Any = (), **settings: Any) -> Any:
    with override_settings(
        ROOT_URLCONF="tests.hostile.site", MIDDLEWARE=list(middleware), RXSSE={**LIMITS, **settings}
    ):
        runtime.reset()
        options = {"lifespan": "off"} if application is ASGIHandler else {}
        with serving(application(), **options) as (port, _):
            yield port
        runtime.reset()


def open_now() -> int:
    """Users and addresses that have streams."""
    return len(runtime.current().limits.places)


def stream(port: int, profile: Profile) -> Connection:
    found = Connection(port, f"/own/{profile.pk}/", headers=by_token(profile))
    found.until(lambda client: client.state is not None, "the snapshot")
    assert open_now() == 2
    return found


@pytest.fixture(params=list(APPLICATIONS))
def application(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return APPLICATIONS[request.param]


def test_the_client_goes(application: Callable[[], Any]) -> None:
    ann = make_profile("ann")
    with running(application) as port:
        for _ in range(3):
            stream(port, ann).close()
            until(lambda: open_now() == 0)


def test_the_server_ends_it(application: Callable[[], Any]) -> None:
    ann, bob = make_profile("ann"), make_profile("bob")
    with running(application) as port:
        with stream(port, ann) as revoked:
            Token.objects.all().delete()
            assert revoked.until_end().names[-1] == "revoked"
            until(lambda: open_now() == 0)
        with stream(port, bob) as gone:
            bob.delete()
            # Whoever looks after permissions may be first: the right rests on the row.
            assert gone.until_end().names[-1] in ("gone", "revoked")
            until(lambda: open_now() == 0)
        with stream(port, ann) as ended:
            runtime.current().hubs.close()
            assert ended.until_end().names[-1] == "bye"
            until(lambda: open_now() == 0)


def test_its_time_is_over(application: Callable[[], Any]) -> None:
    ann = make_profile("ann")
    with running(application, ROTATE_SECONDS=0.3) as port, stream(port, ann) as rotated:
        assert rotated.until_end().names[-1] == "bye"
        until(lambda: open_now() == 0)


@pytest.mark.parametrize("server", ["handed over", "unknown server"])  # Django's own handler cuts nobody off
def test_it_is_cut_off(server: str) -> None:
    ann = make_profile("ann")
    numbers = count()

    def write() -> bool:
        Profile.objects.filter(pk=ann.pk).update(bio=f"{next(numbers)} {'x' * 1_000_000}")
        return open_now() == 0

    with running(APPLICATIONS[server], WRITE_TIMEOUT=0.5) as port:
        with Connection(port, f"/own/{ann.pk}/", headers=by_token(ann), buffer=4_096) as deaf:
            deaf.until(lambda client: client.state is not None, "the snapshot")
            until(write, "the end of the stream")


def test_it_vanishes_with_little_on_its_way() -> None:
    """Nothing blocks, for the kernel has room for all that was written; but nobody ever takes it from there."""
    ann = make_profile("ann")
    with running(WRITE_TIMEOUT=1.0) as port:
        with Connection(port, f"/own/{ann.pk}/", headers=by_token(ann), buffer=1) as vanished:
            vanished.until(lambda client: client.state is not None, "the snapshot")
            Profile.objects.filter(pk=ann.pk).update(bio="x" * 20_000)
            until(lambda: open_now() == 0, "the end of the stream")


def test_the_client_goes_before_it_begins(application: Callable[[], Any]) -> None:
    ann = make_profile("ann")
    with running(application) as port:
        for _ in range(50):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.sendall(f"GET /own/{ann.pk}/ HTTP/1.1\r\nHost: t\r\n{by_token(ann)}\r\n".encode())
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
            raw.close()
        until(lambda: open_now() == 0)
        stream(port, ann).close()


@pytest.mark.parametrize("middleware", [replacing, raising])
def test_another_answer_is_given(application: Callable[[], Any], middleware: Any) -> None:
    ann = make_profile("ann")
    with running(application, [f"{__name__}.{middleware.__name__}"], STREAMS_PER_USER=3) as port:
        for _ in range(10):
            with Connection(port, f"/own/{ann.pk}/", headers=by_token(ann)) as refused:
                while not refused.head:
                    assert refused.receive()
                assert refused.status in (200, 500)
                assert b"event-stream" not in refused.head
        until(lambda: open_now() == 0)


@pytest.mark.parametrize("iterates", [False, True])
def test_under_wsgi(iterates: bool) -> None:
    ann = make_profile("ann")
    with override_settings(ROOT_URLCONF="tests.hostile.site", MIDDLEWARE=[], RXSSE=LIMITS):
        runtime.reset()
        token = by_token(ann).removeprefix("Authorization: ").strip()
        environ = RequestFactory().get(f"/own/{ann.pk}/", headers={"Authorization": token}).environ
        response: Any = WSGIHandler()(environ, lambda *_: None)
        assert open_now() == 2
        if iterates:
            chunks = iter(response)
            assert b"retry" in next(chunks)
            assert b"snapshot" in next(chunks)
            del chunks
        response.close()
        del response
        until(lambda: open_now() == 0)
        runtime.reset()

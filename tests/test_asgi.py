"""Requests through the ASGI application: readers are let in a few at a time, everybody else at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from rxsse import StateChannel
from rxsse.asgi import StreamingHandler
from tests.domain.serializers import TeamSerializer
from tests.streaming.support import Connection, serving, wait_until


class Door:
    """Where readers wait until they are let in; counts who is there."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = 0
        self.most = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.open.wait(20)
        with self._lock:
            self.inside -= 1


door = Door()


class SlowChannel(StateChannel):
    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        door.enter()
        return False


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


urlpatterns = [path("slow/<int:pk>/", SlowChannel.as_view()), path("plain/", plain)]


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    global door
    door = Door()
    settings.ROOT_URLCONF = __name__
    settings.RXSSE = {"CONNECT_THREADS": 3}
    with serving(StreamingHandler()) as (port, _):
        yield port
        door.open.set()


def status_of(port: int, url: str) -> int:
    with Connection(port, url) as connection:
        wait_until(lambda: connection.head or not connection.receive())
        return connection.status


def test_a_crowd_is_let_in_a_few_at_a_time(port: int) -> None:
    with ExitStack() as stack:
        crowd = [stack.enter_context(Connection(port, f"/slow/{n}/")) for n in range(12)]
        wait_until(lambda: door.inside == 3, "three readers at the door")
        assert status_of(port, "/plain/") == 200  # nobody else waits for them
        assert status_of(port, "/nothing/") == 404
        door.open.set()
        for connection in crowd:
            wait_until(lambda each=connection: each.head or not each.receive())
            assert connection.status == 401
    assert door.most == 3


def test_readers_who_leave_make_place(port: int) -> None:
    for n in range(6):
        with Connection(port, f"/slow/{n}/"):
            pass
    door.open.set()
    assert status_of(port, "/slow/7/") == 401


def test_a_request_that_is_never_finished_takes_no_place(port: int) -> None:
    door.open.set()
    with ExitStack() as stack:
        for n in range(6):
            stack.enter_context(Connection(port, f"/slow/{n}/", headers="Content-Length: 10\r\n"))
        assert status_of(port, "/slow/7/") == 401

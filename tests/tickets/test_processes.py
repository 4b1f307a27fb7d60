"""One ticket, several server processes: it is used in one of them, once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from tests.domain.models import Board
from tests.serving import served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Start = Callable[[int, dict[str, Any]], list[int]]


@contextmanager
def server(settings: dict[str, Any], module: str = "tests.tickets.site_settings") -> Iterator[int]:
    """A uvicorn process on this test's database; its port. ``module``: Django's settings."""
    with served(module, settings) as found:
        yield found.port


def status_of(port: int, url: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", url, headers={"Accept": "text/event-stream"})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def start(count: int, settings: dict[str, Any]) -> list[int]:
            return [stack.enter_context(server(settings)) for _ in range(count)]

        yield start


@pytest.fixture
def url() -> str:
    Board.objects.create(slug="b", code="B", title="Board")
    return "/rx/boards/b/"


@pytest.fixture
def token() -> str:
    return str(Token.objects.create(user=User.objects.create_user("ann")).key)


def ticket_from(port: int, url: str, token: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", f"{url}?ticket", headers={"Authorization": f"Token {token}"})
        response = connection.getresponse()
        assert response.status == 201
        return str(json.load(response)["ticket"])
    finally:
        connection.close()


def test_of_all_processes_one_lets_it_in(start: Start, url: str, token: str, redis_url: str, prefix: str) -> None:
    ports = start(2, {"REDIS_URL": redis_url, "PREFIX": prefix})
    for turn in range(10):
        ticket = ticket_from(ports[turn % 2], url, token)
        with ThreadPoolExecutor(8) as pool:
            got = Counter(pool.map(lambda port, ticket=ticket: status_of(port, f"{url}?ticket={ticket}"), ports * 4))
        assert got == {200: 1, 401: 7}


def test_without_redis_it_is_good_where_it_was_given(start: Start, url: str, token: str) -> None:
    one, other = start(2, {})
    ticket = ticket_from(one, url, token)
    assert [status_of(port, f"{url}?ticket={ticket}") for port in (other, one, one, other)] == [401, 200, 401, 401]


def test_installations_with_one_secret_key_are_kept_apart(
    start: Start, url: str, token: str, redis_url: str, prefix: str
) -> None:
    one, other = (start(1, {"REDIS_URL": redis_url, "PREFIX": prefix + suffix})[0] for suffix in ("-a", "-b"))
    ticket = ticket_from(one, url, token)
    assert [status_of(port, f"{url}?ticket={ticket}") for port in (other, one)] == [401, 200]

"""What is kept wherever used tickets are remembered, each backend against its real server."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rxsse import tickets
from rxsse.conf import Settings
from rxsse.tickets.base import BaseTickets
from tests.waiting import until

Open = Callable[..., BaseTickets]


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_tickets(backend: str, request: pytest.FixtureRequest, prefix: str) -> Iterator[Open]:
    """Opens one more view of the same tickets; in memory there is one only."""
    url = request.getfixturevalue("redis_url") if backend == "redis" else None
    opened: list[BaseTickets] = []

    def open_(suffix: str = "") -> BaseTickets:
        if backend == "memory" and opened and not suffix:
            return opened[0]
        opened.append(tickets.create(Settings(REDIS_URL=url, PREFIX=prefix + suffix)))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


def test_a_ticket_is_used_once(open_tickets: Open) -> None:
    assert open_tickets().spend("one", 60)
    for _ in range(3):
        assert not open_tickets().spend("one", 60)
    assert open_tickets().spend("two", 60)


def test_it_stays_used_for_the_longer_time_whatever_else_is_used_meanwhile(open_tickets: Open) -> None:
    mine = open_tickets()
    assert mine.spend("long", 60)
    for number in range(50):
        assert mine.spend(f"short {number}", 0.001)
        assert not mine.spend("long", 0.001)


def test_it_is_forgotten_after_its_time(open_tickets: Open) -> None:
    """Presented again it would be refused as expired; what is remembered is bounded by this."""
    mine = open_tickets()
    assert mine.spend("short", 0.05)
    until(lambda: mine.spend("short", 60))
    assert not mine.spend("short", 60)


def test_the_smallest_time_is_a_time(open_tickets: Open) -> None:
    assert open_tickets().spend("one", 1e-9)


def test_of_many_at_once_one_is_first(open_tickets: Open) -> None:
    views = [open_tickets() for _ in range(8)]
    for turn in range(20):
        start = threading.Barrier(len(views))

        def use(mine: BaseTickets, turn: int = turn, start: threading.Barrier = start) -> bool:
            start.wait(20)
            return mine.spend(f"turn {turn}", 60)

        with ThreadPoolExecutor(len(views)) as pool:
            assert Counter(pool.map(use, views)) == {True: 1, False: len(views) - 1}


def test_two_installations_know_nothing_of_each_other(open_tickets: Open) -> None:
    assert open_tickets().spend("one", 60)
    assert open_tickets("-other").spend("one", 60)


def test_what_does_not_know_a_ticket_has_another_scope(open_tickets: Open, backend: str) -> None:
    """A ticket is signed with the scope: where its use would not be known it is refused."""
    first, second = open_tickets(), open_tickets("-other")
    assert (first.scope == second.scope) == (backend == "redis")


def test_closing_makes_nothing_unused(open_tickets: Open) -> None:
    mine = open_tickets()
    assert mine.spend("one", 60)
    mine.close()
    assert not open_tickets().spend("one", 60)

"""Used tickets in Redis when Redis dies or hangs: nobody is let in, and nobody waits for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.tickets.redis import RedisTickets
from tests.services import Server
from tests.waiting import until


@pytest.fixture
def tickets(own_redis: Server, prefix: str) -> Iterator[RedisTickets]:
    tickets = RedisTickets(Settings(REDIS_URL=own_redis.url, PREFIX=prefix, BACKEND_TIMEOUT=0.5))
    yield tickets
    tickets.close()


def answers(tickets: RedisTickets) -> bool:
    with suppress(Unavailable):
        tickets.spend("probe", 1)
        return True
    return False


@pytest.mark.parametrize("fault", ["stop", "pause"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "at first"])
def test_without_redis_nothing_is_known(own_redis: Server, tickets: RedisTickets, fault: str, connected: bool) -> None:
    if connected:
        assert tickets.spend("before", 60)
    getattr(own_redis, fault)()
    refused: list[str] = []

    def use() -> None:
        for nonce in ("before", "during"):
            with pytest.raises(Unavailable):
                tickets.spend(nonce, 60)
            refused.append(nonce)

    threading.Thread(target=use, daemon=True).start()
    until(lambda: refused == ["before", "during"])
    own_redis.resume() if fault == "pause" else own_redis.start()
    until(lambda: answers(tickets))
    if fault == "pause" and connected:
        assert not tickets.spend("before", 60)


def test_what_was_asked_while_redis_hung_is_never_let_in_twice(own_redis: Server, tickets: RedisTickets) -> None:
    """The command may reach Redis after its answer was given up: then the ticket is lost, not used twice."""
    assert tickets.spend("before", 60)
    own_redis.pause()
    with pytest.raises(Unavailable):
        tickets.spend("late", 60)
    own_redis.resume()
    until(lambda: answers(tickets))
    uses = [tickets.spend("late", 60) for _ in range(3)]
    assert uses.count(True) <= 1


def test_a_connection_that_died_while_idle_costs_nobody_his_ticket(own_redis: Server, tickets: RedisTickets) -> None:
    for turn in range(5):
        with redis.Redis.from_url(own_redis.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        assert tickets.spend(f"turn {turn}", 60)
        assert not tickets.spend(f"turn {turn}", 60)


def test_a_key_lives_as_long_as_it_is_needed(own_redis: Server, tickets: RedisTickets, prefix: str) -> None:
    tickets.spend("one", 90.0004)
    with redis.Redis.from_url(own_redis.url) as client:
        assert [key.decode() for key in client.scan_iter()] == [f"{prefix}:ticket:one"]
        assert 80_000 < client.pttl(f"{prefix}:ticket:one") <= 90_001

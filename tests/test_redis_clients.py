"""What is asked on a connection that dies is asked once more, unless it must not be sent twice; a time-out is final."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from rxsse.redis_clients import open_client
from tests.services import Server
from tests.waiting import until


def popped_on_a_connection_that_dies(url: str, key: str, retries: int) -> Any:
    """What somebody gets who waits for an item while his connection is ended, and the item comes after that."""
    with (
        open_client(url, 5, retries=retries) as client,
        redis.Redis.from_url(url) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        name = f"{key}-{retries}"
        waiting = thread.submit(client.blpop, [name], 0)

        def blocked() -> list[Any]:
            return [found for found in other.client_list() if found["cmd"] == "blpop"]

        until(blocked)
        for found in blocked():
            other.client_kill_filter(_id=found["id"])
        until(lambda: waiting.done() or (retries and blocked()))
        other.rpush(name, "item")
        return waiting.result(10)


def test_what_died_on_its_way_is_sent_again(redis_url: str, prefix: str) -> None:
    assert popped_on_a_connection_that_dies(redis_url, prefix, retries=1)[1] == b"item"


def test_what_must_not_be_sent_twice_is_not(redis_url: str, prefix: str) -> None:
    with pytest.raises(redis.ConnectionError):
        popped_on_a_connection_that_dies(redis_url, prefix, retries=0)


def test_a_server_that_hangs_is_waited_for_once(own_redis: Server) -> None:
    with open_client(own_redis.url, 0.2) as client:
        client.ping()
        own_redis.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        own_redis.resume()
        assert client.ping()

"""An application's events between processes over a real Redis: at most once, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from rxsse.brokers.redis_relay import EventstreamRelay, RedisRelay
from rxsse.brokers.relay import Told
from rxsse.conf import Settings
from tests.waiting import until

A = Told("shop.Cart/7", "message", '{"n":1}')


class Ends:
    """Opens ends as processes would, and closes them."""

    def __init__(self, url: str, prefix: str, **values: Any) -> None:
        self.settings = Settings(REDIS_URL=url, PREFIX=prefix, **values)
        self._open: list[Any] = []

    def open(self) -> tuple[RedisRelay, list[Told]]:
        got: list[Told] = []
        relay = RedisRelay(self.settings)
        self._open.append(relay)
        relay.open(got.append)
        relay.ready(20)
        return relay, got

    def close(self) -> None:
        for relay in self._open:
            relay.close()


@pytest.fixture
def ends(redis_url: str, prefix: str) -> Iterator[Ends]:
    found = Ends(redis_url, prefix, BACKEND_TIMEOUT=20.0, ANNOUNCE_TIMEOUT=20.0)
    yield found
    found.close()


def test_all_others_get_it_once_and_in_order(ends: Ends) -> None:
    one, first = ends.open()
    _, second = ends.open()
    other, third = ends.open()
    sent = [Told("shop.Cart/7", f"n{number}", json.dumps("ä\n"), str(number)) for number in range(20)]
    for told in sent:
        one.send(told)
    other.send(A)
    until(lambda: len(second) == 21 and len(third) == 20 and first, "all that was sent")
    assert [told for told in second if told != A] == sent
    assert third == sent
    assert first == [A]


def test_what_is_no_event_is_left_out(ends: Ends, redis_url: str, prefix: str) -> None:
    sender, _ = ends.open()
    _, got = ends.open()
    with redis.Redis.from_url(redis_url) as client:
        for wrong in (
            b"\xff",
            b"nonsense",
            b"1",
            b"[]",
            b'["x"]',
            b'["x","c","e",5,null]',
            b'["x","c","e","1",2]',
            b"{}",
        ):
            client.publish(f"{prefix}:events", wrong)
        client.publish(f"{prefix}:events", b"[" * 100_000)
    sender.send(A)
    until(lambda: got, "the event behind")
    assert got == [A]


def test_a_receiver_that_fails_gets_the_next(ends: Ends, caplog: pytest.LogCaptureFixture) -> None:
    sender, _ = ends.open()
    got: list[Told] = []
    other = RedisRelay(ends.settings)

    def fail_once(told: Told) -> None:
        got.append(told)
        if len(got) == 1:
            raise RuntimeError("a receiver")

    other.open(fail_once)
    other.ready(20)
    sender.send(A)
    sender.send(A)
    until(lambda: len(got) == 2)
    other.close()
    assert "could not be passed on" in caplog.text


def test_what_django_eventstream_publishes_is_read(redis_url: str, prefix: str) -> None:
    parts = urlsplit(redis_url)
    connection = {"host": parts.hostname, "port": parts.port, "decode_responses": True}
    relay = EventstreamRelay(Settings(BACKEND_TIMEOUT=20.0), connection)
    got: list[Told] = []
    try:
        relay.open(got.append)
        relay.ready(20)
        with redis.Redis.from_url(redis_url) as client:
            for said in (
                {"channel": prefix, "event_type": "message"},
                {"channel": prefix, "event_type": "message", "data": {"not": "text"}, "pub_id": None},
                {"channel": prefix, "event_type": "message", "data": "1", "pub_id": "7"},
            ):
                client.publish("events_channel", json.dumps(said))
        until(lambda: any(told.channel == prefix for told in got))
        relay.send(A)  # is nobody's job but theirs
    finally:
        relay.close()
    assert [told for told in got if told.channel == prefix] == [Told(prefix, "message", "1", "7")]


def test_a_redis_that_was_away_brings_what_is_sent_after_it(own_redis: Any, prefix: str) -> None:
    ends = Ends(own_redis.url, prefix, BACKEND_TIMEOUT=0.5)
    try:
        sender, _ = ends.open()
        _, got = ends.open()
        own_redis.restart()

        def arrives() -> bool:
            sender.send(A)
            return bool(got)

        until(arrives, "an event after the restart")
    finally:
        ends.close()


def test_a_dead_redis_holds_a_sender_up_once_a_second(
    own_redis: Any, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "rxsse.brokers")
    relay = RedisRelay(Settings(REDIS_URL=own_redis.url, PREFIX=prefix, ANNOUNCE_TIMEOUT=0.2))
    own_redis.pause()
    started = time.monotonic()
    for _ in range(100):
        relay.send(A)
    took = time.monotonic() - started
    own_redis.resume()
    relay.close()
    # Not a measure of speed: without the pause it would be 20 seconds.
    assert took < 10
    assert 1 <= caplog.text.count("Other processes are not told") <= took + 1


def test_a_forked_process_is_one_of_its_own(ends: Ends) -> None:
    relay, got = ends.open()
    relay.send(A)
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            relay.send(A)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    until(lambda: got, "the child's event, which is not the parent's own")
    assert got == [A]

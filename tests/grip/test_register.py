"""What every register keeps, each backend against its real server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from rxsse.conf import Settings
from rxsse.exceptions import ProtocolError, Unavailable
from rxsse.grip import register
from rxsse.grip.register import BaseRegister, Follower, Held, new_id
from rxsse.guarding.identity import Identity
from rxsse.messages import Topic
from tests.waiting import until

PATH = "/team/7/"


@pytest.fixture(autouse=True)
def sited(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.guarding.site"


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest, prefix: str) -> Iterator[BaseRegister]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = register.create(Settings(REDIS_URL=url, PREFIX=prefix))
    yield made
    made.close()


def held(seconds: float = 60.0, **reader: Any) -> Held:
    identity = Identity("c", "1", kwargs=(("pk", 7),), **reader)
    now = time.time()
    return Held(new_id(), Topic("c", "7", kwargs={"pk": 7}), PATH, identity, now, now + seconds)


class Heard(Follower):
    def __init__(self) -> None:
        self.found: list[list[str]] = []
        self.entries: list[str] = []

    def entered(self, held: Held) -> None:
        self.entries.append(held.id)

    def all(self, held: Iterable[Held]) -> None:
        self.found.append(sorted(each.id for each in held))


def test_who_is_held_is_found_until_his_end(backend: BaseRegister) -> None:
    first, over = held(credential="k", kind="authtoken.token", expires=time.time() + 9, look=5.0), held(-1)
    backend.enter(first)
    backend.enter(over)
    assert backend.find(first.id) == first
    assert backend.find(first.id).identity.look == 5.0  # type: ignore[union-attr]
    assert backend.find(over.id) is None
    assert backend.find("guessed") is None
    longer = replace(first, until=first.until + 60)
    backend.enter(longer)
    assert backend.find(first.id) == longer
    backend.forget([first.id, "never there"])
    assert backend.find(first.id) is None


def test_a_follower_hears_of_all_and_of_those_who_come(backend: BaseRegister) -> None:
    before, after, heard = held(), held(), Heard()
    backend.enter(before)
    backend.follow(heard)
    until(lambda: heard.found == [[before.id]])
    backend.enter(after)
    until(lambda: heard.entries == [after.id])


def test_whether_a_topic_is_published_is_said_at_once(backend: BaseRegister) -> None:
    one = held()
    assert backend.enter(one) is False
    backend.publishing([one.topic.name], [], 60)
    backend.enter(one)
    assert backend.enter(one) is True
    backend.publishing([], [one.topic.name], 60)
    assert backend.enter(one) is False


def test_one_of_several_owners_leads_until_it_is_dead_or_resigns(prefix: str, redis_url: str) -> None:
    server, first, second = (register.create(Settings(REDIS_URL=redis_url, PREFIX=prefix)) for _ in range(3))
    one = held()
    assert first.publishing([one.topic.name], [], 0.3)
    until(lambda: server.enter(one))
    until(lambda: not server.enter(one))
    # Another one, of which nobody knows yet what it publishes.
    assert second.publishing([], [], 60)
    assert not first.publishing([one.topic.name], [], 60)
    server.enter(one)
    assert server.enter(one) is False
    first.resign()  # it has nothing to give up
    assert second.publishing([], [], 60)
    second.resign()
    assert first.publishing([one.topic.name], [], 60)
    until(lambda: server.enter(one))
    for each in (server, first, second):
        each.close()


def test_what_is_not_a_held_stream_is_refused() -> None:
    good = held().encode()
    for text in ("", "[]", "{}", good.replace(PATH, "/nowhere/"), good.replace('"channel"', '"canal"')):
        with pytest.raises(ProtocolError):
            Held.decode(text)


def test_an_end_that_never_comes_survives() -> None:
    assert Held.decode(held().encode()).identity.expires == inf


def test_a_token_is_no_part_of_what_is_shown() -> None:
    assert "s3cr3t" not in repr(held(credential="s3cr3t", kind="authtoken.token"))


def test_redis_away_is_unavailable(own_redis: Any) -> None:
    backend = register.create(Settings(REDIS_URL=own_redis.url, BACKEND_TIMEOUT=0.2))
    heard = Heard()
    one = held()
    backend.follow(heard)
    until(lambda: len(heard.found) == 1)
    own_redis.stop()
    for call in (
        lambda: backend.enter(one),
        lambda: backend.find("x"),
        lambda: backend.forget(["x"]),
        lambda: backend.publishing(["t"], [], 1),
    ):
        with pytest.raises(Unavailable):
            call()
    own_redis.start()
    until(lambda: len(heard.found) == 2)
    backend.enter(one)
    until(lambda: heard.entries == [one.id])
    backend.close()

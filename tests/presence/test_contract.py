"""What every presence keeps, each backend against its real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rxsse import presence
from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.presence.base import BasePresence
from tests.waiting import until


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest, prefix: str) -> Iterator[BasePresence]:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    made = presence.create(Settings(REDIS_URL=url, PREFIX=prefix))
    yield made
    made.close()


def test_others_are_seen_where_it_is_shared(backend: BasePresence) -> None:
    assert list(backend.reports()) == []
    backend.report("a", b"1", 60)
    backend.report("b", b"2", 60)
    backend.report("a", b"3", 60)
    assert sorted(backend.reports()) == ([b"2", b"3"] if backend.shared else [])
    backend.withdraw("a")
    backend.withdraw("never there")
    assert list(backend.reports()) == ([b"2"] if backend.shared else [])


def test_who_says_nothing_any_more_is_forgotten(backend: BasePresence) -> None:
    backend.report("dead", b"1", 0.05)
    backend.report("alive", b"2", 60)
    until(lambda: list(backend.reports()) == ([b"2"] if backend.shared else []))


def test_redis_away_is_unavailable(own_redis: Any) -> None:
    backend = presence.create(Settings(REDIS_URL=own_redis.url, BACKEND_TIMEOUT=0.2))
    own_redis.stop()
    for call in (lambda: backend.report("a", b"", 1), lambda: backend.withdraw("a"), backend.reports):
        with pytest.raises(Unavailable):
            call()
    backend.close()

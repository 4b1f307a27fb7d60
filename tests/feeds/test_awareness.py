"""Whether writers know at once that they are watched: only one that asked lately may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rxsse.conf import Settings
from rxsse.feeds.redis import RedisFeed
from tests.waiting import until


@pytest.fixture
def feeds(redis_url: str, prefix: str) -> Iterator[list[RedisFeed]]:
    settings = Settings(REDIS_URL=redis_url, PREFIX=prefix, INTEREST_TTL=0.4)
    opened = [RedisFeed(settings), RedisFeed(settings)]
    yield opened
    for feed in opened:
        feed.close()


def test_where_nobody_asked_there_is_nothing_to_wait_for(feeds: list[RedisFeed]) -> None:
    owner, writer = feeds
    assert owner.watch({"a.a"}) == 0.0
    assert writer.is_watched("a.a")


def test_a_writer_that_asked_lately_may_not_know_yet(feeds: list[RedisFeed]) -> None:
    owner, writer = feeds
    assert not writer.is_watched("a.a")
    assert owner.watch({"a.a"}) == 0.4
    assert owner.watch({"a.a"}) == 0.0  # nothing is added
    until(lambda: writer.is_watched("a.a"))


def test_a_writer_that_asked_long_ago_asks_again(feeds: list[RedisFeed]) -> None:
    owner, writer = feeds
    assert not writer.is_watched("a.a")
    models = {"a.a"}

    def nobody_relies_on_an_answer() -> bool:
        models.add(f"a.b{len(models)}")
        return owner.watch(models) == 0.0

    until(nobody_relies_on_an_answer)
    assert writer.is_watched("a.a")

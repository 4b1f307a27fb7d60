"""What every feed keeps, each backend against its real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connections

from rxsse import feeds
from rxsse.conf import Settings
from rxsse.feeds.base import BaseFeed
from rxsse.messages import Announcement, Phase
from tests.feeds.recording import Recorder, carried, committed, prepared
from tests.waiting import until

Open = Callable[[], BaseFeed]


@pytest.fixture(params=["memory", "redis", pytest.param("outbox", marks=pytest.mark.django_db(transaction=True))])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_feed(backend: str, request: pytest.FixtureRequest, prefix: str) -> Iterator[Open]:
    """Opens one more end of the same feed; in memory there is one end only."""
    url = request.getfixturevalue("redis_url") if backend == "redis" else None
    settings = Settings(REDIS_URL=url, PREFIX=prefix, INTEREST_TTL=0.05, OUTBOX=backend == "outbox")
    opened: list[BaseFeed] = []

    def open_() -> BaseFeed:
        if backend == "memory" and opened:
            return opened[0]
        opened.append(feeds.create(settings))
        return opened[-1]

    yield open_
    for feed in opened:
        feed.close()


@pytest.fixture
def feed(open_feed: Open) -> BaseFeed:
    return open_feed()


@pytest.fixture
def recorder(feed: BaseFeed) -> Recorder:
    recorder = Recorder()
    feed.listen(recorder)
    return recorder


def test_catch_up_brings_what_was_prepared(feed: BaseFeed, recorder: Recorder) -> None:
    assert feed.prepare(prepared("1"))
    feed.catch_up()
    assert recorder.told == [prepared("1")]


def test_commits_arrive_by_themselves(feed: BaseFeed, recorder: Recorder) -> None:
    withdrawn = Announcement("2", Phase.WITHDRAWN, "default")
    feed.commit(committed("1"))
    feed.commit(withdrawn)
    until(lambda: len(recorder.told) == 2)
    assert recorder.told == [committed("1"), withdrawn]


def test_announcements_come_from_other_processes(feed: BaseFeed, recorder: Recorder, open_feed: Open) -> None:
    open_feed().prepare(prepared("1"))
    feed.catch_up()
    assert recorder.ids == ["1"]


def test_what_was_over_before_listening_is_not_delivered(feed: BaseFeed) -> None:
    feed.commit(carried("1"))
    recorder = Recorder()
    feed.listen(recorder)
    feed.commit(carried("2"))
    until(lambda: recorder.told)
    feed.catch_up()
    assert recorder.told == [carried("2")]


def test_a_commit_may_arrive_without_its_prepared_but_never_before_it(feed: BaseFeed, recorder: Recorder) -> None:
    for number in range(50):
        assert feed.prepare(prepared(str(number)))
        if number % 2:
            feed.catch_up()
        feed.commit(committed(str(number)))
    until(lambda: len(recorder.over) == 50)
    for number in range(50):
        told = [announcement for announcement in recorder.announcements if announcement.id == str(number)]
        assert told in ([prepared(str(number)), told[-1]], [carried(str(number))])
        assert told[-1] in (committed(str(number)), carried(str(number)))


def test_what_is_under_way_is_told_once_however_often_one_catches_up(feed: BaseFeed, recorder: Recorder) -> None:
    assert feed.prepare(prepared("1"))
    for _ in range(3):
        feed.catch_up()
    feed.commit(Announcement("1", Phase.WITHDRAWN, "default"))
    until(lambda: recorder.over)
    feed.catch_up()
    assert recorder.told == [prepared("1"), Announcement("1", Phase.WITHDRAWN, "default")]


def test_every_announcement_once_while_many_catch_up(feed: BaseFeed, recorder: Recorder, open_feed: Open) -> None:
    writers, each = 4, 100
    done = threading.Event()
    ends = [open_feed() for _ in range(writers)]

    def write(number: int) -> None:
        for count in range(each):
            ends[number].prepare(prepared(f"{number}.{count}"))
            if count % 2:
                ends[number].commit(committed(f"{number}.{count}"))
        connections.close_all()

    def catch_up() -> None:
        while not done.is_set():
            feed.catch_up()
        connections.close_all()

    writing = [threading.Thread(target=write, args=[number]) for number in range(writers)]
    catching = [threading.Thread(target=catch_up) for _ in range(2)]
    try:
        for thread in [*writing, *catching]:
            thread.start()
        for thread in writing:
            thread.join()
    finally:
        done.set()
        for thread in catching:
            thread.join()
    feed.catch_up()
    until(lambda: len(recorder.over) == writers * each / 2)
    assert recorder.gaps == []
    phases = [(told.id, told.phase) for told in recorder.announcements]
    assert len(set(phases)) == len(phases)
    for number in range(writers):
        mine = [id_ for id_ in recorder.over if id_.startswith(f"{number}.")]
        assert sorted(mine) == sorted(f"{number}.{count}" for count in range(1, each, 2))
        under_way = {f"{number}.{count}" for count in range(0, each, 2)}
        assert under_way <= {id_ for id_, phase in phases if phase is Phase.PREPARED}


def test_a_listener_that_raises_misses_nothing_that_follows(feed: BaseFeed) -> None:
    class Fragile(Recorder):
        def announced(self, announcement: Announcement) -> None:
            super().announced(announcement)
            raise ValueError("as a bug would")

    fragile = Fragile()
    feed.listen(fragile)
    assert feed.prepare(prepared("1"))
    assert feed.prepare(prepared("2"))
    feed.catch_up()
    assert sorted(fragile.ids) == ["1", "2"]


def test_a_second_listener_replaces_the_first(feed: BaseFeed, recorder: Recorder) -> None:
    second = Recorder()
    feed.listen(second)
    feed.prepare(prepared("1"))
    feed.catch_up()
    assert (recorder.told, second.ids) == ([], ["1"])


def test_nothing_is_delivered_after_close(feed: BaseFeed, recorder: Recorder, open_feed: Open) -> None:
    feed.close()
    feed.commit(committed("1"))
    open_feed().prepare(prepared("2"))
    feed.catch_up()
    assert recorder.told == []


def test_closing_twice_or_unused_is_harmless(open_feed: Open) -> None:
    feed = open_feed()
    feed.close()
    feed.close()


def test_catching_up_without_a_listener_is_harmless(feed: BaseFeed) -> None:
    feed.catch_up()


def test_nothing_is_watched_at_first(feed: BaseFeed) -> None:
    assert not feed.is_watched("app.thing")


def test_watching_is_known_to_every_writer_after_the_time_given(feed: BaseFeed, open_feed: Open) -> None:
    writer = open_feed()
    writer.is_watched("app.thing")
    settle = feed.watch({"app.thing"})
    assert feed.is_watched("app.thing")
    threading.Event().wait(settle)
    assert writer.is_watched("app.thing")
    assert not writer.is_watched("app.other")


def test_watching_replaces_what_was_watched(feed: BaseFeed, open_feed: Open) -> None:
    feed.watch(["app.thing", "app.other"])
    assert feed.watch(["app.other"]) == 0
    assert not feed.is_watched("app.thing")
    assert feed.is_watched("app.other")
    feed.watch([])
    assert not feed.is_watched("app.other")


def test_ping(feed: BaseFeed) -> None:
    feed.ping()


def test_an_announcement_as_long_as_a_bulk_write(feed: BaseFeed, recorder: Recorder) -> None:
    long = Announcement("1", Phase.COMMITTED, "default", prepared("1").changes * 20_000)
    feed.commit(long)
    until(lambda: recorder.told)
    assert recorder.told == [long]

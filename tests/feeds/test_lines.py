"""What a writer's own connections to Redis do when they end, or are interrupted, between two announcements."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.feeds.redis import RedisFeed
from rxsse.messages import Phase
from tests.feeds.recording import Recorder, carried, committed, prepared
from tests.services import Server
from tests.waiting import until


@pytest.fixture
def settings(own_redis: Server) -> Settings:
    return Settings(REDIS_URL=own_redis.url, PREFIX="lines")


@pytest.fixture
def writer(settings: Settings) -> Iterator[RedisFeed]:
    feed = RedisFeed(settings)
    yield feed
    feed.close()


@pytest.fixture
def recorder(settings: Settings) -> Iterator[Recorder]:
    """In this process, but by another end of the feed."""
    recorder = Recorder()
    feed = RedisFeed(settings)
    feed.listen(recorder)
    yield recorder
    feed.close()


@pytest.fixture
def client(own_redis: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_redis.url) as client:
        yield client


def cut_writers(client: redis.Redis) -> None:
    """End every connection that has announced anything, as a proxy or Redis' own ``timeout`` would."""
    lines = [connection for connection in client.client_list() if connection["cmd"] in ("hset", "hdel")]
    assert lines
    for line in lines:
        client.client_kill_filter(_id=line["id"])


def lost(recorder: Recorder) -> bool:
    return any("lost" in gap for gap in recorder.gaps)


def menders() -> int:
    return sum(thread.name == "rxsse-feed-mender" for thread in threading.enumerate())


def test_while_redis_is_well_there_is_one_connection_and_no_thread(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    threads = threading.active_count()
    for number in range(20):
        assert writer.prepare(prepared(str(number)))
        writer.commit(committed(str(number)))
    until(lambda: len(recorder.over) == 20)
    assert threading.active_count() == threads
    assert [connection["cmd"] for connection in client.client_list()].count("hdel") == 1


def test_a_connection_that_was_closed_while_idle_costs_nothing(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    assert writer.prepare(prepared("1"))
    writer.commit(committed("1"))
    until(lambda: recorder.over == ["1"])
    cut_writers(client)
    assert writer.prepare(prepared("2"))
    writer.commit(committed("2"))
    until(lambda: recorder.over == ["1", "2"])
    assert recorder.gaps == []


def test_a_commit_refused_unnoticed_makes_readers_reconcile(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    assert writer.prepare(prepared("1"))
    client.set("lines:feed", "of the wrong type")
    writer.commit(committed("1"))
    until(lambda: client.info("errorstats"), "Redis refuses it")
    client.delete("lines:feed")
    assert "1" not in recorder.over
    assert writer.prepare(prepared("2"))
    until(lambda: lost(recorder))
    until(lambda: not menders())


def test_a_line_that_ends_between_prepared_and_committed(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    assert writer.prepare(prepared("1"))
    cut_writers(client)
    writer.commit(committed("1"))  # into a closed connection: nobody has noticed
    assert writer.prepare(prepared("2"))
    writer.commit(committed("2"))
    until(lambda: "2" in recorder.over)
    until(lambda: "1" in recorder.over or lost(recorder))


def test_a_commit_that_says_more_than_its_prepared_is_acknowledged(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    more = dataclasses.replace(carried("1"), changes=prepared("1").changes * 2)
    assert writer.prepare(prepared("1"))
    cut_writers(client)
    writer.commit(more)
    until(lambda: more in recorder.told)


def test_a_commit_without_prepared_is_acknowledged(writer: RedisFeed, recorder: Recorder, client: redis.Redis) -> None:
    assert writer.prepare(prepared("1"))
    cut_writers(client)
    writer.commit(committed("2"))  # what its transaction wrote is not known: readers must hear it
    until(lambda: "2" in recorder.ids)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_a_reply_is_under_way(own_redis: Server, writer: RedisFeed, recorder: Recorder) -> None:
    assert writer.prepare(prepared("1"))
    own_redis.pause()
    writer.commit(committed("1"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(60)
            until(lambda: writer.prepare(prepared("child")))
            writer.commit(committed("child"))
            writer.close()
            status = 0
        finally:
            os._exit(status)
    own_redis.resume()
    until(lambda: writer.prepare(prepared("2")))
    writer.commit(committed("2"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    until(lambda: {"1", "2", "child"} == {told.id for told in recorder.announcements if told.phase is Phase.COMMITTED})
    assert recorder.over.count("1") == 1


def test_an_interrupted_wait_leaves_nobody_with_the_wrong_reply(
    own_redis: Server, settings: Settings, client: redis.Redis
) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    client.set("lines:prepared", "of the wrong type")
    writer = RedisFeed(dataclasses.replace(settings, ANNOUNCE_TIMEOUT=60.0))
    assert not writer.prepare(prepared("0"))  # connected, and refused
    client.delete("lines:prepared")
    until(lambda: writer.prepare(prepared("1")))
    own_redis.pause()
    former = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Interrupted):
            writer.prepare(prepared("2"))
    finally:
        signal.signal(signal.SIGALRM, former)
        own_redis.resume()
    until(client.ping)
    client.delete("lines:prepared")
    client.set("lines:prepared", "of the wrong type")
    assert not writer.prepare(prepared("3"))
    writer.close()


def test_threads_that_write_at_once(writer: RedisFeed, recorder: Recorder) -> None:
    writers, each = 4, 200
    prepares: list[bool] = []
    together = threading.Barrier(writers)

    def write(number: int) -> None:
        together.wait()
        for count in range(each):
            prepares.append(writer.prepare(prepared(f"{number}.{count}")))
            writer.commit(committed(f"{number}.{count}"))

    threads = [threading.Thread(target=write, args=[number]) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(recorder.over) == writers * each)
    assert all(prepares)
    assert recorder.gaps == []
    # A COMMITTED goes on its way alone, by a line that another thread may have used before.
    assert sorted(recorder.over) == sorted(f"{number}.{count}" for number in range(writers) for count in range(each))
    phases = [(told.id, told.phase) for told in recorder.announcements]
    for id_, phase in phases:
        if phase is Phase.PREPARED:
            assert phases.index((id_, phase)) < phases.index((id_, Phase.COMMITTED))


def test_a_loss_is_told_before_the_interpreter_exits(
    own_redis: Server, recorder: Recorder, client: redis.Redis
) -> None:
    client.set("lines:feed", "of the wrong type")
    script = (
        "import threading, redis\n"
        "from rxsse.conf import Settings; from rxsse.feeds import publishing; from rxsse.feeds.redis import RedisFeed\n"
        "from tests.feeds.recording import committed\n"
        "publishing.PAUSE = 3600\n"
        f"feed = RedisFeed(Settings(REDIS_URL={own_redis.url!r}, PREFIX='lines'))\n"
        "feed.commit(committed('1'))\n"
        f"redis.Redis.from_url({own_redis.url!r}).delete('lines:feed')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    until(lambda: lost(recorder))


def test_a_reader_that_keeps_up_is_audited_now_and_then(
    writer: RedisFeed, recorder: Recorder, client: redis.Redis
) -> None:
    for number in range(500):
        writer.commit(carried(str(number)))
        until(lambda number=number: len(recorder.told) > number)
    assert client.info("commandstats")["cmdstat_xrange"]["calls"] < 250
    assert recorder.gaps == []


@pytest.fixture
def hearing(settings: Settings) -> Iterator[tuple[RedisFeed, Recorder]]:
    """A feed that has caught up, and whom it tells; nobody else listens."""
    feed, told = RedisFeed(settings), Recorder()
    feed.listen(told)
    feed.catch_up()
    yield feed, told
    feed.close()


def test_catching_up_after_a_connection_was_closed_while_idle_hears_everything_once(
    hearing: tuple[RedisFeed, Recorder], writer: RedisFeed, client: redis.Redis
) -> None:
    feed, told = hearing
    (asked,) = [connection for connection in client.client_list() if connection["cmd"] == "xlen"]
    client.client_kill_filter(_id=asked["id"])
    assert writer.prepare(carried("1"))
    feed.catch_up()
    assert told.ids == ["1"]
    assert not told.gaps


def test_what_redis_refuses_while_catching_up_is_an_outage_and_spoils_no_later_answer(
    hearing: tuple[RedisFeed, Recorder], writer: RedisFeed, client: redis.Redis
) -> None:
    feed, told = hearing
    client.set("lines:prepared", "not a hash")
    with pytest.raises(Unavailable):
        feed.catch_up()
    client.delete("lines:prepared")
    assert writer.prepare(carried("1"))
    feed.catch_up()
    assert told.ids == ["1"]

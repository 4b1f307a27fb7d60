"""The Redis feed when Redis dies, hangs, forgets or talks nonsense, with real servers and processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.feeds import in_flight, publishing, reading
from rxsse.feeds.redis import RedisFeed
from rxsse.messages import Announcement, Phase
from tests.feeds.recording import Recorder, carried, committed, prepared
from tests.services import Server
from tests.waiting import until

Open = Callable[..., RedisFeed]


@pytest.fixture
def open_feed(prefix: str) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_(url: str, **changed: object) -> RedisFeed:
            settings = {"REDIS_URL": url, "PREFIX": prefix, "INTEREST_TTL": 0.05, "BACKEND_TIMEOUT": 1.0, **changed}
            feed = RedisFeed(Settings(**settings))  # type: ignore[arg-type]
            stack.callback(feed.close)
            return feed

        yield open_


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def reaches(feed: RedisFeed, recorder: Recorder, id_: str) -> None:
    """Announce until Redis takes it, and wait for it to arrive."""
    until(lambda: feed.prepare(prepared(id_)))
    feed.commit(committed(id_))
    until(lambda: id_ in recorder.over)


@pytest.mark.parametrize("fault", ["stop", "pause"])
def test_a_dead_redis_neither_fails_nor_holds_up_writes(own_redis: Server, open_feed: Open, fault: str) -> None:
    feed = open_feed(own_redis.url)
    assert feed.prepare(prepared("1"))
    feed.commit(committed("1"))
    assert not feed.is_watched("app.thing")
    getattr(own_redis, fault)()

    def write() -> None:
        for number in range(2_000):  # eight minutes, if each one waited for its time-out
            assert feed.is_watched("app.thing") or number < 2
            assert not feed.prepare(prepared(str(number)))
            feed.commit(committed(str(number)))

    until(lambda: feed.is_watched("app.thing"))
    writing = threading.Thread(target=write)
    writing.start()
    until(lambda: not writing.is_alive())
    with pytest.raises(Unavailable):
        feed.ping()
    with pytest.raises(Unavailable):
        feed.watch(["app.thing"])
    own_redis.resume() if fault == "pause" else own_redis.start()
    until(lambda: feed.prepare(prepared("2")))


def test_what_was_lost_makes_readers_reconcile_without_another_write(
    own_redis: Server, open_feed: Open, recorder: Recorder
) -> None:
    reader, writer = open_feed(own_redis.url), open_feed(own_redis.url)
    reader.listen(recorder)
    own_redis.stop()
    for number in range(1_500):
        writer.commit(committed(str(number)))
    own_redis.start()
    until(lambda: any("lost" in gap for gap in recorder.gaps))
    assert recorder.ids == []
    writer.commit(committed("after"))
    until(lambda: "after" in recorder.ids)


def test_a_redis_that_comes_back_empty(own_redis: Server, open_feed: Open, recorder: Recorder) -> None:
    owner, writer = open_feed(own_redis.url), open_feed(own_redis.url)
    owner.listen(recorder)
    owner.watch(["app.thing"])
    reaches(writer, recorder, "1")
    own_redis.restart()
    # Once when it is back, and once when writers are sure to know again what is watched.
    until(lambda: any("watched" in gap for gap in recorder.gaps))
    assert any("out of reach" in gap for gap in recorder.gaps)
    assert writer.is_watched("app.thing")
    reaches(writer, recorder, "2")
    assert recorder.over == ["1", "2"]


def test_a_redis_that_hangs_is_left_and_found_again(own_redis: Server, open_feed: Open, recorder: Recorder) -> None:
    owner = open_feed(own_redis.url)
    owner.listen(recorder)
    reaches(owner, recorder, "1")
    own_redis.pause()
    with pytest.raises(Unavailable):
        owner.catch_up()
    own_redis.resume()
    reaches(owner, recorder, "2")


def test_listening_while_redis_is_down(own_redis: Server, open_feed: Open, recorder: Recorder) -> None:
    own_redis.stop()
    feed = open_feed(own_redis.url)
    feed.listen(recorder)
    with pytest.raises(Unavailable):
        feed.catch_up()
    own_redis.start()
    until(lambda: recorder.gaps)
    reaches(feed, recorder, "1")


def test_closing_while_redis_is_down(own_redis: Server, open_feed: Open, recorder: Recorder) -> None:
    feed = open_feed(own_redis.url)
    feed.listen(recorder)
    feed.watch(["app.thing"])
    own_redis.pause()
    feed.commit(committed("1"))
    closing = threading.Thread(target=feed.close)
    closing.start()
    until(lambda: not closing.is_alive())


def test_a_reader_that_falls_out_of_the_stream_is_told(redis_url: str, open_feed: Open, client: redis.Redis) -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Slow(Recorder):
        def announced(self, announcement: Announcement) -> None:
            super().announced(announcement)
            asked.set()
            go_on.wait()

    slow = Slow()
    feed = open_feed(redis_url, FEED_LENGTH=100)
    feed.listen(slow)
    feed.commit(carried("first"))
    assert asked.wait(20)
    for number in range(1_000):
        feed.commit(carried(str(number)))
    go_on.set()
    until(lambda: "999" in slow.ids)
    until(lambda: any("trimmed" in gap for gap in slow.gaps))
    assert len(slow.ids) < 1_000
    assert len(set(slow.ids)) == len(slow.ids)
    gaps = len(slow.gaps)
    reaches(feed, slow, "again")
    feed.catch_up()
    assert len(slow.gaps) == gaps  # told once


def test_a_stream_trimmed_before_the_first_entry_was_read(
    redis_url: str, open_feed: Open, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.Reader, "_run", lambda self: None)  # only `catch_up` reads
    feed = open_feed(redis_url, FEED_LENGTH=100)
    feed.listen(recorder)
    for number in range(1_000):
        feed.commit(carried(str(number)))
    feed.catch_up()
    assert recorder.ids[-1] == "999"
    assert len(recorder.gaps) == 1


def test_a_catch_up_of_many_batches(
    redis_url: str, open_feed: Open, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.Reader, "_run", lambda self: None)
    monkeypatch.setattr(reading, "BATCH_LENGTH", 7)
    feed = open_feed(redis_url)
    feed.listen(recorder)
    for number in range(50):
        feed.commit(carried(str(number)))
    feed.catch_up()
    assert recorder.told == [carried(str(number)) for number in range(50)]


@pytest.mark.parametrize("first", ["1-1", None])
def test_a_stream_that_was_replaced(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder, first: str | None
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    reaches(feed, recorder, "1")
    client.delete(f"{prefix}:feed")
    if first:  # as after a restart with the clock set back
        client.xadd(f"{prefix}:feed", {publishing.ANNOUNCEMENT: carried("missed").encode()}, id=first)
        feed.catch_up()
        assert any("replaced" in gap for gap in recorder.gaps)
        client.xadd(f"{prefix}:feed", {publishing.ANNOUNCEMENT: carried("2").encode()}, id="1-2")
    else:
        reaches(feed, recorder, "2")
    feed.catch_up()
    until(lambda: any("replaced" in gap for gap in recorder.gaps))
    assert recorder.over == ["1", "2"]


@pytest.mark.parametrize(
    "entry",
    [{b"a": b"nonsense"}, {b"other": b"x"}, {b"a": b"[" * 100_000}, {b"a": b'["id","prepared","default",[{}]]'}],
)
def test_nonsense_in_the_stream_is_a_gap(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder, entry: dict[bytes, bytes]
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    client.xadd(f"{prefix}:feed", entry)  # type: ignore[arg-type]
    reaches(feed, recorder, "1")
    # What is under way has no place in the stream: it may be told before all of it.
    gap, over = [told for told in recorder.told if isinstance(told, str) or told.phase is not Phase.PREPARED]
    assert isinstance(gap, str)
    assert not isinstance(over, str)
    assert over.id == "1"


@pytest.mark.parametrize("body", [b"nonsense", b"", b"[" * 100_000])
def test_nonsense_under_way_is_a_gap_once(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder, body: bytes
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    client.hset(f"{prefix}:prepared", "odd", body)  # type: ignore[arg-type]
    feed.catch_up()
    feed.catch_up()
    assert len(recorder.gaps) == len(recorder.told) == 1
    reaches(feed, recorder, "1")
    client.hdel(f"{prefix}:prepared", "odd")
    feed.catch_up()
    assert (len(recorder.gaps), recorder.over) == (1, ["1"])


def test_what_vanishes_without_a_word_is_read_once_more(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    assert feed.prepare(prepared("1"))
    feed.catch_up()
    client.hdel(f"{prefix}:prepared", "1")  # as when only the second of a writer's two commands was taken
    feed.catch_up()
    feed.catch_up()
    assert recorder.told == [prepared("1"), carried("1")]


def test_what_a_dead_writer_left_under_way_is_taken_out(
    redis_url: str,
    open_feed: Open,
    client: redis.Redis,
    prefix: str,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    assert feed.prepare(prepared("1"))
    feed.catch_up()
    assert client.hkeys(f"{prefix}:prepared") == [b"1"]
    monkeypatch.setattr(in_flight, "ABANDONED", -1.0)
    feed.catch_up()
    assert client.hkeys(f"{prefix}:prepared") == []
    feed.catch_up()
    assert recorder.told == [prepared("1"), carried("1")]


def test_what_is_under_way_leaves_with_its_end(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    ends = [committed("0"), carried("1"), Announcement("2", Phase.WITHDRAWN, "default")]
    for end in ends:
        assert feed.prepare(prepared(end.id))
        feed.commit(end)
    until(lambda: recorder.over == ["0", "1", "2"])
    until(lambda: not client.hlen(f"{prefix}:prepared"))
    assert recorder.gaps == []


def test_a_gap_listener_that_raises_misses_nothing_that_follows(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str
) -> None:
    class Fragile(Recorder):
        def gap(self, reason: str) -> None:
            super().gap(reason)
            raise ValueError("as a bug would")

    fragile = Fragile()
    feed = open_feed(redis_url)
    feed.listen(fragile)
    client.xadd(f"{prefix}:feed", {publishing.GAP: b"\xff"})
    reaches(feed, fragile, "1")
    assert (len(fragile.gaps), fragile.over) == (1, ["1"])


def test_a_key_of_the_wrong_kind_fails_no_write(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str, recorder: Recorder
) -> None:
    keys = [f"{prefix}:{name}" for name in ("feed", "prepared", "interest")]
    for key in keys:
        client.set(key, "x")
    feed = open_feed(redis_url)
    feed.listen(recorder)
    assert not feed.prepare(prepared("1"))
    assert feed.is_watched("app.thing")
    with pytest.raises(Unavailable):
        feed.watch(["app.thing"])
    with pytest.raises(Unavailable):
        feed.catch_up()
    client.delete(*keys)
    reaches(feed, recorder, "2")


def test_what_cannot_be_encoded_fails_no_write(redis_url: str, open_feed: Open, recorder: Recorder) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    wrong = Announcement(object(), prepared("").phase, "default")  # type: ignore[arg-type]
    assert not feed.prepare(wrong)
    feed.commit(wrong)
    until(lambda: any("encoded" in gap for gap in recorder.gaps))
    reaches(feed, recorder, "1")


# --- interest ------------------------------------------------------------------------------


def test_the_interest_of_dead_processes_does_not_count(
    redis_url: str, open_feed: Open, client: redis.Redis, prefix: str
) -> None:
    key = f"{prefix}:interest"
    fields = {"dead": '[5.0, ["app.dead"]]', "mad": '[1e300, "app.mad"]', "odd": "{", "bad": "[null, 7]", "no": "7"}
    client.hset(key, mapping=fields)
    feed = open_feed(redis_url)
    assert not feed.is_watched("app.dead")
    feed.watch(["app.thing"])
    assert feed.is_watched("app.thing")
    assert b"dead" not in client.hkeys(key)
    feed.close()
    assert not open_feed(redis_url).is_watched("app.thing")


def test_interest_is_renewed_and_its_loss_noticed(
    redis_url: str,
    open_feed: Open,
    client: redis.Redis,
    prefix: str,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "RENEWED", 0.02)
    feed, writer = open_feed(redis_url), open_feed(redis_url)
    feed.listen(recorder)
    feed.watch(["app.thing"])
    client.delete(f"{prefix}:interest")  # as an eviction would
    until(lambda: any("watched" in gap for gap in recorder.gaps))
    assert writer.is_watched("app.thing")


def test_the_loss_of_interest_is_noticed_at_whatever_moment(
    open_feed: Open, redis_url: str, client: redis.Redis, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also between the look at what is there and the renewal: a writer may have asked in between."""
    feed = open_feed(redis_url)
    feed.watch(["app.thing"])
    read = feed._interest._read

    def read_then_lose(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        client.delete(f"{prefix}:interest")
        return found

    assert not feed._interest.renew()
    monkeypatch.setattr(feed._interest, "_read", read_then_lose)
    assert feed._interest.renew()


# --- processes -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_both_sides_of_a_fork_announce(redis_url: str, open_feed: Open, recorder: Recorder) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    feed.commit(committed("before"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            mine = Recorder()
            feed.listen(mine)
            feed.is_watched("app.thing")
            feed.prepare(prepared("child"))
            feed.commit(committed("child, too"))
            feed.catch_up()
            feed.commit(committed("child"))
            feed.close()
            status = 0 if "child" in mine.ids else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    feed.commit(committed("parent"))
    until(lambda: "parent" in recorder.ids)
    until(lambda: len(recorder.over) == 4)
    assert sorted(recorder.over) == ["before", "child", "child, too", "parent"]


def test_what_was_sent_arrives_when_the_interpreter_exits(
    redis_url: str, open_feed: Open, prefix: str, recorder: Recorder
) -> None:
    feed = open_feed(redis_url)
    feed.listen(recorder)
    script = (
        "from rxsse.conf import Settings; from rxsse.feeds.redis import RedisFeed\n"
        "from tests.feeds.recording import committed, prepared\n"
        f"feed = RedisFeed(Settings(REDIS_URL={redis_url!r}, PREFIX={prefix!r}))\n"
        "for number in range(300): feed.prepare(prepared(str(number))) and feed.commit(committed(str(number)))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    until(lambda: len(recorder.over) == 300)
    assert recorder.gaps == []


def test_nothing_happens_before_the_first_use(open_feed: Open) -> None:
    threads = threading.active_count()
    open_feed("redis://127.0.0.1:1/0")
    assert threading.active_count() == threads

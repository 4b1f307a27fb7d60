"""Nothing passes from an owner to the serving side before the feed was read to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Gone, Unavailable
from rxsse.feeds.memory import MemoryFeed
from rxsse.guarding.fence import Fence
from tests.streaming.support import Log, LogSource
from tests.waiting import until


class SlowFeed(MemoryFeed):
    """Is read to its end when the test says so."""

    def __init__(self) -> None:
        super().__init__(Settings())
        self.looks = 0
        self.ready = Event()
        self.ready.set()
        self.away = False

    def catch_up(self) -> None:
        self.looks += 1
        assert self.ready.wait(20)
        if self.away:
            raise Unavailable("away")


class Told:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def patched(self, topic: Any, cursor: Cursor, patch: bytes) -> None:
        self.told.append(json.loads(patch)[0]["value"])

    def began(self, topic: Any, cursor: Cursor, reason: str) -> None:
        self.told.append(("began", reason))

    def stale(self, topic: Any, reason: str) -> None:
        self.told.append(("stale", reason))

    def gone(self, topic: Any) -> None:
        self.told.append("gone")

    def message(self, topic: Any, event: str, body: bytes) -> None:
        self.told.append((event, body))


TOPIC = LogSource.topic("a")


@pytest.fixture
def feed() -> SlowFeed:
    return SlowFeed()


@pytest.fixture
def source() -> LogSource:
    return LogSource(a=Log())


@pytest.fixture
def fence(source: LogSource, feed: SlowFeed) -> Iterator[Fence]:
    fence = Fence(source, feed)
    yield fence
    feed.ready.set()
    fence.close(20)
    assert fence._thread is None or not fence._thread.is_alive()


def test_all_that_waits_passes_in_order_after_one_look(fence: Fence, source: LogSource, feed: SlowFeed) -> None:
    sink = Told()
    assert fence.activate(TOPIC, sink).result(20) == Cursor("e1", 0)
    feed.ready.clear()
    source.set("a", 1)
    until(lambda: feed.looks == 1)
    for n in range(2, 50):
        source.set("a", n)
    source.tell("a", "message", "note", b"1")
    source.tell("a", "stale", "unavailable")
    source.begin("a", "e2")
    source.delete("a")
    assert sink.told == []
    feed.ready.set()
    until(lambda: sink.told[-1:] == ["gone"])
    after = [("note", b"1"), ("stale", "unavailable"), ("began", "unknown-epoch"), "gone"]
    assert sink.told == [*range(1, 50), *after]
    assert feed.looks == 2  # for the first, and for all that came while it was looked at


def test_states_wait_as_well(fence: Fence, source: LogSource, feed: SlowFeed) -> None:
    feed.ready.clear()
    snapshot, patches, nothing = fence.snapshot(TOPIC), fence.since(TOPIC, Cursor("e1", 0)), Told()
    assert fence.activate(LogSource.topic("b"), nothing).exception(20).__class__ is Gone
    missing = fence.snapshot(LogSource.topic("b"))
    until(lambda: feed.looks)
    assert not any(future.done() for future in (snapshot, patches, missing))
    feed.ready.set()
    assert snapshot.result(20)[1] is source.logs["a"].states[Cursor("e1", 0)]
    assert patches.result(20) == []
    assert isinstance(missing.exception(20), Gone)


def test_who_has_left_is_told_nothing_of_what_waits(fence: Fence, source: LogSource, feed: SlowFeed) -> None:
    gone, stays = Told(), Told()
    for sink in (gone, stays):
        fence.activate(TOPIC, sink).result(20)
    feed.ready.clear()
    source.set("a", 1)
    fence.deactivate(TOPIC, gone)
    assert source.count("deactivate") == 1
    feed.ready.set()
    until(lambda: stays.told == [1])
    assert gone.told == []
    assert len(source.sinks["a"]) == 1


def test_a_feed_that_cannot_be_read_stops_nothing(fence: Fence, source: LogSource, feed: SlowFeed) -> None:
    sink = Told()
    fence.activate(TOPIC, sink).result(20)
    feed.away = True
    for n in range(20):
        source.set("a", n)
    until(lambda: sink.told == list(range(20)))
    assert feed.looks == 1  # nor is each of them delayed by it

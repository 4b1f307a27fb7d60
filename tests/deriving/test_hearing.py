"""Nothing that another process says goes on to this one's readers before the feed was read to its end."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.deriving.hearing import Fence, Hearing
from rxsse.exceptions import Unavailable
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Fanout, Kind
from tests.deriving.processes import Client, LeasedCache, World, world
from tests.deriving.support import channel_of
from tests.domain.models import Team
from tests.domain.serializers import TeamSerializer
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
    """A listener that remembers; ``head``: the revision up to which it knows everything."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.head = 0

    def knows(self, topic_name: str, fanout: Fanout) -> bool:
        return fanout.revision <= self.head

    def fanned_out(self, topic_name: str, fanout: Fanout) -> None:
        if fanout.kind is Kind.GONE:
            raise RuntimeError("a listener that fails")
        self.told.append((topic_name, fanout.revision))

    def gap(self, reason: str) -> None:
        self.told.append(reason)


@pytest.fixture
def feed() -> SlowFeed:
    return SlowFeed()


@pytest.fixture
def listener() -> Told:
    return Told()


@pytest.fixture
def fence(listener: Told, feed: SlowFeed) -> Iterator[Fence]:
    fence = Fence(listener, Hearing(feed))
    yield fence
    feed.ready.set()
    fence.close(20)
    assert fence._thread is None or not fence._thread.is_alive()


def patch(revision: int) -> Fanout:
    return Fanout(Kind.PATCH, "e1", revision, b"[]")


def test_all_that_waits_passes_in_order_after_one_look(fence: Fence, listener: Told, feed: SlowFeed) -> None:
    feed.ready.clear()
    fence.fanned_out("a", patch(1))
    until(lambda: feed.looks == 1)
    for revision in range(2, 50):
        fence.fanned_out("ab"[revision % 2], patch(revision))
    fence.gap("lost")
    assert listener.told == []
    feed.ready.set()
    until(lambda: listener.told[-1:] == ["lost"])
    assert listener.told == [("a", 1), *(("ab"[revision % 2], revision) for revision in range(2, 50)), "lost"]
    assert feed.looks == 2  # for the first, and for all that came while it was looked at


def test_an_echo_is_left_out_without_a_look(fence: Fence, listener: Told, feed: SlowFeed) -> None:
    listener.head = 7
    fence.fanned_out("a", patch(7))
    fence.fanned_out("a", patch(8))
    until(lambda: listener.told == [("a", 8)])
    assert feed.looks == 1


def test_a_listener_that_fails_stops_nothing(
    fence: Fence, listener: Told, feed: SlowFeed, caplog: pytest.LogCaptureFixture
) -> None:
    fence.fanned_out("a", Fanout(Kind.GONE, "e1", 1))
    fence.fanned_out("a", patch(2))
    until(lambda: listener.told == [("a", 2)])
    assert "could not be passed on" in caplog.text


def test_a_feed_that_cannot_be_read_stops_nothing(fence: Fence, listener: Told, feed: SlowFeed) -> None:
    feed.away = True
    for revision in range(1, 20):
        fence.fanned_out("a", patch(revision))
        until(lambda: len(listener.told) == revision)  # noqa: B023  # called at once
    assert feed.looks == 1  # nor is each of them delayed by it


# --- what is read from a log ---------------------------------------------------------------


@pytest.fixture
def shared() -> Iterator[World]:
    with world(LeasedCache) as made:
        yield made


@pytest.mark.django_db(transaction=True)
def test_what_others_logged_waits_as_well(shared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team.objects.create(name="one")
    topic = channel_of(TeamSerializer()).topic(None, {"pk": team.pk})
    first, second = (Client(shared.engine(), topic).start() for _ in range(2))
    lost = shared.ends.pop()
    team.name = "two"
    team.save()
    first.wait("patched")
    shared.ends.append(lost)
    ready, hearing = Event(), shared.engines[1].hearing
    waiting: list[bool] = []

    def hear() -> None:
        waiting.append(True)
        assert ready.wait(20)

    monkeypatch.setattr(hearing, "hear", hear)
    patches = shared.engines[1].since(topic, Cursor(first.cursor.epoch, 0))  # type: ignore[union-attr]
    snapshot = shared.engines[1].snapshot(topic)
    shared.engines[1].gap("a test")
    until(lambda: len(waiting) >= 2)
    assert not patches.done()
    assert not snapshot.done()
    assert second.told == []
    ready.set()
    second.wait("patched")
    found = patches.result(20)
    assert found is not None
    assert len(found) == 1
    assert snapshot.result(20)[0] == first.cursor


@pytest.mark.django_db(transaction=True)
def test_an_owner_of_this_process_is_not_waited_for(shared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """He read the feed between his snapshot and his patch."""
    team = Team.objects.create(name="one")
    topic = channel_of(TeamSerializer()).topic(None, {"pk": team.pk})
    engine = shared.engine()
    client = Client(engine, topic).start()
    monkeypatch.setattr(engine.hearing, "hear", lambda: pytest.fail("asked"))
    team.name = "two"
    team.save()
    client.wait("patched")
    cursor = client.cursor
    assert cursor is not None
    assert engine.knows(topic.name, Fanout(Kind.PATCH, cursor.epoch, cursor.revision, b"[]"))
    assert not engine.knows(topic.name, Fanout(Kind.PATCH, cursor.epoch, cursor.revision + 1, b"[]"))
    assert not engine.knows(topic.name, Fanout(Kind.PATCH, "another", 1, b"[]"))
    assert not engine.knows(topic.name, Fanout(Kind.STALE, cursor.epoch, cursor.revision, b"unavailable"))
    assert engine.knows("nobody's", Fanout(Kind.PATCH, cursor.epoch, cursor.revision + 1, b"[]"))

"""The newest patches in MongoDB: one round trip each, spilled together, and whole whatever happens between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from rxsse.caches import mongo_log
from rxsse.caches.base import Stored
from rxsse.caches.mongo import MongoCache
from rxsse.caches.mongo_log import Log
from rxsse.exceptions import Conflict, Unavailable
from rxsse.messages import Topic
from tests.caches.support import TOPIC, Open, at, fill, in_parts


class Wire(CommandListener):
    """What went to the server, and what came back."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.replies: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self.replies.append(str(event.reply))

    def failed(self, event: CommandFailedEvent) -> None:
        self.replies.append(str(event.failure))

    def during(self, act: Callable[[], object]) -> list[str]:
        self.names.clear()
        self.replies.clear()
        act()
        return list(self.names)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr("rxsse.caches.mongo.MongoClient", partial(MongoClient, event_listeners=[wire]))
    return wire


@pytest.fixture
def cache(mongo_url: str, open_cache: Open) -> MongoCache:
    return open_cache(mongo_url, LOG_LENGTH=100)


def patches(first: int, last: int) -> tuple[bytes, ...]:
    return tuple(b"p%d" % revision for revision in range(first, last + 1))


def append(cache: MongoCache, first: int, last: int) -> None:
    for revision in range(first, last + 1):
        cache.append(TOPIC, at(revision), b"p%d" % revision)


def test_an_append_is_one_round_trip_and_so_is_a_resume_near_the_head(wire: Wire, cache: MongoCache) -> None:
    fill(cache)
    for revision in range(6, 10):
        assert wire.during(lambda revision=revision: append(cache, revision, revision)) == ["update"]  # type: ignore[misc]
    assert wire.during(lambda: append(cache, 10, 10)) == ["find", "update", "update"]
    append(cache, 11, 12)
    for revision in range(9, 13):
        assert wire.during(lambda revision=revision: cache.since(TOPIC, at(revision))) == ["find"]  # type: ignore[misc]
    assert wire.during(lambda: cache.since(TOPIC, at(8))) == ["find", "find"]
    assert wire.during(lambda: append(cache, 13, 13)) == ["update"]
    with pytest.raises(Conflict):
        append(cache, 13, 13)


def test_nobody_is_sent_a_tail_who_does_not_read_it(wire: Wire, cache: MongoCache) -> None:
    fill(cache)
    append(cache, 6, 7)
    looks: list[Callable[[], object]] = [
        lambda: cache.head(TOPIC),
        lambda: cache.entries(),
        lambda: cache.acquire(TOPIC, "me", 5),
        lambda: cache.since(TOPIC, at(7)),
        lambda: cache.checkpoint(TOPIC, at(7), b"s7"),
        lambda: cache.begin(TOPIC, at(0, "f"), b"f", replacing="e"),
    ]
    for look in looks:
        wire.during(look)
        assert wire.replies
        assert "p6" not in str(wire.replies)


def test_what_is_in_the_tail_is_the_truth(cache: MongoCache, database: Any, prefix: str) -> None:
    """Whatever lies in the collection under its key: read before the spill, and after it."""
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    append(cache, 1, 4)
    leftovers = [{"patch": b"wrong", "size": 9}, {"checkpoint": "gone", "parts": 1, "size": 9}]
    for revision, leftover in enumerate(leftovers, 2):
        key = {"topic": TOPIC.name, "epoch": "e", "revision": revision}
        database[f"{prefix}.patches"].insert_one({"_id": key, **leftover})
    assert cache.since(TOPIC, at(0)) == patches(1, 4)
    append(cache, 5, 5)
    assert database[f"{prefix}.patches"].find_one({"_id.revision": 4})["entries"][2]["patch"] == b"p3"
    assert cache.since(TOPIC, at(0)) == patches(1, 5)
    assert cache.load(TOPIC) == Stored(at(0), b"s", patches(1, 5))


def test_the_tail_stays_bounded(cache: MongoCache, database: Any, prefix: str) -> None:
    """Also while MongoDB takes nothing into the collection: then nothing is appended, until it does."""
    cache.begin(TOPIC, at(3), b"s", replacing=None)
    topics = database[f"{prefix}.topics"]
    for revision in range(4, 25):
        append(cache, revision, revision)
        assert len(topics.find_one()["tail"]) <= 5
    database.command("collMod", f"{prefix}.patches", validator={"never": True})
    for _ in range(3):
        with pytest.raises(Unavailable, match="MONGO_URL"):
            append(cache, 25, 25)
    assert cache.head(TOPIC) == at(24)
    assert cache.since(TOPIC, at(3)) == patches(4, 24)
    database.command("collMod", f"{prefix}.patches", validator={})
    append(cache, 25, 26)
    assert [entry["revision"] for entry in topics.find_one()["tail"]] == [25, 26]
    assert cache.since(TOPIC, at(3)) == patches(4, 26)


def test_a_tail_of_the_longest_patches_is_far_from_what_a_document_may_hold(
    mongo_url: str, open_cache: Open, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # SPILL as it is
    cache = open_cache(mongo_url)
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    longest = bytes(mongo_log.INLINE_BYTES)
    for revision in range(1, mongo_log.SPILL):
        cache.append(TOPIC, at(revision), longest)
    stages = [{"$project": {"size": {"$bsonSize": "$$ROOT"}}}]
    (document,) = database[f"{prefix}.topics"].aggregate(stages)
    assert len(longest) * (mongo_log.SPILL - 1) < document["size"] < 16_000_000 / 8
    cache.append(TOPIC, at(mongo_log.SPILL), longest + b"!")
    assert cache.since(TOPIC, at(0)) == (*[longest] * (mongo_log.SPILL - 1), longest + b"!")
    assert database[f"{prefix}.parts"].count_documents({}) == 2  # the state, the one that is longer


def _late(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Let ``meanwhile`` happen after the next spill has found what to copy, and before it does."""
    spill = Log.spill

    def late(self: Log, topic: Topic, epoch: str, found: Any) -> None:
        monkeypatch.setattr(Log, "spill", spill)
        meanwhile()
        spill(self, topic, epoch, found)

    monkeypatch.setattr(Log, "spill", late)


def test_a_former_owners_late_spill_shows_nothing_of_a_former_epoch(
    cache: MongoCache, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    append(cache, 1, 4)
    _late(monkeypatch, lambda: cache.begin(TOPIC, at(0, "f"), b"f", replacing="e"))
    with pytest.raises(Conflict):
        append(cache, 5, 5)
    assert database[f"{prefix}.patches"].count_documents({"expires": {"$exists": False}}) == 0
    assert database[f"{prefix}.patches"].count_documents({}) == 1  # it expires
    assert cache.load(TOPIC) == Stored(at(0, "f"), b"f", ())
    assert cache.since(TOPIC, at(1)) is None
    cache.append(TOPIC, at(1, "f"), b"f1")
    assert cache.since(TOPIC, at(0, "f")) == (b"f1",)


def test_a_former_owners_late_spill_shows_nothing_that_was_trimmed(
    mongo_url: str, open_cache: Open, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = open_cache(mongo_url, LOG_LENGTH=2)
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    append(cache, 1, 4)

    def others() -> None:
        append(cache, 5, 5)
        cache.checkpoint(TOPIC, at(5), b"s5")

    _late(monkeypatch, others)
    with pytest.raises(Conflict):
        append(cache, 5, 5)
    assert database[f"{prefix}.patches"].count_documents({}) == 1
    assert cache.since(TOPIC, at(2)) is None
    assert cache.since(TOPIC, at(3)) == patches(4, 5)
    assert cache.load(TOPIC) == Stored(at(5), b"s5", ())
    append(cache, 6, 11)
    cache.checkpoint(TOPIC, at(11), b"s11")
    assert database[f"{prefix}.patches"].count_documents({"_id.revision": {"$lte": 9}}) == 0
    (document,) = database[f"{prefix}.topics"].find()
    assert [entry["revision"] for entry in document["tail"]] == [10, 11]
    assert cache.since(TOPIC, at(9)) == patches(10, 11)


def test_a_spill_whose_answer_is_lost_is_done_again(
    cache: MongoCache, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    append(cache, 1, 4)
    _unheard(monkeypatch, "replace_one")
    with pytest.raises(Unavailable):
        append(cache, 5, 5)
    assert database[f"{prefix}.patches"].count_documents({}) == 1
    assert cache.since(TOPIC, at(0)) == patches(1, 4)
    cache.checkpoint(TOPIC, at(2), b"s2")
    append(cache, 5, 6)
    assert database[f"{prefix}.patches"].count_documents({}) == 1
    assert cache.load(TOPIC) == Stored(at(2), b"s2", patches(3, 6))


def _unheard(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have the server do it the next time, and its answer get lost."""
    act = getattr(Collection, name)

    def unheard(self: Collection[Any], *args: Any, **options: Any) -> Any:
        monkeypatch.setattr(Collection, name, act)
        act(self, *args, **options)
        raise AutoReconnect("the connection broke")

    monkeypatch.setattr(Collection, name, unheard)


@pytest.mark.parametrize("long", [False, True])
def test_an_append_whose_answer_is_lost_is_in_the_log_once(
    cache: MongoCache, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    if long:
        in_parts(monkeypatch)
    fill(cache)
    _unheard(monkeypatch, "update_one")
    with pytest.raises(Unavailable):
        append(cache, 6, 6)
    with pytest.raises(Conflict):
        append(cache, 6, 6)
    append(cache, 7, 7)
    assert cache.since(TOPIC, at(5)) == patches(6, 7)


def test_a_loser_leaves_no_bytes_and_takes_nobody_elses(
    cache: MongoCache, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts(monkeypatch)
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    append(cache, 1, 3)
    before = database[f"{prefix}.parts"].count_documents({})
    for revision in (3, 5):  # the latter's spill is the first to notice
        with pytest.raises(Conflict):
            cache.append(TOPIC, at(revision), b"loser")
    assert database[f"{prefix}.parts"].count_documents({}) == before
    assert cache.since(TOPIC, at(0)) == patches(1, 3)


def test_several_owners_spill_at_once(mongo_url: str, open_cache: Open, cache: MongoCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    ends = [open_cache(mongo_url, LOG_LENGTH=100) for _ in range(4)]
    won: list[int] = []
    start = threading.Barrier(len(ends))

    def race(end: MongoCache) -> None:
        for revision in range(1, 51):
            start.wait()
            try:
                append(end, revision, revision)
            except Conflict:
                continue
            won.append(revision)

    threads = [threading.Thread(target=race, args=[end]) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == list(range(1, 51))
    assert cache.since(TOPIC, at(0)) == patches(1, 50)


def test_a_document_of_the_version_before(cache: MongoCache, database: Any, prefix: str) -> None:
    """Its patches are in the collection, each from the start, and it has no tail."""
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    database[f"{prefix}.topics"].update_one({}, {"$unset": {"tail": ""}, "$set": {"head": 3}})
    for revision in range(1, 4):
        key = {"topic": TOPIC.name, "epoch": "e", "revision": revision}
        database[f"{prefix}.patches"].insert_one({"_id": key, "size": 2, "patch": b"p%d" % revision})
    assert cache.head(TOPIC) == at(3)
    assert cache.load(TOPIC) == Stored(at(0), b"s", patches(1, 3))
    assert cache.since(TOPIC, at(1)) == patches(2, 3)
    cache.checkpoint(TOPIC, at(2), b"s2")
    append(cache, 4, 6)
    assert cache.load(TOPIC) == Stored(at(2), b"s2", patches(3, 6))
    assert cache.since(TOPIC, at(0)) == patches(1, 6)

"""The MongoDB cache when MongoDB dies or an owner does, between any two steps, with the real server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.collection import Collection

from rxsse.caches import mongo, mongo_log
from rxsse.caches.base import Stored
from rxsse.caches.mongo import MongoCache
from rxsse.exceptions import Conflict, Unavailable
from rxsse.messages import Topic
from tests.caches.support import TOPIC, Open, at, fill, in_parts
from tests.services import Server
from tests.waiting import until

WRITES = ["insert_one", "update_one", "update_many", "find_one_and_update", "delete_many", "replace_one"]


@pytest.fixture
def cache(mongo_url: str, open_cache: Open) -> MongoCache:
    return open_cache(mongo_url, LOG_LENGTH=2)


OPERATIONS: list[Callable[[MongoCache], object]] = [
    lambda cache: cache.head(TOPIC),
    lambda cache: cache.load(TOPIC),
    lambda cache: cache.begin(TOPIC, at(0, "f"), b"f", replacing="e"),
    lambda cache: cache.append(TOPIC, at(6), b"p6"),
    lambda cache: cache.checkpoint(TOPIC, at(5), b"s5"),
    lambda cache: cache.since(TOPIC, at(3)),
    lambda cache: cache.drop(TOPIC),
    lambda cache: cache.clear(),
    lambda cache: cache.acquire(TOPIC, "me", 5),
    lambda cache: cache.release(TOPIC, "me"),
    lambda cache: cache.ping(),
]


@pytest.mark.parametrize("fault", ["stop", "pause"])
def test_everything_is_unavailable_while_mongo_is_dead(own_mongo: Server, open_cache: Open, fault: str) -> None:
    patient, cache = open_cache(own_mongo.url), open_cache(own_mongo.url, BACKEND_TIMEOUT=0.3)
    fill(patient)
    cache.ping()
    getattr(own_mongo, fault)()
    for operation in OPERATIONS:
        with pytest.raises(Unavailable, match="MONGO_URL"):
            operation(cache)
    own_mongo.resume() if fault == "pause" else own_mongo.start()

    def loaded() -> bool:
        try:
            return patient.load(TOPIC) is not None
        except Unavailable:
            return False

    until(loaded, seconds=60)


def test_a_mongo_that_is_not_there_at_first(own_mongo: Server, open_cache: Open) -> None:
    own_mongo.stop()
    cache = open_cache(own_mongo.url, BACKEND_TIMEOUT=0.5)
    with pytest.raises(Unavailable):
        cache.head(TOPIC)
    own_mongo.start()
    fill(open_cache(own_mongo.url, BACKEND_TIMEOUT=10.0))
    until(lambda: cache.head(TOPIC) == at(5), seconds=60)


def test_closing_while_mongo_hangs(own_mongo: Server, open_cache: Open) -> None:
    cache = open_cache(own_mongo.url, BACKEND_TIMEOUT=0.3)
    cache.ping()
    own_mongo.pause()
    closing = threading.Thread(target=cache.close)
    closing.start()
    until(lambda: not closing.is_alive(), seconds=5)


class Crash(BaseException):
    """The process dies here."""


def crash_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """Let ``writes`` writes through, and die instead of the next one."""
    left = writes

    def dying(name: str) -> Callable[..., Any]:
        original = getattr(Collection, name)

        def write(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return original(*args, **kwargs)

        return write

    for name in WRITES:
        monkeypatch.setattr(Collection, name, dying(name))


BEFORE = Stored(at(3), b"s3", (b"p4", b"p5"))
STEPS: dict[str, tuple[Callable[[MongoCache], object], set[Stored | None]]] = {
    "append": (lambda cache: cache.append(TOPIC, at(6), b"p6"), {BEFORE, Stored(at(3), b"s3", (b"p4", b"p5", b"p6"))}),
    "checkpoint": (lambda cache: cache.checkpoint(TOPIC, at(5), b"s5"), {BEFORE, Stored(at(5), b"s5", ())}),
    "begin": (
        lambda cache: cache.begin(TOPIC, at(0, "f"), b"f", replacing="e"),
        {BEFORE, Stored(at(0, "f"), b"f", ())},
    ),
    "drop": (lambda cache: cache.drop(TOPIC), {BEFORE, None}),
}


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("spill", [3, 5])  # 3: the append of revision 6 spills
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_between_any_two_steps_leaves_before_or_after(
    mongo_url: str, open_cache: Open, monkeypatch: pytest.MonkeyPatch, step: str, spill: int, long: bool
) -> None:
    monkeypatch.setattr(mongo_log, "SPILL", spill)
    if long:
        in_parts(monkeypatch)
    act, allowed = STEPS[step]
    for writes in range(40):
        cache = open_cache(mongo_url, LOG_LENGTH=2)
        cache.clear()
        fill(cache)
        with monkeypatch.context() as dying:
            crash_after(dying, writes)
            try:
                act(cache)
                crashed = False
            except Crash:
                crashed = True
        survivor = open_cache(mongo_url, LOG_LENGTH=2)
        assert survivor.load(TOPIC) in allowed
        _goes_on(survivor)
        if not crashed:
            assert writes > 1 or (step == "append" and writes == 1)
            return
    raise AssertionError("the step never ended")


def _goes_on(cache: MongoCache) -> None:
    """Whatever was left, the next owner can go on, and its log is whole."""
    stored = cache.load(TOPIC)
    if stored is None:
        cache.begin(TOPIC, at(0, "g"), b"g", replacing=None)
        assert cache.load(TOPIC) == Stored(at(0, "g"), b"g", ())
        return
    following = stored.head.next()
    cache.append(TOPIC, following, b"next")
    assert cache.since(TOPIC, stored.head) == (b"next",)
    assert cache.load(TOPIC) == Stored(stored.cursor, stored.state, (*stored.patches, b"next"))
    cache.append(TOPIC, following.next(), b"and so on")
    cache.checkpoint(TOPIC, following.next(), b"whole")
    assert cache.load(TOPIC) == Stored(following.next(), b"whole", ())


@pytest.mark.parametrize("collection", ["patches", "parts"])
def test_lost_bytes_make_a_topic_uncached_not_wrong(
    cache: MongoCache, database: Any, collection: str, prefix: str
) -> None:
    fill(cache)
    database[f"{prefix}.{collection}"].delete_many({} if collection == "parts" else {"_id.revision": 4})
    assert cache.since(TOPIC, at(3)) is None or collection == "parts"
    assert cache.acquire(TOPIC, "me", 60)
    assert cache.load(TOPIC) is None
    assert cache.head(TOPIC) is None
    cache.begin(TOPIC, at(0, "f"), b"f", replacing=None)
    assert cache.load(TOPIC) == Stored(at(0, "f"), b"f", ())
    assert not cache.acquire(TOPIC, "you", 60)


@pytest.mark.parametrize("revision", [6, 10])
def test_a_long_patch_whose_parts_are_lost(
    cache: MongoCache, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch, revision: int
) -> None:
    in_parts(monkeypatch, 10)
    fill(cache)
    cache.append(TOPIC, at(6), b"longer than a part")
    for following in range(7, revision + 1):  # the tenth spills it
        cache.append(TOPIC, at(following), b"short")
    assert (cache.since(TOPIC, at(5)) or ())[0] == b"longer than a part"
    state = database[f"{prefix}.topics"].find_one()["checkpoint"]
    database[f"{prefix}.parts"].delete_many({"_id.name": {"$ne": state}})
    assert cache.since(TOPIC, at(5)) is None
    assert cache.load(TOPIC) is None


def test_a_log_trimmed_while_it_is_read(cache: MongoCache, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(cache)
    find = MongoCache._find

    def trimmed_after(self: MongoCache, topic: Topic, after: int | str) -> Any:
        found = find(self, topic, after)
        monkeypatch.undo()
        cache.checkpoint(TOPIC, at(5), b"s5")
        return found

    monkeypatch.setattr(MongoCache, "_find", trimmed_after)
    assert cache.load(TOPIC) == Stored(at(5), b"s5", ())


@pytest.mark.parametrize("long", [False, True])
def test_nothing_is_left_behind(
    cache: MongoCache, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    if long:
        in_parts(monkeypatch)
    fill(cache)
    for revision in range(6, 30):
        cache.append(TOPIC, at(revision), b"p")
    with pytest.raises(Conflict):
        cache.append(TOPIC, at(31), b"?")
    cache.checkpoint(TOPIC, at(29), b"s")
    assert database[f"{prefix}.parts"].count_documents({}) == (3 if long else 1)
    cache.begin(TOPIC, at(0, "f"), b"f", replacing="e")
    assert database[f"{prefix}.patches"].count_documents({}) == 0
    assert database[f"{prefix}.parts"].count_documents({}) == 1
    cache.drop(TOPIC)
    assert database[f"{prefix}.parts"].count_documents({}) == 0


@pytest.mark.parametrize("long", [False, True])
def test_a_hot_topic_is_kept_from_expiring(
    mongo_url: str, open_cache: Open, database: Any, prefix: str, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    cache = open_cache(mongo_url, CACHE_TTL=3_600.0)
    if long:
        in_parts(monkeypatch)
    fill(cache)
    past = {"$set": {"expires": mongo.datetime(2020, 1, 1)}}
    for name in ("patches", "parts"):
        database[f"{prefix}.{name}"].update_many({}, past)
    database[f"{prefix}.topics"].update_many({}, {"$set": {"touched": mongo.datetime(2020, 1, 1)}})
    assert cache.acquire(TOPIC, "me", 5)
    for name in ("patches", "parts"):
        held = database[f"{prefix}.{name}"].count_documents({"expires": {"$gt": mongo.datetime(2021, 1, 1)}})
        assert held == database[f"{prefix}.{name}"].count_documents({}) > 0
    assert database[f"{prefix}.topics"].find_one()["touched"] > mongo.datetime(2021, 1, 1)


def test_ranges_of_patches_use_the_unique_index(cache: MongoCache, database: Any, prefix: str) -> None:
    fill(cache)
    plan = database[f"{prefix}.patches"].find(mongo_log.between(TOPIC, "e", 3, 4)).sort("_id", 1).explain()
    assert plan["executionStats"]["totalDocsExamined"] == 1
    assert all("expires" in str(database[f"{prefix}.{name}"].index_information()) for name in ("topics", "patches"))


RACE = """
import sys
from rxsse.caches import mongo_log
from rxsse.caches.mongo import MongoCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Conflict
from rxsse.messages import Topic

url, prefix, me = sys.argv[1:]
mongo_log.SPILL = 7
topic = Topic("app.Channel", "7")
cache = MongoCache(Settings(MONGO_URL=url, PREFIX=prefix, LOG_LENGTH=1000))
won = 0
while (head := cache.head(topic)).revision < 100:
    try:
        cache.append(topic, head.next(), b"%s at %d" % (me.encode(), head.revision + 1))
        won += 1
    except Conflict:
        pass
cache.close()
print(won)
"""


def test_exactly_one_of_several_processes_wins_each_revision(mongo_url: str, prefix: str, cache: MongoCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, mongo_url, prefix, str(number)], stdout=subprocess.PIPE, text=True
        )
        for number in range(3)
    ]
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    patches = cache.since(TOPIC, at(0))
    assert patches is not None
    assert len(patches) == sum(won)
    assert [int(patch.rpartition(b" ")[2]) for patch in patches] == list(range(1, len(patches) + 1))
    for number, count in enumerate(won):
        assert sum(patch.startswith(b"%d at" % number) for patch in patches) == count


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_both_sides_of_a_fork_use_the_cache(cache: MongoCache) -> None:
    fill(cache)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            cache.append(TOPIC, at(6), b"child")
            cache.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    cache.append(TOPIC, at(7), b"parent")
    assert cache.since(TOPIC, at(5)) == (b"child", b"parent")


def test_nothing_happens_before_the_first_use(open_cache: Open) -> None:
    threads = threading.active_count()
    open_cache("mongodb://127.0.0.1:1/x")
    assert threading.active_count() == threads

"""What every cache keeps, each backend against its real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rxsse import caches
from rxsse.caches.base import BaseCache, Stored
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Conflict
from rxsse.messages import Topic

TOPIC = Topic("app.Channel", "7", "user é/☃")
OTHER = Topic("app.Channel", "8")


@pytest.fixture(params=["memory", "mongo"])
def settings(request: pytest.FixtureRequest, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("rxsse.caches.mongo_log.SPILL", 4)
    url = request.getfixturevalue("mongo_url") if request.param == "mongo" else None
    return Settings(MONGO_URL=url, PREFIX=prefix, LOG_LENGTH=5, LOG_BYTES=1_000)


@pytest.fixture
def cache(settings: Settings) -> Iterator[BaseCache]:
    cache = caches.create(settings)
    yield cache
    cache.close()


def at(revision: int, epoch: str = "e") -> Cursor:
    return Cursor(epoch, revision)


def fill(cache: BaseCache, last: int, first: int = 1) -> None:
    for revision in range(first, last + 1):
        cache.append(TOPIC, at(revision), b"p%d" % revision)


def test_an_unknown_topic_is_not_cached(cache: BaseCache) -> None:
    assert cache.head(TOPIC) is None
    assert cache.load(TOPIC) is None
    assert cache.since(TOPIC, at(0)) is None
    cache.checkpoint(TOPIC, at(1), b"{}")
    cache.drop(TOPIC)
    cache.release(TOPIC, "me")
    assert cache.head(TOPIC) is None


def test_an_epoch_begins_with_a_checkpoint(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(41), b'{"$x":1}', replacing=None)
    assert cache.head(TOPIC) == at(41)
    assert cache.load(TOPIC) == Stored(at(41), b'{"$x":1}', ())
    assert list(cache.since(TOPIC, at(41)) or ()) == []
    assert cache.head(OTHER) is None


def test_texts_that_look_like_expressions_are_texts(cache: BaseCache) -> None:
    topic = Topic("$head", "$$NOW", "")
    cache.begin(topic, at(0, "$epoch"), b"$state", replacing=None)
    cache.append(topic, at(1, "$epoch"), b"$patch")
    assert cache.load(topic) == Stored(at(0, "$epoch"), b"$state", (b"$patch",))
    assert cache.acquire(topic, "$owner", 5)


def test_patches_follow_the_checkpoint(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 3)
    stored = cache.load(TOPIC)
    assert stored is not None
    assert (stored.cursor, stored.state, list(stored.patches)) == (at(0), b"s", [b"p1", b"p2", b"p3"])
    assert stored.head == cache.head(TOPIC) == at(3)
    assert list(cache.since(TOPIC, at(1)) or ()) == [b"p2", b"p3"]


def test_patches_are_any_bytes(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), bytes(range(256)), replacing=None)
    cache.append(TOPIC, at(1), bytes(range(256)))
    cache.append(TOPIC, at(2), b"")
    assert cache.load(TOPIC) == Stored(at(0), bytes(range(256)), (bytes(range(256)), b""))


@pytest.mark.parametrize("wrong", [at(3), at(2), at(0), at(5), at(4, "other")])
def test_only_the_next_revision_can_be_appended(cache: BaseCache, wrong: Cursor) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 3)
    with pytest.raises(Conflict):
        cache.append(TOPIC, wrong, b"wrong")
    fill(cache, 6, first=4)
    assert list(cache.since(TOPIC, at(0)) or ()) == [b"p%d" % revision for revision in range(1, 7)]


def test_nothing_can_be_appended_to_what_is_not_cached(cache: BaseCache) -> None:
    with pytest.raises(Conflict):
        cache.append(TOPIC, at(1), b"p1")


def test_a_new_epoch_replaces_exactly_the_named_one(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 3)
    for replacing in (None, "unknown", "f"):
        with pytest.raises(Conflict):
            cache.begin(TOPIC, at(0, "f"), b"t", replacing=replacing)
    cache.begin(TOPIC, at(0, "f"), b"t", replacing="e")
    assert cache.load(TOPIC) == Stored(at(0, "f"), b"t", ())
    assert cache.since(TOPIC, at(2)) is None
    with pytest.raises(Conflict):
        cache.append(TOPIC, at(4), b"p4")


def test_an_epoch_can_only_replace_what_is_cached(cache: BaseCache) -> None:
    with pytest.raises(Conflict):
        cache.begin(TOPIC, at(0), b"s", replacing="e")


@pytest.mark.parametrize("cursor", [at(2), at(1, "f"), at(10**15)])
def test_since_gives_nothing_for_unknown_places(cache: BaseCache, cursor: Cursor) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 1)
    assert cache.since(TOPIC, cursor) is None


def test_a_checkpoint_moves_the_state_and_trims_the_log(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 20)
    cache.checkpoint(TOPIC, at(18), b"s18")
    assert cache.load(TOPIC) == Stored(at(18), b"s18", (b"p19", b"p20"))
    assert list(cache.since(TOPIC, at(15)) or ()) == [b"p%d" % revision for revision in range(16, 21)]
    assert cache.since(TOPIC, at(5)) is None
    with pytest.raises(Conflict):  # a former owner, long asleep, whose revision has been trimmed
        cache.append(TOPIC, at(5), b"zombie")
    fill(cache, 21, first=21)
    assert cache.head(TOPIC) == at(21)


def test_what_the_checkpoint_does_not_cover_is_never_trimmed(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 20)
    cache.checkpoint(TOPIC, at(2), b"s2")
    assert cache.load(TOPIC) == Stored(at(2), b"s2", tuple(b"p%d" % revision for revision in range(3, 21)))


def test_the_log_is_bounded_in_bytes(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    for revision in range(1, 5):
        cache.append(TOPIC, at(revision), b"x" * 400)
    cache.checkpoint(TOPIC, at(4), b"s4")
    assert len(cache.since(TOPIC, at(2)) or ()) == 2
    assert cache.since(TOPIC, at(1)) is None
    assert cache.load(TOPIC) == Stored(at(4), b"s4", ())


@pytest.mark.parametrize("cursor", [at(1), at(2), at(4), at(3, "f")])
def test_older_foreign_and_future_checkpoints_are_ignored(cache: BaseCache, cursor: Cursor) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 3)
    cache.checkpoint(TOPIC, at(2), b"s2")
    cache.checkpoint(TOPIC, cursor, b"wrong")
    assert cache.load(TOPIC) == Stored(at(2), b"s2", (b"p3",))


def test_a_dropped_topic_can_begin_anew(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    fill(cache, 3)
    cache.drop(TOPIC)
    assert cache.head(TOPIC) is None
    assert cache.load(TOPIC) is None
    with pytest.raises(Conflict):
        cache.append(TOPIC, at(4), b"p4")
    cache.begin(TOPIC, at(0, "f"), b"t", replacing=None)
    assert cache.load(TOPIC) == Stored(at(0, "f"), b"t", ())


def test_clear_forgets_every_topic(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    cache.begin(OTHER, at(0), b"s", replacing=None)
    cache.clear()
    assert cache.head(TOPIC) is None
    assert cache.head(OTHER) is None


def test_a_lease_has_one_owner_among_processes(cache: BaseCache) -> None:
    assert cache.acquire(TOPIC, "me", 60)
    assert cache.acquire(TOPIC, "me", 60)
    assert cache.acquire(TOPIC, "you", 60) is not cache.shared
    cache.release(TOPIC, "you")
    assert cache.acquire(TOPIC, "me", 60)
    cache.release(TOPIC, "me")
    assert cache.acquire(TOPIC, "you", 60)
    assert cache.acquire(OTHER, "me", 60)


def test_a_lease_that_has_run_out_is_free(cache: BaseCache) -> None:
    assert cache.acquire(TOPIC, "me", 0)
    assert cache.acquire(TOPIC, "you", 60)


def test_a_lease_is_independent_of_what_is_cached(cache: BaseCache) -> None:
    assert cache.acquire(TOPIC, "me", 60)
    assert cache.head(TOPIC) is None
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    assert cache.acquire(TOPIC, "you", 60) is not cache.shared
    cache.drop(TOPIC)
    assert cache.acquire(TOPIC, "you", 60) is not cache.shared
    assert cache.load(TOPIC) is None


def test_exactly_one_of_many_threads_wins_a_revision(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s", replacing=None)
    won: list[bytes] = []
    start = threading.Barrier(4)

    def race(number: int) -> None:
        for revision in range(1, 26):
            start.wait()
            try:
                cache.append(TOPIC, at(revision), b"%d.%d" % (revision, number))
            except Conflict:
                continue
            won.append(b"%d.%d" % (revision, number))

    threads = [threading.Thread(target=race, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.since(TOPIC, at(0)) is not None
    assert list(cache.since(TOPIC, at(0)) or ()) == sorted(won, key=lambda patch: int(patch.split(b".")[0]))
    assert len(won) == 25


def test_exactly_one_of_many_threads_begins(cache: BaseCache) -> None:
    won: list[str] = []

    def race(number: int) -> None:
        try:
            cache.begin(TOPIC, at(0, f"e{number}"), b"%d" % number, replacing=None)
        except Conflict:
            return
        won.append(f"e{number}")

    threads = [threading.Thread(target=race, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert cache.load(TOPIC) == Stored(at(0, won[0]), won[0][1:].encode(), ())


def test_a_large_state_and_a_large_patch(settings: Settings) -> None:
    cache = caches.create(replace(settings, LOG_BYTES=100_000_000, BACKEND_TIMEOUT=20))
    state = bytes(range(256)) * 160_000  # 41 MB: more than twice what one document may hold
    cache.begin(TOPIC, at(0), state, replacing=None)
    cache.append(TOPIC, at(1), state[1:])
    stored = cache.load(TOPIC)
    assert stored is not None
    assert stored.state == state
    assert list(stored.patches) == [state[1:]]
    cache.checkpoint(TOPIC, at(1), state[2:])
    assert cache.load(TOPIC) == Stored(at(1), state[2:], ())
    cache.close()


def test_ping(cache: BaseCache) -> None:
    cache.ping()


def test_closing_twice_or_unused_is_harmless(settings: Settings) -> None:
    cache = caches.create(settings)
    cache.close()
    cache.close()


def test_entries_name_what_is_kept(cache: BaseCache) -> None:
    assert cache.entries() == []
    cache.begin(TOPIC, at(3), b"{}", replacing=None)
    fill(cache, 9, first=4)
    cache.checkpoint(TOPIC, at(9), b"{9}")
    cache.begin(OTHER, at(0, "o"), b"{}", replacing=None)
    cache.acquire(OTHER, "me", 60)
    entries = {entry.name: entry for entry in cache.entries()}
    assert entries.keys() == {TOPIC.name, OTHER.name}
    first, second = entries[TOPIC.name], entries[OTHER.name]
    assert (first.head, first.floor, first.base, first.owner, first.lease) == (at(9), 4, 9, None, 0)
    assert (second.head, second.floor, second.base) == (at(0, "o"), 0, 0)
    assert (second.owner, 50 < second.lease <= 60) == (("me", True) if cache.shared else (None, False))
    assert cache.entries(TOPIC) == [first]
    assert [entry.name for entry in cache.entries(limit=1)] == [OTHER.name]  # in use
    assert cache.entries(Topic("app.Channel", "9")) == []


def test_a_lease_that_has_run_out_names_no_owner(cache: BaseCache) -> None:
    cache.acquire(TOPIC, "me", 0)
    assert [entry.owner for entry in cache.entries()] == ([None] if cache.shared else [])
    cache.acquire(OTHER, "$me", 60)
    assert [entry.head for entry in cache.entries(OTHER)] == ([None] if cache.shared else [])

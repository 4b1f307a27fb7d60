"""Each cache, through two owners that interleave at random, against a model of a few lines."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from rxsse import caches
from rxsse.caches.base import BaseCache
from rxsse.caches.memory import MemoryCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Conflict
from rxsse.messages import Topic

OWNERS = st.sampled_from([0, 1])
STEPS = st.integers(-6, 3)
LOG_LENGTH = 4
numbers = itertools.count()


class Machine(RuleBasedStateMachine):
    """The model: every state that revisions ever had, and which of them the cache must still have."""

    def __init__(self, ends: list[BaseCache]) -> None:
        super().__init__()
        self.ends = ends
        self.topic = Topic("app.Channel", str(next(numbers)))
        self.epoch: str | None = None
        self.former = "never"
        self.first = self.base = self.head = 0

    def cursor(self, step: int, epoch: str | None) -> Cursor:
        return Cursor(epoch or "none", max(0, self.head + step))

    @rule(owner=OWNERS, revision=st.integers(0, 5), right=st.booleans())
    def begin(self, owner: int, revision: int, right: bool) -> None:
        cursor = Cursor(f"e{next(numbers)}", revision)
        replacing = self.epoch if right else self.former
        try:
            self.ends[owner].begin(self.topic, cursor, _state(cursor), replacing=replacing)
        except Conflict:
            assert replacing != self.epoch
            return
        assert replacing == self.epoch
        self.former = self.epoch or self.former
        self.epoch = cursor.epoch
        self.first = self.base = self.head = revision

    @rule(owner=OWNERS, step=STEPS, current=st.booleans())
    def append(self, owner: int, step: int, current: bool) -> None:
        cursor = self.cursor(step, self.epoch if current else self.former)
        fits = self.epoch is not None and cursor == Cursor(self.epoch, self.head + 1)
        try:
            self.ends[owner].append(self.topic, cursor, _patch(cursor))
        except Conflict:
            assert not fits
            return
        assert fits
        self.head += 1

    @precondition(lambda self: self.epoch is not None)
    @rule(owner=OWNERS, count=st.integers(1, 6))
    def append_several(self, owner: int, count: int) -> None:
        for _ in range(count):
            self.append(owner, 1, True)

    @rule(owner=OWNERS, step=STEPS, current=st.booleans())
    def checkpoint(self, owner: int, step: int, current: bool) -> None:
        cursor = self.cursor(step, self.epoch if current else self.former)
        self.ends[owner].checkpoint(self.topic, cursor, _state(cursor))
        if cursor.epoch == self.epoch and self.base < cursor.revision <= self.head:
            self.base = cursor.revision

    @rule(owner=OWNERS)
    def drop(self, owner: int) -> None:
        self.ends[owner].drop(self.topic)
        self.former = self.epoch or self.former
        self.epoch = None

    @rule(owner=OWNERS, step=STEPS, current=st.booleans())
    def since(self, owner: int, step: int, current: bool) -> None:
        cursor = self.cursor(step, self.epoch if current else self.former)
        patches = self.ends[owner].since(self.topic, cursor)
        known = cursor.epoch == self.epoch and self.first <= cursor.revision <= self.head
        kept = cursor.revision >= min(self.base, self.head - LOG_LENGTH)
        if patches is None:
            assert not (known and kept)
        else:
            assert known
            expected = [_patch(Cursor(cursor.epoch, r)) for r in range(cursor.revision + 1, self.head + 1)]
            assert list(patches) == expected

    @invariant()
    def both_ends_load_what_was_written(self) -> None:
        for end in self.ends:
            stored = end.load(self.topic)
            if self.epoch is None:
                assert stored is None
                assert end.head(self.topic) is None
                continue
            assert stored is not None
            assert stored.cursor == Cursor(self.epoch, self.base)
            assert stored.state == _state(stored.cursor)
            assert list(stored.patches) == [
                _patch(Cursor(self.epoch, revision)) for revision in range(self.base + 1, self.head + 1)
            ]
            assert end.head(self.topic) == stored.head == Cursor(self.epoch, self.head)


def _state(cursor: Cursor) -> bytes:
    return b"state of %s" % str(cursor).encode()


def _patch(cursor: Cursor) -> bytes:
    return b"patch to %s" % str(cursor).encode()


def _run(make: Callable[[], Machine], examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        make,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_memory(prefix: str) -> None:
    cache = caches.create(Settings(PREFIX=prefix, LOG_LENGTH=LOG_LENGTH))
    _run(lambda: Machine([cache, cache]), 100)


def test_mongo(mongo_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxsse.caches.mongo_log.SPILL", 3)
    monkeypatch.setattr("rxsse.caches.mongo_log.INLINE_BYTES", 15)  # of `_patch`, some are longer
    configured = Settings(MONGO_URL=mongo_url, PREFIX=prefix, LOG_LENGTH=LOG_LENGTH)
    ends = [caches.create(configured), caches.create(configured)]
    try:
        _run(lambda: Machine(ends), 25)
    finally:
        for end in ends:
            end.close()


def test_the_model_notices_a_lost_patch(prefix: str) -> None:
    """The check itself: a cache with a hole does not pass."""

    class Leaky(MemoryCache):
        def append(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
            super().append(topic, cursor, b"" if cursor.revision % 7 == 0 else patch)

    cache = Leaky(Settings(PREFIX=prefix, LOG_LENGTH=LOG_LENGTH))
    with pytest.raises(AssertionError):
        _run(lambda: Machine([cache, cache]), 100)

"""What only the cache in memory does: forget by itself, and be its own in a forked child."""

from __future__ import annotations

import os

import pytest

from rxsse.caches.memory import MemoryCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.messages import Topic

COLD, HOT, NEW = Topic("c", "cold"), Topic("c", "hot"), Topic("c", "new")


def test_cold_topics_are_forgotten_when_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("rxsse.caches.memory.time.monotonic", lambda: now)
    cache = MemoryCache(Settings(CACHE_TTL=100))
    for topic in (HOT, COLD):
        cache.begin(topic, Cursor("e", 0), b"s", replacing=None)
    now = 80.0
    assert cache.acquire(HOT, "me", 6)
    now = 120.0
    cache.begin(NEW, Cursor("e", 0), b"s", replacing=None)
    assert cache.head(COLD) is None
    assert cache.head(HOT) == cache.head(NEW) == Cursor("e", 0)
    cache.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_begins_empty_even_if_the_lock_was_held() -> None:
    cache = MemoryCache(Settings())
    cache.begin(HOT, Cursor("e", 0), b"s", replacing=None)
    with cache._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if cache.head(HOT) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.head(HOT) == Cursor("e", 0)

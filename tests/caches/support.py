"""A topic in a cache, as the tests of MongoDB's begin with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rxsse.caches import mongo_log
from rxsse.caches.base import BaseCache
from rxsse.caches.mongo import MongoCache
from rxsse.cursors import Cursor
from rxsse.messages import Topic

Open = Callable[..., MongoCache]
TOPIC = Topic("app.Channel", "7")


def at(revision: int, epoch: str = "e") -> Cursor:
    return Cursor(epoch, revision)


def fill(cache: BaseCache) -> None:
    cache.begin(TOPIC, at(0), b"s0", replacing=None)
    for revision in range(1, 6):
        cache.append(TOPIC, at(revision), b"p%d" % revision)
    cache.checkpoint(TOPIC, at(3), b"s3")


def in_parts(monkeypatch: pytest.MonkeyPatch, length: int = 0) -> None:
    """Have every patch over ``length`` in parts of one byte, as if it were long."""
    monkeypatch.setattr(mongo_log, "INLINE_BYTES", length)
    monkeypatch.setattr("rxsse.caches.parts.PART_BYTES", max(1, length))

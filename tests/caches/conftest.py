"""Caches in the real MongoDB of this run, whose log is spilled early."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pymongo
import pytest

from rxsse.caches import mongo_log
from rxsse.caches.mongo import MongoCache
from rxsse.conf import Settings
from tests.caches.support import Open


@pytest.fixture(autouse=True)
def spilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `fill` leaves is half in the collection (revision 4), half in the tail (revision 5)."""
    monkeypatch.setattr(mongo_log, "SPILL", 5)


@pytest.fixture
def open_cache(prefix: str) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_(url: str, **changed: object) -> MongoCache:
            cache = MongoCache(Settings(MONGO_URL=url, PREFIX=prefix, **changed))  # type: ignore[arg-type]
            stack.callback(cache.close)
            return cache

        yield open_


@pytest.fixture
def database(mongo_url: str) -> Iterator[Any]:
    with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
        yield client.get_default_database()

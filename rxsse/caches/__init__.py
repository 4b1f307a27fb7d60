"""Chooses the cache that the settings name; knows of each backend only where it is."""

from __future__ import annotations

from rxsse.caches.base import BaseCache
from rxsse.conf import Settings


def create(settings: Settings) -> BaseCache:
    """One process's end of the cache. Opens no connection and starts no thread before its first use."""
    if settings.MONGO_URL is None:
        from rxsse.caches.memory import MemoryCache

        return MemoryCache(settings)
    from rxsse.caches.mongo import MongoCache

    return MongoCache(settings)

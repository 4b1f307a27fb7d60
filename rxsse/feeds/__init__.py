"""Chooses the feed that the settings name; knows of each backend only where it is."""

from __future__ import annotations

from rxsse.conf import Settings
from rxsse.feeds.base import BaseFeed


def create(settings: Settings) -> BaseFeed:
    """One process's end of the feed. Opens no connection and starts no thread before its first use."""
    if settings.OUTBOX:
        from rxsse.feeds.outbox import OutboxFeed

        return OutboxFeed(settings)
    if settings.REDIS_URL is None:
        from rxsse.feeds.memory import MemoryFeed

        return MemoryFeed(settings)
    from rxsse.feeds.redis import RedisFeed

    return RedisFeed(settings)

"""Chooses where processes say what they hold; knows of each backend only where it is."""

from __future__ import annotations

from rxsse.conf import Settings
from rxsse.presence.base import BasePresence


def create(settings: Settings) -> BasePresence:
    """One process's end of it. Opens no connection before its first use."""
    if settings.REDIS_URL is None:
        from rxsse.presence.memory import MemoryPresence

        return MemoryPresence()
    from rxsse.presence.redis import RedisPresence

    return RedisPresence(settings)

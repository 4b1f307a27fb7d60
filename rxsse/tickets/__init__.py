"""Chooses where used tickets are remembered; knows of each backend only where it is."""

from __future__ import annotations

from rxsse.conf import Settings
from rxsse.tickets.base import BaseTickets


def create(settings: Settings) -> BaseTickets:
    """One process's view of the used tickets. Opens no connection before its first use."""
    if settings.REDIS_URL is None:
        from rxsse.tickets.memory import MemoryTickets

        return MemoryTickets(settings)
    from rxsse.tickets.redis import RedisTickets

    return RedisTickets(settings)

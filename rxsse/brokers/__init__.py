"""Chooses the broker that the settings name; knows of each backend only where it is."""

from __future__ import annotations

from rxsse.brokers.base import BaseBroker
from rxsse.conf import Settings


def create(settings: Settings) -> BaseBroker:
    """One process's end of the fan-out. Opens no connection and starts no thread before its first use.

    Processes that share no log (``MONGO_URL``) have epochs of their own: each derives for its own
    readers, and what another one fans out would only confuse them.
    """
    if settings.REDIS_URL is None or settings.MONGO_URL is None:
        from rxsse.brokers.memory import MemoryBroker

        return MemoryBroker(settings)
    from rxsse.brokers.redis import RedisBroker

    return RedisBroker(settings)

"""Chooses broker and relay that the settings name; knows of each backend only where it is."""

from __future__ import annotations

from django.apps import apps

from rxsse.brokers.base import BaseBroker
from rxsse.brokers.relay import BaseRelay
from rxsse.conf import Settings, eventstream_redis


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


def create_relay(settings: Settings) -> BaseRelay:
    """One process's end of what carries an application's events. Opens and starts nothing before its first use."""
    theirs = eventstream_redis()
    if not apps.is_installed("django_eventstream") or (theirs is None and settings.REDIS_URL is None):
        return BaseRelay()
    from rxsse.brokers.redis_relay import EventstreamRelay, RedisRelay

    return RedisRelay(settings) if theirs is None else EventstreamRelay(settings, theirs)

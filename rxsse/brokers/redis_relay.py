"""Application's events between processes over Redis pub/sub, on our channel or on django-eventstream's own.

Knows how both write an event down; nothing of what it means.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import redis
from redis.asyncio import Redis as AsyncRedis

from rxsse.brokers.relay import BaseRelay, Told
from rxsse.brokers.subscriber import Subscriber
from rxsse.conf import Settings
from rxsse.redis_clients import open_client

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds after a failure in which nothing is sent: of a dead Redis one event a second pays the time-out (I6)."""


class _Receiving(BaseRelay, ABC):
    """Listens to one channel of Redis. After a fork the child's end is as new."""

    def __init__(self, settings: Settings, connect: Callable[..., AsyncRedis], channel: str) -> None:
        self._settings = settings
        self._connect = connect
        self._channel = channel
        self._renew()
        _relays.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._subscriber: Subscriber | None = None
        self._confirmed: Future[None] = Future()
        self._receive: Callable[[Told], None] | None = None

    def open(self, receive: Callable[[Told], None]) -> None:
        with self._lock:
            self._receive = receive
            if self._subscriber is None:
                self._subscriber = Subscriber(self._connect, self._settings.BACKEND_TIMEOUT, self)
                self._subscriber.start()
                self._confirmed = self._subscriber.subscribe(self._channel)

    def ready(self, seconds: float) -> None:
        with suppress(TimeoutError):
            self._confirmed.result(seconds)

    def close(self) -> None:
        with self._lock:
            self._receive = None
            subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            subscriber.stop(self._settings.BACKEND_TIMEOUT)

    @abstractmethod
    def decode(self, message: bytes) -> Told | None:
        """What was sent; None where this process sent it. Raises ValueError, TypeError or KeyError."""

    # --- called from the subscriber's thread -----------------------------------------------

    def received(self, channel: str, message: bytes) -> None:
        receive = self._receive
        if receive is None:
            return
        try:
            told = self.decode(message)
        except (ValueError, TypeError, KeyError, RecursionError):
            logger.warning("A message on %s is no event of an application", channel)
            return
        try:
            if told is not None:
                receive(told)
        except Exception:
            logger.exception("An event of an application could not be passed on")

    def interrupted(self, reason: str) -> None:
        logger.info("Events of the application may be missing: %s", reason)


class EventstreamRelay(_Receiving):
    """What django-eventstream publishes itself, where ``EVENTSTREAM_REDIS`` is set; so there is nothing to send."""

    def __init__(self, settings: Settings, connection: Mapping[str, Any]) -> None:
        super().__init__(settings, partial(AsyncRedis, **connection), "events_channel")

    def decode(self, message: bytes) -> Told:
        said = json.loads(message)
        return _told(said["channel"], said["event_type"], said["data"], said["pub_id"])


class RedisRelay(_Receiving):
    """Over ``REDIS_URL``; channel: ``PREFIX:events``, for all topics together.

    A message: JSON of who sent it (which is how the sender knows its own), channel, event, body and id.
    """

    def __init__(self, settings: Settings) -> None:
        url = str(settings.REDIS_URL)
        super().__init__(settings, partial(AsyncRedis.from_url, url), f"{settings.PREFIX}:events")

    def _renew(self) -> None:
        super()._renew()
        settings = self._settings
        self._me = secrets.token_hex(8)
        self._again = 0.0
        # What was sent twice would be told twice.
        self._client = open_client(str(settings.REDIS_URL), settings.ANNOUNCE_TIMEOUT, retries=0)

    def send(self, told: Told) -> None:
        """Waits for Redis, ANNOUNCE_TIMEOUT at most."""
        if time.monotonic() < self._again:
            return
        message = json.dumps([self._me, told.channel, told.event, told.body, told.id])
        try:
            self._client.publish(self._channel, message)
        except (redis.RedisError, OSError) as error:
            self._again = time.monotonic() + PAUSE
            logger.warning("Other processes are not told of the application's events: %s", error)

    def decode(self, message: bytes) -> Told | None:
        sender, *said = json.loads(message)
        return None if sender == self._me else _told(*said)

    def close(self) -> None:
        super().close()
        self._client.close()


def _told(channel: Any, event: Any, body: Any, id_: Any) -> Told:
    if not all(isinstance(text, str) for text in (channel, event, body, "" if id_ is None else id_)):
        raise TypeError
    return Told(channel, event, body, id_)


_relays: weakref.WeakSet[_Receiving] = weakref.WeakSet()
# Loops and sockets of a parent, which a forked child must neither use nor close.
_inherited: list[Any] = []


def _renew_all() -> None:
    for relay in _relays:
        _inherited.append((relay._subscriber, getattr(relay, "_client", None)))
        relay._renew()


os.register_at_fork(after_in_child=_renew_all)

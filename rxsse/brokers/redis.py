"""Fan-out between processes, over Redis pub/sub; knows names and bytes of topics only.

One daemon thread per process runs an event loop that holds one subscribed connection. It
never sends through the caller's thread, so what Redis confirms is in the order it was asked.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from concurrent.futures import Future
from functools import partial
from typing import Any

import redis
from redis.asyncio import Redis as AsyncRedis

from rxsse.brokers.base import BaseBroker, Listener
from rxsse.brokers.subscriber import Subscriber
from rxsse.conf import Settings
from rxsse.exceptions import ProtocolError, Unavailable
from rxsse.messages import Fanout, Topic
from rxsse.redis_clients import open_client

logger = logging.getLogger(__name__)


class RedisBroker(BaseBroker):
    """Channels: ``PREFIX:topic:`` and the topic's name.

    A message that Redis took just before a connection broke may be published again. After a
    fork the child's end is as new: it listens to nothing and is subscribed to nothing.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.REDIS_URL is not None
        self._settings = settings
        self._channel = f"{settings.PREFIX}:topic:"
        self._renew()
        _brokers.add(self)

    def _renew(self) -> None:
        settings = self._settings
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._subscriber: Subscriber | None = None
        self._client = open_client(str(settings.REDIS_URL), settings.BACKEND_TIMEOUT)

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def subscribe(self, topic: Topic) -> None:
        """Waits for Redis to confirm, BACKEND_TIMEOUT at most; never call it from a listener."""
        with self._lock:
            if self._subscriber is None:
                settings = self._settings
                connect = partial(AsyncRedis.from_url, str(settings.REDIS_URL))
                self._subscriber = Subscriber(connect, settings.BACKEND_TIMEOUT, self)
                self._subscriber.start()
            subscriber = self._subscriber
        confirmed: Future[None] = subscriber.subscribe(self._channel + topic.name)
        try:
            confirmed.result(self._settings.BACKEND_TIMEOUT)
        except TimeoutError:
            subscriber.give_up(self._channel + topic.name, confirmed)
            raise Unavailable(f"Redis did not confirm the subscription to {topic.name}") from None

    def unsubscribe(self, topic: Topic) -> None:
        subscriber = self._subscriber
        if subscriber is not None:
            subscriber.unsubscribe(self._channel + topic.name)

    def publish(self, topic: Topic, fanout: Fanout) -> None:
        try:
            self._client.publish(self._channel + topic.name, fanout.encode())
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not take a message for {topic.name}: {error}") from error

    def ping(self) -> None:
        try:
            self._client.ping()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis at REDIS_URL does not answer: {error}") from error

    def close(self) -> None:
        self._listener = None
        with self._lock:
            subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            subscriber.stop(self._settings.BACKEND_TIMEOUT)
        self._client.close()

    # --- called from the subscriber's thread -----------------------------------------------

    def received(self, channel: str, message: bytes) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            fanout = Fanout.decode(message)
        except ProtocolError:
            logger.warning("A message on %s is not of rxsse", channel)
            self.interrupted("a message can't be read")
            return
        try:
            listener.fanned_out(channel.removeprefix(self._channel), fanout)
        except Exception:
            logger.exception("A listener of the broker failed")

    def interrupted(self, reason: str) -> None:
        listener = self._listener
        if listener is None:
            return
        try:
            listener.gap(reason)
        except Exception:
            logger.exception("A listener of the broker failed")


_brokers: weakref.WeakSet[RedisBroker] = weakref.WeakSet()
# Loops and sockets of a parent, which a forked child must neither use nor close.
_inherited: list[Any] = []


def _renew_all() -> None:
    for broker in _brokers:
        _inherited.append(broker._subscriber)
        broker._renew()


os.register_at_fork(after_in_child=_renew_all)

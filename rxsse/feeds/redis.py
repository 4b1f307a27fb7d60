"""The feed between processes, over a capped Redis stream and a hash; knows its parts, not what they say."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Iterable

import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.feeds.base import BaseFeed, Listener
from rxsse.feeds.breaker import Breaker
from rxsse.feeds.interest import Interest
from rxsse.feeds.lines import Line
from rxsse.feeds.notes import Notes
from rxsse.feeds.publishing import Publisher
from rxsse.feeds.reading import BLOCK, Reader
from rxsse.messages import Announcement
from rxsse.redis_clients import open_client


class RedisFeed(BaseFeed):
    """Keys: the stream ``PREFIX:feed``, the hashes ``PREFIX:prepared`` and ``PREFIX:interest``, ``PREFIX:ping``.

    While Redis takes nothing, writers leave notes in the database.

    After a fork the child's end is as new: it listens to nothing and watches nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._renew()
        _feeds.add(self)

    def _renew(self) -> None:
        settings = self._settings
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._flushes_at_exit = False
        self._owning = _client(settings, settings.BACKEND_TIMEOUT)
        self._writing = _client(settings, settings.ANNOUNCE_TIMEOUT)
        breaker = self._breaker = Breaker()
        self._notes = Notes()
        # What is sent again, and when, the publisher knows better.
        connect = _client(settings, settings.ANNOUNCE_TIMEOUT, retries=0).connection_pool.make_connection
        self._publisher = Publisher(
            connect,
            breaker,
            stream=f"{settings.PREFIX}:feed",
            hash_=f"{settings.PREFIX}:prepared",
            length=settings.FEED_LENGTH,
        )
        self._interest = Interest(
            self._writing,
            self._owning,
            breaker,
            f"{settings.PREFIX}:interest",
            settings.INTEREST_TTL,
            settings.ANNOUNCE_TIMEOUT,
        )

    def is_watched(self, model: str) -> bool:
        return self._interest.is_watched(model)

    @property
    def transactional(self) -> bool:
        return self._breaker.is_open

    def prepare(self, announcement: Announcement) -> bool:
        if self._publisher.prepare(announcement):
            return True
        self._notes.leave(announcement.database)
        return False

    def commit(self, announcement: Announcement) -> None:
        if not self._flushes_at_exit:
            self._flushes_at_exit = True
            atexit.register(self._flush)
        self._publisher.commit(announcement)

    def _flush(self) -> None:
        self._publisher.flush(self._settings.BACKEND_TIMEOUT)

    def listen(self, listener: Listener) -> None:
        settings = self._settings
        with self._lock:
            if self._reader is not None:
                self._reader.listener = listener
                return
            self._reader = Reader(
                self._owning,
                _client(settings, BLOCK + settings.BACKEND_TIMEOUT, retries=0),
                Line(_client(settings, settings.BACKEND_TIMEOUT, retries=0).connection_pool.make_connection()),
                self._interest,
                listener,
                stream=f"{settings.PREFIX}:feed",
                hash_=f"{settings.PREFIX}:prepared",
                length=settings.FEED_LENGTH,
                wait=settings.BACKEND_TIMEOUT,
                settle=settings.INTEREST_TTL + settings.ANNOUNCE_TIMEOUT,
            )
            self._reader.start()

    def watch(self, models: Iterable[str]) -> float:
        return self._interest.watch(models)

    def catch_up(self) -> None:
        reader = self._reader
        if reader is not None:
            reader.catch_up()

    def question(self, alias: str) -> str | None:
        return self._notes.question(alias)

    def mend(self) -> None:
        found = self._notes.find()
        # Told first, removed then: who doesn't see them any more in his snapshot finds the gap when he catches up.
        if found and self._publisher.gap():
            self._notes.remove(found)

    def ping(self) -> None:
        try:
            # A write: a Redis that is out of memory, or read-only, answers PING and takes no announcement.
            self._owning.set(f"{self._settings.PREFIX}:ping", b"", ex=60)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis at REDIS_URL takes nothing: {error}") from error

    def close(self) -> None:
        seconds = self._settings.BACKEND_TIMEOUT
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop(seconds)
        self._interest.withdraw()
        self._publisher.close(seconds)
        atexit.unregister(self._flush)
        self._owning.close()
        self._writing.close()


def _client(settings: Settings, timeout: float, *, retries: int = 1) -> redis.Redis:
    assert settings.REDIS_URL is not None
    return open_client(settings.REDIS_URL, timeout, retries=retries)


_feeds: weakref.WeakSet[RedisFeed] = weakref.WeakSet()


def _renew_all() -> None:
    for feed in _feeds:
        atexit.unregister(feed._flush)
        feed._renew()


# A forked child has none of the threads, must not send what its parent will send, and may have inherited held locks.
os.register_at_fork(after_in_child=_renew_all)

"""Presence in Redis: a key per process that expires by itself; knows nothing of what reports say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.presence.base import BasePresence
from rxsse.redis_clients import open_client


class RedisPresence(BasePresence):
    """Keys: ``PREFIX:presence:`` and the process; the set ``PREFIX:presence`` names them all.

    A key that ran out shows that its process is gone: no clock of any process is asked.
    """

    shared = True

    def __init__(self, settings: Settings) -> None:
        assert settings.REDIS_URL is not None
        self._names = f"{settings.PREFIX}:presence"
        self._client = open_client(settings.REDIS_URL, settings.BACKEND_TIMEOUT)

    def report(self, process: str, report: bytes, seconds: float) -> None:
        milliseconds = math.ceil(seconds * 1_000)
        try:
            with self._client.pipeline() as pipeline:
                pipeline.set(self._key(process), report, px=milliseconds)
                pipeline.sadd(self._names, process)
                pipeline.pexpire(self._names, milliseconds)
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis took no report of what this process holds: {error}") from error

    def withdraw(self, process: str) -> None:
        try:
            self._client.delete(self._key(process))
            self._client.srem(self._names, process)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not forget this process, and will by itself: {error}") from error

    def reports(self) -> Sequence[bytes]:
        try:
            names = [name.decode() for name in self._client.smembers(self._names) if isinstance(name, bytes)]
            found = self._client.mget([self._key(name) for name in names]) if names else []
            gone = [name for name, report in zip(names, found, strict=True) if report is None]
            if gone:
                self._client.srem(self._names, *gone)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not say which processes there are: {error}") from error
        return [report for report in found if isinstance(report, bytes)]

    def close(self) -> None:
        self._client.close()

    def _key(self, process: str) -> str:
        return f"{self._names}:{process}"

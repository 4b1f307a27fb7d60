"""Used tickets of all processes, in Redis; as sure as Redis keeps what it has confirmed."""

from __future__ import annotations

import math

import redis

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.redis_clients import open_client
from rxsse.tickets.base import BaseTickets


class RedisTickets(BaseTickets):
    """Keys: ``PREFIX:ticket:`` and the nonce, each until its ticket could not be presented any more.

    A Redis that forgets (eviction, a replica that takes over too early) may let a ticket in twice while it lives.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.REDIS_URL is not None
        self.scope = ""
        self._key = f"{settings.PREFIX}:ticket:"
        # Should the first of two attempts have been carried out after all, the second finds the ticket used: refused,
        # never let in twice.
        self._client = open_client(settings.REDIS_URL, settings.BACKEND_TIMEOUT)

    def spend(self, nonce: str, seconds: float) -> bool:
        try:
            return bool(self._client.set(self._key + nonce, 1, nx=True, px=math.ceil(seconds * 1000)))
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not say whether a ticket was used: {error}") from error

    def close(self) -> None:
        self._client.close()

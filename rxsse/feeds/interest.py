"""Which models somebody watches, said in Redis; knows nothing of announcements.

One hash for the installation, one field per watching process: its models, and until when
the field holds by the server's clock. A process that dies is forgotten by itself.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping

import redis

from rxsse.exceptions import Unavailable
from rxsse.feeds.breaker import Breaker

HOLDS = 30.0
"""Seconds that a process's interest holds: long enough that a paused process (a deploy, a swap storm) keeps it."""
RENEWED = 10.0
"""Seconds between renewals: two may fail."""
DRIFT = 0.05
"""Seconds by which a writer's clock may run ahead of the server's within one INTEREST_TTL, generously."""
KEY_HOLDS = 86_400
"""Seconds after which the hash of an abandoned installation goes away."""


class Interest:
    """What this process watches, and what it knows of everybody's watching."""

    def __init__(
        self, writing: redis.Redis, owning: redis.Redis, breaker: Breaker, key: str, ttl: float, wait: float
    ) -> None:
        """``writing`` serves `is_watched` and has tight time-outs, ``owning`` the rest."""
        self._writing = writing
        self._owning = owning
        self._breaker = breaker
        self._key = key
        self._asked = f"{key}:asked"
        self._ttl = ttl
        self._wait = wait
        self._name = secrets.token_hex(8)
        self._saying = threading.Lock()
        self._said: frozenset[str] | None = None
        self._asking = threading.Lock()
        self._watched: frozenset[str] = frozenset()
        self._known_until = 0.0

    # --- writer's side -------------------------------------------------------------------

    def is_watched(self, model: str) -> bool:
        if time.monotonic() < self._known_until:
            return model in self._watched
        return self._ask(model)

    def _ask(self, model: str) -> bool:
        if not self._asking.acquire(timeout=self._wait):
            return True
        try:
            asked = time.monotonic()  # before the answer was made: what is said later is known a ttl later
            if asked >= self._known_until:
                if not self._breaker.passes():
                    return True
                now, fields = self._read(self._writing, asking=True)
                self._breaker.succeeded()
                self._watched = frozenset(model for models in _alive(fields, now).values() for model in models)
                self._known_until = asked + self._ttl
            return model in self._watched
        except Exception as error:  # I6: not knowing means watched
            self._breaker.failed(error)
            return True
        finally:
            self._asking.release()

    # --- owner's side --------------------------------------------------------------------

    def watch(self, models: Iterable[str]) -> float:
        """Seconds until every writer knows: none where no writer has asked so lately that it needn't ask again.

        Raises `Unavailable`.
        """
        wanted = frozenset(models)
        with self._saying:
            added = self._said is None or not wanted <= self._said
            try:
                self._say(wanted)
                # Said first, looked second: who asks from now on is told.
                unaware = added and bool(wanted) and bool(self._owning.exists(self._asked))
            except (redis.RedisError, OSError) as error:
                raise Unavailable(f"Redis can't be told which models are watched: {error}") from error
            self._said = wanted
        self._known_until = 0.0
        return self._ttl if unaware else 0.0

    def renew(self) -> bool:
        """Say it again. True where it had been forgotten meanwhile: writers may have kept silent.

        Raises redis-py's errors.
        """
        with self._saying:
            return self._said is not None and self._say(self._said)

    def withdraw(self) -> None:
        """Say that this process watches nothing any more, as far as Redis can be told."""
        with self._saying:
            if self._said is not None:
                self._said = None
                try:
                    self._owning.hdel(self._key, self._name)
                except (redis.RedisError, OSError):
                    return  # it expires

    def _say(self, models: frozenset[str]) -> bool:
        now, fields = self._read(self._owning)
        alive = _alive(fields, now)
        dead = [name for name in fields if name not in alive]
        with self._owning.pipeline() as pipeline:
            if dead:
                pipeline.hdel(self._key, *dead)
            if models:
                pipeline.hset(self._key, self._name, json.dumps([now + HOLDS, sorted(models)]))
                pipeline.expire(self._key, KEY_HOLDS)
            else:
                pipeline.hdel(self._key, self._name)
            replies = pipeline.execute()
        # HSET answers how many fields are new: it may have been lost since it was read.
        return bool(models) and (self._name.encode() not in alive or bool(replies[-2]))

    def _read(self, client: redis.Redis, *, asking: bool = False) -> tuple[float, Mapping[bytes, bytes]]:
        """The server's time in seconds, and the hash as it is; ``asking`` leaves word that a writer will rely on it."""
        with client.pipeline(transaction=False) as pipeline:
            if asking:
                pipeline.set(self._asked, 1, px=round((self._ttl + DRIFT) * 1000))
            pipeline.time()
            pipeline.hgetall(self._key)
            (seconds, microseconds), fields = pipeline.execute()[-2:]
        return seconds + microseconds / 1e6, fields


def _alive(fields: Mapping[bytes, bytes], now: float) -> dict[bytes, list[str]]:
    """The fields that hold at ``now``; whatever else is in the hash does not count."""
    alive: dict[bytes, list[str]] = {}
    for name, value in fields.items():
        try:
            until, models = json.loads(value)
            if now < until and all(isinstance(model, str) for model in models):
                alive[name] = models
        except (ValueError, TypeError):
            continue
    return alive

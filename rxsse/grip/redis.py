"""The register of all processes, in Redis; knows nothing of what it says of a stream but its id and end."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, cast

import redis

from rxsse.conf import Settings
from rxsse.exceptions import ProtocolError, Unavailable
from rxsse.grip.register import BaseRegister, Follower, Held
from rxsse.redis_clients import open_client

logger = logging.getLogger("rxsse.grip")

PAUSE = 0.5
"""Seconds between two attempts at a Redis that is out of reach."""

PAGE = 1_000
"""Streams read at once when the owner begins."""


class RedisRegister(BaseRegister):
    """Keys: the hash ``PREFIX:grip:held`` by id, the channel ``PREFIX:grip:entered`` for those who come.

    ``PREFIX:grip:owner`` names the owner (of several, the one that leads), ``PREFIX:grip:topics:`` and that
    name is the set of what it publishes.
    """

    shared = True

    def __init__(self, settings: Settings) -> None:
        assert settings.REDIS_URL is not None
        self._url, self._timeout = settings.REDIS_URL, settings.BACKEND_TIMEOUT
        self._held = f"{settings.PREFIX}:grip:held"
        self._owner = f"{settings.PREFIX}:grip:owner"
        self._topics = f"{settings.PREFIX}:grip:topics:"
        self._name = secrets.token_hex(8)
        self._known = ""
        self._entered = f"{settings.PREFIX}:grip:entered"
        self._client = self._connect(2**20)  # as many as requests at once, which the server's threads bound
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def _connect(self, connections: int) -> redis.Redis:
        # A Redis that hangs is noticed by whoever only listens.
        found = open_client(self._url, self._timeout, connections=connections, health_check=2)
        return found

    def enter(self, held: Held) -> bool:
        text, known = held.encode(), self._known
        left = max(1, math.ceil((held.until - time.time()) * 1_000))
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.get(self._owner)
                pipeline.sismember(self._topics + known, held.topic.name)
                pipeline.hset(self._held, held.id, text)
                # All runs out with its last stream, should there be no owner to clear up.
                pipeline.pexpire(self._held, left, gt=True)
                pipeline.pexpire(self._held, left, nx=True)
                pipeline.publish(self._entered, text)
                owner, published, *_ = pipeline.execute()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not take in who is held: {error}") from error
        self._known = (owner or b"").decode()
        # What an owner said that isn't one any more doesn't count.
        return bool(published) and self._known == known

    def find(self, id_: str) -> Held | None:
        try:
            text = cast("bytes | None", self._client.hget(self._held, id_))
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not say who is held: {error}") from error
        held = None if text is None else _read(text)
        return held if held is not None and held.until > time.time() else None

    def forget(self, ids: Iterable[str]) -> None:
        ids = list(ids)
        try:
            for start in range(0, len(ids), PAGE):
                self._client.hdel(self._held, *ids[start : start + PAGE])
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not forget who was held: {error}") from error

    def publishing(self, added: Iterable[str], removed: Iterable[str], seconds: float) -> bool:
        added, removed, left = list(added), list(removed), math.ceil(seconds * 1_000)
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                if removed:
                    pipeline.srem(self._topics + self._name, *removed)
                if added:
                    pipeline.sadd(self._topics + self._name, *added)
                pipeline.pexpire(self._topics + self._name, left)
                pipeline.set(self._owner, self._name, px=left, nx=True)
                pipeline.get(self._owner)
                leads: bool = pipeline.execute()[-1] == self._name.encode()
            if leads:
                self._client.pexpire(self._owner, left)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not take in what is published: {error}") from error
        return leads

    def resign(self) -> None:
        try:
            if self._client.get(self._owner) == self._name.encode():
                self._client.delete(self._owner)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis did not take in that an owner has ended: {error}") from error

    # --- the owner's end -----------------------------------------------------------------

    def follow(self, follower: Follower) -> None:
        self._thread = threading.Thread(target=self._run, args=(follower,), name="rxsse-grip-register", daemon=True)
        self._thread.start()

    def _run(self, follower: Follower) -> None:
        client = self._connect(2)
        while not self._stop.is_set():
            try:
                with client.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
                    self._listen(client, pubsub, follower)
            except (redis.RedisError, OSError) as error:
                logger.warning("Who is held can't be heard of now: %s", error)
                self._stop.wait(PAUSE)
        client.close()

    def _listen(self, client: redis.Redis, pubsub: Any, follower: Follower) -> None:
        pubsub.subscribe(self._entered)
        pubsub.get_message(timeout=self._timeout)  # confirmed: what is entered while all are read is heard of
        follower.all(list(self._all(client)))
        while not self._stop.is_set():
            message = pubsub.get_message(timeout=PAUSE)
            if message is not None:
                held = _read(message["data"])
                if held is not None:
                    follower.entered(held)
            else:
                pubsub.check_health()

    def _all(self, client: redis.Redis) -> Iterator[Held]:
        for _, text in client.hscan_iter(self._held, count=PAGE):
            held = _read(text)
            if held is not None:
                yield held

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(self._timeout + PAUSE)
        self._client.close()


def _read(text: bytes) -> Held | None:
    try:
        return Held.decode(text)
    except ProtocolError as error:
        logger.warning("Somebody who is held is not understood, and asks again by himself: %s", error)
        return None

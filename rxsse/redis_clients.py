"""Makes clients of Redis, all with the same manners; knows nothing of what they ask."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

UNBOUNDED = 2**20
"""Connections: as many as threads that ask at once. Who waits for one would wait in somebody's `save()` or request."""


def open_client(
    url: str, timeout: float, *, retries: int = 1, connections: int = UNBOUNDED, health_check: float = 0
) -> redis.Redis:
    """A client that connects at its first use. ``timeout``: seconds for each answer, and for connecting.

    A pooled connection that died while idle is worth one more attempt (``retries``); a time-out never is. With none,
    nothing is ever sent twice. ``health_check``: seconds after which an idle connection is tried before it is used.
    """
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        socket_keepalive=True,
        protocol=2,
        retry=Retry(NoBackoff(), retries, supported_errors=(redis.ConnectionError,)),
        max_connections=connections,
        health_check_interval=health_check,
    )
    return client

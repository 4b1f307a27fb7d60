"""Used tickets of one process; knows no other."""

from __future__ import annotations

import heapq
import secrets
import threading
import time

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.tickets.base import BaseTickets

LIMIT = 100_000
"""Tickets remembered at once, some 20 MB: a process that let in a thousand streams a second would get there."""


class MemoryTickets(BaseTickets):
    """Nothing is forgotten early: where there are too many, no further one is taken."""

    def __init__(self, settings: Settings) -> None:
        # Another process, or this one after a restart, doesn't know what was used here: there it has to be refused.
        self.scope = secrets.token_urlsafe(12)
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._ends: list[tuple[float, str]] = []

    def spend(self, nonce: str, seconds: float) -> bool:
        now = time.monotonic()
        with self._lock:
            while self._ends and self._ends[0][0] <= now:
                self._used.discard(heapq.heappop(self._ends)[1])
            if nonce in self._used:
                return False
            if len(self._used) >= LIMIT:
                raise Unavailable(f"{LIMIT} tickets were used within seconds; set RXSSE['REDIS_URL'] to remember more")
            self._used.add(nonce)
            heapq.heappush(self._ends, (now + seconds, nonce))
            return True

    def close(self) -> None:
        """Nothing to free: what was used stays used as long as this object is asked."""

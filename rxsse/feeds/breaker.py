"""Spares callers the wait for a server that has just failed to answer; knows nothing of what they ask it."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds between two attempts at a dead server: one save a second pays the time-out, the others nothing (I6)."""


class Breaker:
    """Open after a failure: then one caller per `PAUSE` may try, until one succeeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._try_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last attempt has failed."""
        return self._try_at is not None

    def passes(self) -> bool:
        """Whether the caller should try; it then says `succeeded` or `failed`."""
        if self._try_at is None:
            return True
        with self._lock:
            now = time.monotonic()
            if self._try_at is not None:
                if now < self._try_at:
                    return False
                self._try_at = now + PAUSE
            return True

    def failed(self, error: BaseException) -> None:
        with self._lock:
            first = self._try_at is None
            self._try_at = time.monotonic() + PAUSE
        if first:
            logger.warning("The feed is out of reach, readers will reconcile later: %s", error)

    def succeeded(self) -> None:
        if self._try_at is None:
            return
        with self._lock:
            self._try_at = None
        logger.info("The feed is within reach again")

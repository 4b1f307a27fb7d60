"""Gets items to every proxy in their order, and again after a failure; knows neither topics nor readers.

Exactness doesn't rest on it: a stream that misses an item asks for what it missed. So what waits for a proxy
that is out of reach is bounded, and the oldest of it is dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.grip.proxies import Proxies, Proxy

logger = logging.getLogger("rxsse.grip")

WAITING = 10_000
"""Items that wait for a proxy at most: half a minute of a busy installation."""

WAITING_BYTES = 16_000_000
"""Bytes that wait for a proxy at most (I5)."""

BATCH, BATCH_BYTES = 200, 400_000
"""Items and bytes published at once: Pushpin takes a request of 1 MB, and JSON's escapes may double what is sent."""

FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
"""Seconds between attempts."""

Item = Mapping[str, Any]


class _Line(threading.Thread):
    """What goes to one proxy."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(name="rxsse-grip-publish", daemon=True)
        self._proxy = proxy
        self._waiting: deque[tuple[Item, int, bool]] = deque()
        self._size = 0
        self._ready = threading.Condition()
        self._stopping = False
        self._stopped = threading.Event()

    def put(self, items: Sequence[Item], size: int, keep: bool) -> None:
        with self._ready:
            for item in items:
                self._waiting.append((item, size, keep))
                self._size += size
            while len(self._waiting) > WAITING or self._size > WAITING_BYTES:
                if not self._drop():
                    break
            self._ready.notify()

    def _drop(self) -> bool:
        for index, (_, size, keep) in enumerate(self._waiting):
            if not keep:
                del self._waiting[index]
                self._size -= size
                return True
        return False

    def run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            batch = self._take()
            if not batch:
                break
            try:
                self._proxy.publish([item for item, _, _ in batch])
            except Unavailable as error:
                if self._stopping:
                    break
                if pause == FIRST_PAUSE:
                    logger.warning("%s; it is tried again, and streams ask for what they miss", error)
                self._put_back(batch)
                self._stopped.wait(pause)
                pause = min(2 * pause, LAST_PAUSE)
            else:
                if pause != FIRST_PAUSE:
                    logger.info("the GRIP proxy at %s takes what is published again", self._proxy.address)
                pause = FIRST_PAUSE
        self._proxy.close()

    def _take(self) -> list[tuple[Item, int, bool]]:
        """Wait for something; nothing: it is over and all has been published."""
        with self._ready:
            while not self._waiting and not self._stopping:
                self._ready.wait()
            batch: list[tuple[Item, int, bool]] = []
            size = 0
            while self._waiting and len(batch) < BATCH and (not batch or size + self._waiting[0][1] <= BATCH_BYTES):
                batch.append(self._waiting.popleft())
                size += batch[-1][1]
            self._size -= size
            return batch

    def _put_back(self, batch: list[tuple[Item, int, bool]]) -> None:
        with self._ready:
            self._waiting.extendleft(reversed(batch))
            self._size += sum(size for _, size, _ in batch)

    def stop(self) -> None:
        with self._ready:
            self._stopping = True
            self._ready.notify()
        self._stopped.set()


class Publisher:
    """A line to each proxy. `publish` may be called from one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._lines = [_Line(proxy) for proxy in Proxies(settings).connect()]
        for line in self._lines:
            line.start()

    def publish(self, items: Sequence[Item], size: int, *, keep: bool = False) -> None:
        """Publish ``items`` of ``size`` bytes each, without waiting. ``keep``: never dropped for what comes later."""
        for line in self._lines:
            line.put(items, size, keep)

    def close(self, seconds: float) -> None:
        """Return when all is published, or after ``seconds``."""
        for line in self._lines:
            line.stop()
        for line in self._lines:
            line.join(seconds)

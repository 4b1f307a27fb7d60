"""Reads the feed before what other processes said goes on to this one's readers; knows neither readers nor rights.

Between processes a patch and the announcement of what it was derived from travel on different ways, and
the patch may be the faster one. The announcement was readable before the change could be derived, so
whoever reads the feed after the patch has come and before it goes on hears first whom the same
transaction has revoked (I7). An owner of this process has read the feed before he speaks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Protocol

from django.db import connections

from rxsse.brokers.base import Listener
from rxsse.exceptions import Unavailable
from rxsse.feeds.base import BaseFeed
from rxsse.messages import Fanout

logger = logging.getLogger("rxsse.deriving")

BLIND = 1.0
"""Seconds that nobody waits for a feed that couldn't be read: when it is back it says `gap`, and everybody is asked."""


class Hearing:
    """One for all threads of a process."""

    def __init__(self, feed: BaseFeed) -> None:
        self._feed = feed
        self._blind_until = 0.0

    def hear(self) -> None:
        """Return once the listener of the feed was told all that is in it now, or it can't be read."""
        if time.monotonic() < self._blind_until:
            return
        try:
            self._feed.catch_up()
        except Unavailable as error:
            logger.warning("Whom a change revokes can't be heard now, streams go on: %s", error)
            self._blind_until = time.monotonic() + BLIND


class Informed(Listener, Protocol):
    """A listener that can tell what says nothing new to it."""

    def knows(self, topic_name: str, fanout: Fanout) -> bool:
        """Whether this was told before, and may be left out."""


class Fence:
    """The broker's `Listener` before another one: passes everything on in its order, each after one look at the feed.

    All that waits shares a look. A thread of its own starts with the first that comes from elsewhere.
    """

    def __init__(self, listener: Informed, hearing: Hearing) -> None:
        self._listener = listener
        self._hearing = hearing
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def fanned_out(self, topic_name: str, fanout: Fanout) -> None:
        # The echo of what this process said itself.
        if not self._listener.knows(topic_name, fanout):
            self.after(partial(self._listener.fanned_out, topic_name, fanout))

    def gap(self, reason: str) -> None:
        self.after(partial(self._listener.gap, reason))

    def close(self, timeout: float) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout)

    def after(self, call: Callable[[], None]) -> None:
        """Call it once the feed has been read, in the order of what is given here."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="rxsse-fence", daemon=True)
                    self._thread.start()
        self._waiting.put(call)

    def _run(self) -> None:
        try:
            while self._pass_on():
                pass
        finally:
            connections.close_all()  # where the feed is in a database

    def _pass_on(self) -> bool:
        calls = [self._waiting.get()]
        try:
            while True:
                calls.append(self._waiting.get_nowait())
        except Empty:
            self._look()
        for call in calls:
            if call is None:
                return False
            try:
                call()
            except Exception:
                logger.exception("What an owner said could not be passed on")
        return True

    def _look(self) -> None:
        for connection in connections.all(initialized_only=True):
            if connection.errors_occurred:
                connection.close()
        self._hearing.hear()

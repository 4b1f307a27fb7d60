"""The owner's side of the outbox: looks at it in every database, tells each row once, removes it later.

A row is visible exactly when its transaction is, so who looks from within a snapshot knows every
transaction of that snapshot and no other (PROTOCOL I3).

Every reading process must see every row, and none knows the others. So a row is removed only `KEPT`
seconds after the remover has seen it: who looked at least once in that time, did too. Who didn't
says so, and everything is reconciled. No clocks are compared, and any number of readers does no harm.

Knows no SQL and nothing of writers.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from rxsse.exceptions import ProtocolError, Unavailable
from rxsse.feeds import noted, tables
from rxsse.feeds.base import Listener
from rxsse.messages import Announcement

logger = logging.getLogger(__name__)

KEPT = 10.0
"""Seconds that a row stays once it was seen: longer than any reader pauses that is not in trouble."""
PATIENCE = KEPT / 2
"""Seconds without a look after which rows may have been missed: half, as another process's clock may run faster."""
REMOVAL = 1.0
"""Seconds between two removals: each is a small transaction."""
REMOVED_AT_ONCE = 500
"""Rows: SQLite takes 999 parameters at most where it is old, and its lock is not to be held for long."""
LONGEST_PAUSE = 1.0
"""Seconds between two looks at a database that doesn't answer."""


@dataclass(slots=True)
class Place:
    """How far one database's outbox was read."""

    floor: int = 0
    seen: dict[int, float] = field(default_factory=dict)  # id -> when, in the order in which they were
    looked: float | None = None  # when the thread last did; None: not yet, what is there now is news to nobody


class Reader:
    """One thread that looks; any thread may `catch_up`, in its own transaction. Each row is told once."""

    def __init__(
        self, listener: Listener, present: Callable[[], list[str]], renew: Callable[[], float], poll: float
    ) -> None:
        """``present``: the databases whose tables are there. ``renew`` says after how many seconds to call it again."""
        self.listener = listener
        self._present = present
        self._renew = renew
        self._poll = poll
        self._places: dict[str, Place] = {}
        self._heard: set[str] = set()  # databases that were LISTENed to and have something to say
        self._listening: dict[str, Any] = {}
        self._failing: dict[str, float] = {}  # database -> when to try again
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._stopping, self._stop = socket.socketpair()  # ends the thread's waiting
        self._gap_at: float | None = None
        self._renew_at = self._remove_at = 0.0
        self._thread = threading.Thread(target=self._run, name="rxsse-outbox", daemon=True)

    def start(self) -> None:
        """Tell of what is written from now on."""
        for alias in self._present():
            try:
                self._look(alias)
            except Exception as error:
                logger.warning("The outbox in %r can't be read: %s", alias, error)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        self._stopped.set()
        self._stop.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)

    def catch_up(self) -> None:
        """Tell what the calling thread can see. Raises `Unavailable`.

        Inside a snapshot that is what the snapshot holds, and only its database is asked.
        """
        present = self._present()
        for alias in [alias for alias in present if connections[alias].in_atomic_block] or present:
            try:
                place = self._places.setdefault(alias, Place())
                self._read(alias, place)
                if self._is_late(place):  # what the snapshot holds may have been removed before it was taken
                    raise Unavailable("the thread that looks at it is late")
            except Unavailable:
                raise
            except Exception as error:
                raise Unavailable(f"the outbox in {alias!r} can't be read: {error}") from error

    def tell(self, alias: str, id_: int | None, announcement: Announcement) -> None:
        """What this process itself has written, without reading it back."""
        with self._lock:
            place = self._places.setdefault(alias, Place())
            if id_ is None or id_ not in place.seen:
                if id_ is not None:
                    place.seen[id_] = time.monotonic()
                self._announce(announcement)

    def gap_later(self, seconds: float) -> None:
        """Have everything reconciled once writers surely know what is watched."""
        self._gap_at = time.monotonic() + seconds

    # --- the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._round()
                self._wait()
        finally:
            connections.close_all()
            self._stopping.close()

    def _round(self) -> None:
        now = time.monotonic()
        if self._gap_at is not None and now >= self._gap_at:
            self._gap_at = None
            self._gap("writers may not have known what is watched")
        present = self._attempt("", self._present) or []
        for alias in present:
            self._attempt(alias, lambda alias=alias: self._look_and_listen(alias))  # type: ignore[misc]
        if now >= self._renew_at:
            pause = self._attempt("", self._renew)
            self._renew_at = now + (LONGEST_PAUSE if pause is None else pause)
        if now >= self._remove_at:
            self._remove_at = now + REMOVAL
            for alias in present:
                self._attempt(alias, lambda alias=alias: self._remove(alias))  # type: ignore[misc]

    def _attempt(self, alias: str, work: Callable[[], Any]) -> Any:
        """Do it; where the database doesn't answer, say so once and begin anew a little later."""
        if time.monotonic() < self._failing.get(alias, 0.0):
            return None
        try:
            result = work()
        except Exception as error:
            self._listening.pop(alias, None)
            if alias in connections:
                connections[alias].close()
            if alias not in self._failing and not self._stopped.is_set():
                logger.warning("The outbox in %r can't be read: %s", alias, error)
            self._failing[alias] = time.monotonic() + LONGEST_PAUSE
            return None
        self._failing.pop(alias, None)
        return result

    def _wait(self) -> None:
        if self._heard:
            return
        news = select.poll()  # never `select()`: a server's sockets have large numbers
        news.register(self._stopping, select.POLLIN)
        try:
            for driver in self._listening.values():
                news.register(driver.fileno(), select.POLLIN)
        except Exception as error:  # a connection broke
            logger.debug("Listening to the outbox again: %s", error)
            self._listening.clear()
        news.poll(self._poll * 1000)

    def _look_and_listen(self, alias: str) -> None:
        connection = connections[alias]
        if connection.connection is None:
            connection.ensure_connection()
            connection.set_autocommit(True)
            tables.wait_briefly(connection)  # a removal can wait, the next look can't
        if connection.vendor == "postgresql":
            self._listen(alias, connection.connection)
        self._look(alias)

    def _listen(self, alias: str, driver: Any) -> None:
        """Be woken by NOTIFY, where the driver is psycopg 3; with another one every look comes in its time."""
        if not hasattr(driver, "add_notify_handler"):
            return
        if self._listening.get(alias) is not driver:
            # Also what arrives together with the answer to a query must be known: the socket won't show it.
            driver.add_notify_handler(lambda _: self._heard.add(alias))
            driver.execute(f"LISTEN {tables.OUTBOX}")
            self._listening[alias] = driver
        driver.pgconn.consume_input()
        while driver.pgconn.notifies() is not None:
            pass  # the look that follows answers them all
        self._heard.discard(alias)

    def _look(self, alias: str) -> None:
        begun = time.monotonic()
        place = self._places.get(alias)
        if place is None or place.looked is None:
            self._begin(alias, begun)
            return
        self._read(alias, place)
        late, place.looked = self._is_late(place), begun
        if late:
            self._gap("the outbox was not looked at for a while")

    def _begin(self, alias: str, begun: float) -> None:
        """What is in the outbox by now was over before anybody listened, unless an attempt to look had failed."""
        with self._lock:
            found = tables.read(connections[alias], 0)
            place = self._places.setdefault(alias, Place())
            place.seen |= dict.fromkeys((id_ for id_, _ in found.rows), begun)
            place.floor, place.looked = found.floor, begun
            if self._thread.is_alive():
                self._gap("the outbox could not be read at first")

    def _is_late(self, place: Place) -> bool:
        return place.looked is None or time.monotonic() - place.looked > PATIENCE

    def _read(self, alias: str, place: Place) -> None:
        found = tables.read(connections[alias], place.floor)
        with self._lock:  # who finds a row told already must not go on before the listener knows it
            now = time.monotonic()
            for id_, body in found.rows:
                if id_ not in place.seen and not self._stopped.is_set():
                    place.seen[id_] = now
                    self._tell(alias, id_, body)
            place.floor = max(place.floor, found.floor)

    def _remove(self, alias: str) -> None:
        place = self._places[alias]
        with self._lock:
            before = time.monotonic() - KEPT
            old = [id_ for id_, seen in place.seen.items() if seen < before][:REMOVED_AT_ONCE]
        if old:
            tables.remove(connections[alias], old)
            with self._lock:
                for id_ in old:
                    place.seen.pop(id_, None)
            if len(old) == REMOVED_AT_ONCE:
                self._remove_at = 0.0

    # --- under the lock ------------------------------------------------------------------

    def _tell(self, alias: str, id_: int, body: str) -> None:
        try:
            by_trigger = body.startswith("{")
            announcement = noted.announcement(alias, id_, body) if by_trigger else Announcement.decode(body.encode())
        except ProtocolError:
            self._gap(f"a row of the outbox in {alias!r} says so, or can't be read")
            return
        self._announce(announcement)

    def _announce(self, announcement: Announcement) -> None:
        try:
            if not self._stopped.is_set():
                self.listener.announced(announcement)
        except Exception:
            logger.exception("A listener of the feed failed")

    def _gap(self, reason: str) -> None:
        try:
            if not self._stopped.is_set():
                self.listener.gap(reason)
        except Exception:
            logger.exception("A listener of the feed failed")

"""The feed over a table of the database itself: an announcement is part of the transaction that it announces.

So it can't get lost between commit and announcement, whatever dies, and it crosses processes with
neither Redis nor MongoDB. Knows its parts, not what they say.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.feeds import tables
from rxsse.feeds.base import BaseFeed, Listener
from rxsse.feeds.outbox_reading import Reader
from rxsse.feeds.watchers import RENEWED, Presence, Watchers
from rxsse.messages import Announcement, Phase

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A row of this process; ``binding``: it is there if, and only if, the transaction was committed."""

    id: int | None
    announcement: Announcement
    binding: bool


class OutboxFeed(BaseFeed):
    """`prepare` adds a row, by the calling thread's connection: in its open transaction, where there is one.

    Such a row says COMMITTED, because nobody sees it before. `commit` then has nothing to write:
    it tells this process's own listener, and wakes those of others. Where no transaction is open,
    PREPARED and what ends it are a row each.
    """

    @property
    def transactional(self) -> bool:
        return True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._renew()
        _feeds.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._reader: Reader | None = None
        self._written: dict[str, Written] = {}
        self._presence = Presence()
        self._watchers = Watchers(self._presence, self._settings.INTEREST_TTL, self._settings.ANNOUNCE_TIMEOUT)
        self._lost = False
        self._complained = False
        self._closed = False

    # --- writer's side -------------------------------------------------------------------

    def is_watched(self, model: str) -> bool:
        return self._watchers.is_watched(model)

    def prepare(self, announcement: Announcement) -> bool:
        try:
            alias = announcement.database
            if not self._presence.in_(alias):
                return False
            connection = connections[alias]
            binding = tables.is_open(connection)
            row = replace(announcement, phase=Phase.COMMITTED) if binding else announcement
            written = Written(tables.write(connection, row.encode().decode(), joins=binding), row, binding)
        except Exception:
            self._complain()
            return False
        self._written[announcement.id] = written
        if not binding:
            self._tell(written)
        return True

    def commit(self, announcement: Announcement) -> None:
        if self._closed:
            return
        written = self._written.pop(announcement.id, None)
        if written is not None and written.binding and not announcement.changes:
            if announcement.phase is Phase.COMMITTED:
                self._tell(written)
                self._notify(announcement.database)
            return  # otherwise it was rolled back, and the row with it
        self._add(announcement)
        self._notify(announcement.database)

    def _add(self, announcement: Announcement) -> None:
        """Say what was not, or not rightly, said within the transaction."""
        id_: int | None = None
        try:
            if self._presence.in_(announcement.database):
                connection = connections[announcement.database]
                if self._lost:
                    tables.write(connection, tables.GAP)
                    self._lost = False
                id_ = tables.write(connection, announcement.encode().decode())
        except Exception:
            self._lost = True
            self._complain()
        self._tell(Written(id_, announcement, binding=False))

    def _tell(self, written: Written) -> None:
        """Tell this process's own listener at once."""
        reader = self._reader
        if reader is not None:
            reader.tell(written.announcement.database, written.id, written.announcement)

    def _notify(self, alias: str) -> None:
        """Wake the readers of other processes; those that can't be woken look soon by themselves."""
        if self._watchers.others:
            try:
                _notify(connections[alias])
            except Exception as error:
                logger.debug("Other processes will find it by themselves: %s", error)

    def _complain(self) -> None:
        if not self._complained:
            self._complained = True
            logger.exception("The outbox takes no announcement; writes are not affected. Logged once per process.")

    # --- owner's side --------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        with self._lock:
            if self._reader is not None:
                self._reader.listener = listener
                return
            self._reader = Reader(
                listener, self._presence.everywhere, self._say_again, self._settings.OUTBOX_POLL_SECONDS
            )
            self._reader.start()

    def watch(self, models: Iterable[str]) -> float:
        return self._watchers.watch(models)

    def _say_again(self) -> float:
        if self._watchers.renew() and self._reader is not None:
            self._reader.gap_later(self._settings.INTEREST_TTL + self._settings.ANNOUNCE_TIMEOUT)
        return RENEWED

    def catch_up(self) -> None:
        reader = self._reader
        if reader is not None:
            reader.catch_up()

    def ping(self) -> None:
        for alias in tables.aliases():
            if not self._presence.in_(alias):
                raise Unavailable(f"the outbox in the database {alias!r} does not answer, or is not there")

    def close(self) -> None:
        self._closed = True
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop(self._settings.BACKEND_TIMEOUT)
        self._watchers.withdraw()


def _notify(connection: BaseDatabaseWrapper) -> None:
    """NOTIFY, in no transaction: within one PostgreSQL would let the commits of all writers take turns.

    It goes past the driver, which after a commit counts as in a transaction what comes next. psycopg 3 only.
    """
    driver = connection.connection
    pgconn = getattr(driver, "pgconn", None)
    if connection.vendor == "postgresql" and pgconn is not None and not pgconn.transaction_status:  # 0 is IDLE
        pgconn.exec_(f"NOTIFY {tables.OUTBOX}".encode())


_feeds: weakref.WeakSet[OutboxFeed] = weakref.WeakSet()


def _renew_all() -> None:
    for feed in _feeds:
        feed._renew()


# A forked child has neither the parent's thread nor, perhaps, a lock that anyone will release.
os.register_at_fork(after_in_child=_renew_all)

"""Word that writers leave in the database when the feed can't be told: in the very transaction that nobody hears of.

So whoever reads a snapshot knows whether it holds such a transaction (PROTOCOL I3). It is a row of the
outbox's table that says nothing but that; knows neither what was written nor any feed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rxsse.feeds import tables
from rxsse.feeds.watchers import Presence

T = TypeVar("T")

logger = logging.getLogger(__name__)

REMOVED_AT_ONCE = 500
"""Rows by one statement: an old SQLite takes 999 parameters at most, and its lock is not to be held for long."""

FOUND_AT_ONCE = 10_000
"""Rows: after hours without Redis there may be millions, which then take their time, second by second."""


class Notes:
    """Those of every database that has the table."""

    def __init__(self) -> None:
        self._presence = Presence(needed=False)

    def leave(self, alias: str) -> None:
        """Add one to the calling thread's open transaction; never raises, and harms nothing where it fails (I6)."""
        try:
            connection = connections[alias]
            if tables.is_open(connection) and self._presence.in_(alias):
                tables.write(connection, tables.GAP, joins=True)
        except Exception as error:
            logger.warning("Neither the feed nor the database %r can be told of a transaction: %s", alias, error)

    def question(self, alias: str) -> str | None:
        """SQL that finds out whether there is one; None where there can't be."""
        return tables.ANY if self._presence.in_(alias) else None

    def find(self) -> dict[str, list[int]]:
        """Some of those that are committed by now, as database -> ids. Raises the database's errors."""
        found = {
            alias: _reconnecting(alias, partial(tables.ids, limit=FOUND_AT_ONCE))
            for alias in self._presence.everywhere()
        }
        return {alias: ids for alias, ids in found.items() if ids}

    def remove(self, found: dict[str, list[int]]) -> None:
        """Forget what `find` has found: every reader was told of it. Never raises."""
        for alias, ids in found.items():
            try:
                for start in range(0, len(ids), REMOVED_AT_ONCE):
                    some = ids[start : start + REMOVED_AT_ONCE]
                    _reconnecting(alias, partial(tables.remove, ids=some))
            except Exception as error:  # a replica takes no DELETE, and loses them with its primary
                logger.debug("Notes in %r can't be removed now: %s", alias, error)


def _reconnecting(alias: str, ask: Callable[[BaseDatabaseWrapper], T]) -> T:
    """Ask the database; where that fails the calling thread's next question finds a new connection."""
    connection = connections[alias]
    try:
        return ask(connection)
    except Exception:
        connection.close()
        raise

"""Reads the database at one moment: a transaction whose queries all see the same committed state.

Knows the database vendors' ways to a snapshot and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

# The first real query fixes the snapshot; on SQLite only one that touches the file does.
_TOUCH = {
    "sqlite": "SELECT 1 FROM sqlite_master LIMIT 1",
    # Both at once: every way to the server and back is time that a client waits.
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1",
}


@contextmanager
def snapshot_of(alias: str) -> Iterator[None]:
    """Everything read inside belongs to one committed state, fixed when this yields.

    Inside a transaction that is already open (a test case), that one's view is used.
    """
    connection = connections[alias]
    if connection.in_atomic_block:
        yield
        return
    with _reading_mode(connection), transaction.atomic(using=alias):
        with connection.cursor() as cursor:
            cursor.execute(_TOUCH.get(connection.vendor, "SELECT 1"))
        yield


@contextmanager
def _reading_mode(connection: Any) -> Iterator[None]:
    """Don't take SQLite's write lock to read, where the project has transaction_mode IMMEDIATE."""
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    mode = getattr(connection, "transaction_mode", None)
    if mode is None:
        yield
        return
    connection.transaction_mode = "DEFERRED"
    try:
        yield
    finally:
        connection.transaction_mode = mode

"""Reads the database at one moment: a transaction whose queries all see the same committed state.

Knows the database vendors' ways to a snapshot and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction

# The first real query fixes the snapshot; on SQLite only one that touches the file does.
_TOUCH = {"sqlite": "SELECT 1 FROM sqlite_master LIMIT 1"}


@contextmanager
def snapshot_of(alias: str, question: str | None = None) -> Iterator[bool]:
    """Everything read inside belongs to one committed state, fixed when this yields what that answers to ``question``.

    Inside a transaction that is already open (a test case), that one's view is used, and nothing asked.
    """
    connection = connections[alias]
    if connection.in_atomic_block:
        yield False
        return
    with _reading_mode(connection), transaction.atomic(using=alias):
        with connection.cursor() as cursor:
            cursor.execute(question or _TOUCH.get(connection.vendor, "SELECT 1"))
            answer = question is not None and bool(cursor.fetchone()[0])
        yield answer


@contextmanager
def _reading_mode(connection: Any) -> Iterator[None]:
    """Have the next transaction read one state, and lock nothing."""
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        # Goes along with BEGIN: a statement of its own would be one more way to the server and back.
        connection.ensure_connection()
        with _set(connection.connection, "isolation_level", IsolationLevel.REPEATABLE_READ):
            yield
    elif connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
    elif getattr(connection, "transaction_mode", None) is not None:
        # SQLite, where the project takes the write lock with BEGIN.
        with _set(connection, "transaction_mode", "DEFERRED"):
            yield
    else:
        yield


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if not getattr(owner, "closed", False):
            setattr(owner, name, before)

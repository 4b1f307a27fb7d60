"""Empties the database after a test that commits: what Django's flush leaves behind, a hundred times as fast.

That one truncates every table, writes content types and permissions anew, and has everybody do what is done after a
migration. Here rows are deleted, and the tables that a flush fills are left as long as no test has changed them.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.db import connections, transaction
from django.test import TransactionTestCase

_filled: dict[str, dict[str, set[Any]]] = {}
"""By database: the tables that were not empty after a flush, and their rows."""


def install() -> None:
    """Have every `TransactionTestCase`, and so pytest-django, do it this way."""

    # The name that Django gives it: what it does in raw SQL counts as no test's own.
    def _fixture_teardown(case: TransactionTestCase) -> None:
        for alias in case._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
            _empty(alias)

    TransactionTestCase._fixture_teardown = _fixture_teardown  # type: ignore[attr-defined]


def _empty(alias: str) -> None:
    tables = connections[alias].introspection.django_table_names(only_existing=True, include_views=False)
    kept = _filled.get(alias)
    if kept is not None and all(_rows(alias, table) == rows for table, rows in kept.items()):
        _delete(alias, [table for table in tables if table not in kept])
    else:
        call_command("flush", verbosity=0, interactive=False, database=alias, reset_sequences=False)
        _filled[alias] = {table: rows for table in tables if (rows := _rows(alias, table))}


def _rows(alias: str, table: str) -> set[Any]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
        return set(cursor.fetchall())


def _delete(alias: str, tables: list[str]) -> None:
    connection = connections[alias]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
            cursor.execute("; ".join(f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables))
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")

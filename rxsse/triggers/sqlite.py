"""The triggers of SQLite: one per table and operation, fired for each row; knows no model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rxsse.feeds.tables import INTEREST, OUTBOX
from rxsse.triggers.tracked import Table, each_operation

_NOW = "(julianday('now') - 2440587.5) * 86400.0"


def wanted(connection: Any, table: Table) -> dict[str, str]:
    """The triggers of ``table``: name -> definition."""
    return {_name(table.name, operation): _statement(connection, table, operation) for operation in each_operation()}


def found(connection: Any) -> dict[str, dict[str, str]]:
    """The triggers there are: table -> name -> definition."""
    result: dict[str, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'rxsse_%%'")
        for table, name, statement in cursor.fetchall():
            result.setdefault(table, {})[name] = statement
    return result


def creating(connection: Any, table: Table) -> Iterator[str]:
    """The statements that make the triggers of ``table``, over any that are there."""
    for name, statement in wanted(connection, table).items():
        yield removing(connection, table.name, name)
        yield statement


def before(connection: Any) -> Iterator[str]:
    """They need nothing."""
    yield from ()


def removing(connection: Any, table: str, name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {_quoted(name)}"


def after(connection: Any) -> Iterator[str]:
    """They leave nothing."""
    yield from ()


def _statement(connection: Any, table: Table, operation: str) -> str:
    rows = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}[operation]
    keys = ", ".join(_array(f"{row}.{_quoted(key)}" for key in table.keys) for row in rows)
    relations = ", ".join(
        f"{_literal(name)}, json_array({rows[-1]}.{_quoted(column)})" for name, column in table.relations.items()
    )
    noted = (
        f"'m', {_literal(table.label)}, 'o', {_literal(operation)},"
        f" 'k', {f'json_array({keys})' if table.keys else 'NULL'}, 'r', json_object({relations})"
    )
    return (
        f"CREATE TRIGGER {_quoted(_name(table.name, operation))} AFTER {operation.upper()} ON {_quoted(table.name)}"
        f" WHEN EXISTS (SELECT 1 FROM {INTEREST} WHERE model = {_literal(table.label)} AND until > {_NOW})"
        f" BEGIN INSERT INTO {OUTBOX} (body, position) VALUES (json_object({noted}), 0); END"
    )


def _name(table: str, operation: str) -> str:
    return f"rxsse_{operation}_{table}"


def _array(parts: Iterator[str] | Any) -> str:
    return f"json_array({', '.join(parts)})"


def _quoted(name: str) -> str:
    return '"' + name.strip('"').replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

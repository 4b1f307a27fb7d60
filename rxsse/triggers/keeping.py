"""Makes, removes and compares the triggers of one database; knows which are wanted, not how they are written."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from django.db import connections, transaction

from rxsse.triggers import postgresql, sqlite
from rxsse.triggers.tracked import Table, tracked

VENDORS: dict[str, ModuleType] = {"postgresql": postgresql, "sqlite": sqlite}
"""The databases that can have triggers."""


class Difference(NamedTuple):
    """Tables whose triggers are not there, are there but defined otherwise, or have no reason to be there."""

    missing: list[str]
    outdated: list[str]
    needless: list[str]

    def __bool__(self) -> bool:
        return any(map(bool, self[:]))


def installed(alias: str) -> bool:
    """Whether the database has any of the triggers."""
    connection = connections[alias]
    dialect = VENDORS.get(connection.vendor)
    return dialect is not None and bool(dialect.found(connection))


def compare(alias: str) -> Difference:
    """What differs from what the models want."""
    connection, dialect = _at(alias)
    found = dialect.found(connection)
    difference = Difference([], [], [])
    tables = tracked(connection)
    for table in tables:
        wanted, there = dialect.wanted(connection, table), found.get(table.name, {})
        if not wanted.keys() <= there.keys():
            difference.missing.append(table.name)
        elif wanted != there:
            difference.outdated.append(table.name)
    difference.needless.extend(sorted(found.keys() - {table.name for table in tables}))
    return difference


def create(alias: str) -> list[str]:
    """Make the database's triggers what the models want, in one transaction; the tables that it was done to."""
    connection, dialect = _at(alias)
    with transaction.atomic(using=alias):
        difference = compare(alias)
        found = dialect.found(connection)
        changed = {*difference.missing, *difference.outdated}
        statements = list(dialect.before(connection)) if changed else []
        for table in tracked(connection):
            if table.name in changed:
                statements += [*_removals(connection, dialect, table, found), *dialect.creating(connection, table)]
        for name in difference.needless:
            statements += [dialect.removing(connection, name, trigger) for trigger in found[name]]
        _execute(connection, statements)
    return sorted({*changed, *difference.needless})


def remove(alias: str) -> list[str]:
    """Remove all of them; the tables that had some."""
    connection, dialect = _at(alias)
    with transaction.atomic(using=alias):
        found = dialect.found(connection)
        statements = [
            dialect.removing(connection, table, trigger) for table, triggers in found.items() for trigger in triggers
        ]
        _execute(connection, [*statements, *dialect.after(connection)])
    return sorted(found)


def _removals(connection: Any, dialect: ModuleType, table: Table, found: dict[str, dict[str, str]]) -> list[str]:
    return [dialect.removing(connection, table.name, trigger) for trigger in found.get(table.name, {})]


def _at(alias: str) -> tuple[Any, ModuleType]:
    connection = connections[alias]
    try:
        return connection, VENDORS[connection.vendor]
    except KeyError:
        raise NotImplementedError(
            f"The database {alias!r} is {connection.vendor}; triggers can be made on {', '.join(VENDORS)} only."
        ) from None


def _execute(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)

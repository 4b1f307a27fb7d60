"""Says which tables get triggers and which of their columns are noted; knows no SQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from rxsse.capture.statements import relation_fields
from rxsse.feeds.noted import is_readable
from rxsse.rows import label_of

UNTRACKED = frozenset({"rxsse", "sessions", "admin", "contenttypes", "migrations"})
"""Apps whose rows nobody shows: the outbox itself, and what Django keeps for itself."""


class Table(NamedTuple):
    """``keys``: columns of the primary key, none where its values can't be read. ``relations``: attname -> column."""

    name: str
    label: str
    keys: tuple[str, ...]
    relations: dict[str, str]


def tracked(connection: BaseDatabaseWrapper) -> list[Table]:
    """Every table of a model of this database, in the order of their names.

    All of them, since what a method field reads is known only when it has run. To note a write
    that nobody watches costs one look at an index.
    """
    with connection.cursor() as cursor:
        there = {info.name for info in connection.introspection.get_table_list(cursor) if info.type in ("t", "p")}
    tables = {
        table.name: table
        for model in apps.get_models(include_auto_created=True)
        if _belongs(model, connection.alias)
        for table in [_table(model)]
        if table.name in there
    }
    return [tables[name] for name in sorted(tables)]


def _belongs(model: type[Model], alias: str) -> bool:
    meta = model._meta
    if meta.proxy or meta.swapped or meta.app_label in UNTRACKED:
        return False
    return bool(router.allow_migrate_model(alias, model))


def _table(model: type[Model]) -> Table:
    fields = model._meta.pk_fields  # since Django 5.2
    keys = tuple(str(field.column) for field in fields) if all(map(is_readable, fields)) else ()
    relations = {field.attname: str(field.column) for field in relation_fields(model) if is_readable(field)}
    # Django takes a name that comes in quotes as it is.
    return Table(model._meta.db_table.strip('"'), label_of(model), keys, relations)


def each_operation() -> Iterator[str]:
    """The operations for which a table has a trigger."""
    yield from ("insert", "update", "delete")

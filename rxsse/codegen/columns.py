"""Model columns as types: what JSON a column's own value becomes; knows no serializers."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Field, Model

from rxsse.codegen.types import (
    BOOLEAN,
    JSON_VALUE,
    NULL,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Record,
    Term,
    Tuple,
    nullable,
    union,
)

# The most special first. A Decimal by itself is a number: only a DecimalField makes a string of it.
_KINDS: tuple[tuple[type[Field[Any, Any]], Term], ...] = (
    (models.BooleanField, BOOLEAN),
    (models.AutoField, NUMBER),
    (models.IntegerField, NUMBER),
    (models.FloatField, NUMBER),
    (models.DecimalField, NUMBER),
    (models.JSONField, JSON_VALUE),
    (models.UUIDField, STRING),
    (models.CharField, STRING),
    (models.TextField, STRING),
    (models.DateField, STRING),
    (models.TimeField, STRING),
    (models.DurationField, STRING),
    (models.GenericIPAddressField, STRING),
    (models.FilePathField, STRING),
    (models.BinaryField, STRING),
)


def value_of(column: Any) -> Term | None:
    """What a column's value is in JSON, null left aside; None where a field of one's own may hold anything."""
    column = source_of(column)
    if isinstance(column, models.GeneratedField):
        return value_of(column.output_field)
    if isinstance(column, models.CompositePrimaryKey):
        parts = [value_of(part) for part in column.fields]
        return Tuple(tuple(UNKNOWN if part is None else part for part in parts))
    if _converts(column):
        return None
    base = getattr(column, "base_field", None)  # PostgreSQL's arrays
    if isinstance(base, Field) and hasattr(column, "size"):
        item = value_of(base)
        return Array(nullable(item) if item is not None and base.null else item or UNKNOWN)
    if type(column).__name__ == "HStoreField":
        return Record(union(STRING, NULL))
    return next((term for kind, term in _KINDS if isinstance(column, kind)), None)


def key_of(model: type[Model]) -> Term | None:
    """What a row's primary key is in JSON."""
    return value_of(model._meta.pk)


def source_of(column: Any) -> Any:
    """The column whose values ``column`` holds, at the end of all foreign keys."""
    while isinstance(column, models.ForeignKey):
        column = column.target_field
    return column


def _converts(column: Any) -> bool:
    """Whether a field of one's own makes another Python value of what the database holds."""
    for kind in type(column).__mro__:
        if kind.__module__.startswith(("django.db.models.", "django.contrib.postgres.")):
            return False
        if "from_db_value" in vars(kind):
            return True
    return False

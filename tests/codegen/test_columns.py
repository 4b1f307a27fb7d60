"""Columns that no table of these tests has: those of PostgreSQL, and keys of several columns."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField, HStoreField
from django.db import models

from rxsse.codegen.columns import value_of
from rxsse.codegen.types import Term, write
from tests.codegen.shop.models import Money, Reversed, Visa
from tests.domain.models import Cover, Seat, Task


class Euro(models.DecimalField):  # type: ignore[type-arg]
    """A column of one's own that changes nothing of the value."""


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (ArrayField(models.IntegerField(null=True)), "(number | null)[]"),
        (ArrayField(ArrayField(models.UUIDField())), "string[][]"),
        (ArrayField(Money()), "unknown[]"),
        (HStoreField(), "Record<string, string | null>"),
        (Seat._meta.pk, "[number, number]"),
        (Cover._meta.pk, "number"),
        (Visa._meta.pk, "string"),
        (Task._meta.get_field("board"), "string"),
        (models.SmallAutoField(), "number"),
        (models.PositiveBigIntegerField(), "number"),
        (models.ImageField(), None),  # as it is, DRF would render what is in it
        (models.JSONField(), "JsonValue"),
        (Euro(max_digits=5, decimal_places=2), "number"),
        (Reversed(max_length=5), None),
        (Money(), None),
    ],
)
def test_what_a_column_is_in_json(column: Any, text: str | None) -> None:
    found: Term | None = value_of(column)
    assert (found if found is None else write(found, str)) == text

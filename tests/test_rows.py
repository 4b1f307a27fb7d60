"""Keys and values have one text each, on the writer's and on the owner's side."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models

from rxsse.rows import key_of, keys_of, label_of, pks_of, text_of
from tests.capture.models import Badge, Cafe, LoudProject, Project, Seat, Tag, Task

ID = uuid.uuid4()
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
EARLIER_ZONE = datetime.timezone(datetime.timedelta(hours=-5))


def test_a_proxy_has_its_models_label() -> None:
    assert label_of(LoudProject) == label_of(Project) == "capture.project"
    assert label_of(Cafe) == "capture.cafe"


@pytest.mark.parametrize(
    ("model", "given", "key"),
    [
        (Task, 7, "7"),
        (Task, "7", "7"),
        (Tag, ID, str(ID)),
        (Tag, ID.hex.upper(), str(ID)),
        (Badge, "a,b", "a,b"),
        (Cafe, "3", "3"),
        (Seat, ("A", "1"), "A,1"),
        (Seat, ["A,\\", 1], "A\\,\\\\,1"),
    ],
)
def test_keys(model: type[models.Model], given: Any, key: str) -> None:
    assert key_of(model, given) == key


@pytest.mark.parametrize("pk", [("A", 1), ("A,\\", -1), ("\\,", 0), ("", 7), (",,\n", 7)])
def test_a_composite_key_is_found_by_its_text(pk: tuple[str, int]) -> None:
    assert pks_of(Seat, [key_of(Seat, pk)]) == [pk]
    assert pks_of(Task, ["7"]) == ["7"]


def test_composite_keys_do_not_collide() -> None:
    class Pair(models.Model):
        pk = models.CompositePrimaryKey("left", "right")
        left = models.CharField(max_length=9)
        right = models.CharField(max_length=9)

        class Meta:
            app_label = "capture"
            managed = False

    assert key_of(Pair, ("a,", "b")) != key_of(Pair, ("a", ",b"))


def test_what_is_no_key() -> None:
    with pytest.raises(ValidationError):
        key_of(Task, "seven")
    with pytest.raises(ValueError, match="shorter"):
        key_of(Seat, ("A",))


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        (models.DateTimeField(), NOON, NOON.astimezone(EARLIER_ZONE)),
        (models.DecimalField(max_digits=5, decimal_places=2), Decimal("10"), "10.00"),
        (models.BinaryField(), b"\x01", memoryview(b"\x01")),
        (models.CharField(), 1, "1"),
    ],
)
def test_equal_values_have_equal_texts(field: models.Field[Any, Any], one: Any, other: Any) -> None:
    assert text_of(field, one) == text_of(field, other)


def test_values_of_foreign_keys_are_those_of_the_column_they_name() -> None:
    assert text_of(Badge._meta.get_field("person"), "ann") == "ann"
    assert text_of(Task._meta.get_field("project"), "07") == "7"
    assert text_of(Task._meta.get_field("project"), None) is None


def test_a_row_of_an_inherited_model_has_a_key_in_each_table() -> None:
    assert keys_of(Cafe(id=3, place_ptr_id=3)) == (("capture.cafe", "3"), ("capture.place", "3"))

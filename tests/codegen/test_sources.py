"""Ways through models, on their own: what is at the end, and how it can be missed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from rest_framework import serializers

from rxsse.codegen.hints import Hint
from rxsse.codegen.sources import follow
from tests.codegen.shop.models import Maker, Odd, Product, Status
from tests.domain.models import Board, Digest, Note, Report, Task


def seen(model: Any, way: str) -> tuple[Any, ...]:
    """What is at the end: a column's name, a model, an annotation; then null, broken, known, many."""
    found = follow(model, way.split(".") if way else [])
    at = found.model or (found.hint.value if found.hint else getattr(found.column, "name", None))
    flags = [name for name in ("null", "broken", "many") if getattr(found, name)]
    return (at, *flags, *([] if found.known else ["unknown"]))


@pytest.mark.parametrize(
    ("model", "way", "wanted"),
    [
        (Product, "", (Product,)),
        (Product, "pk", ("id",)),
        (Product, "name", ("name",)),
        (Product, "small", ("small", "null")),
        (Product, "maker", (Maker, "null")),
        (Product, "maker_id", ("maker", "null")),
        (Product, "maker.pk", ("id", "broken")),
        (Product, "maker.name", ("name", "broken")),
        (Product, "parent.maker.site", ("site", "null", "broken")),
        (Product, "children", (Product, "many")),
        (Product, "children.name", (None, "unknown")),
        (Product, "tags", (Product._meta.get_field("tags").related_model, "many")),
        (Maker, "passport.number", ("number", "null")),
        (Maker, "passport.visa.land", ("land", "null")),
        (Product, "maker.passport.number", ("number", "null", "broken")),
        (Product, "best_maker.name", ("name", "broken")),
        (Product, "shout", (str,)),
        (Product, "initial", (str | None, "null")),
        (Product, "unsaid", (None, "unknown")),
        (Product, "unsaid.name", (None, "unknown")),
        (Product, "nowhere", (None, "unknown")),
        (Product, "get_status_display", (str,)),
        (Product, "get_size_display", (str | None, "null")),
        (Product, "get_name_display", (None, "unknown")),
        (Product, "summary.count", (None, "unknown")),
        (Board, "next_task", (Task, "null")),
        (Board, "first_red.title", ("title", "broken")),
        (Board, "open_tasks", (QuerySet,)),  # Django drops what is in its brackets
        (Board, "notes", (Board._meta.get_field("notes").related_model, "many")),
        (Note, "target", (None, "null")),
        (Note, "target.title", (None, "broken", "unknown")),
        (Digest, "report_ptr", (Report,)),
        (Report, "digest", (Digest, "null")),
        (Odd, "letters", ("letters",)),
        (User, "get_full_name", (None, "unknown")),
        (None, "anything", (None, "unknown")),
    ],
)
def test_where_a_way_ends(model: Any, way: str, wanted: tuple[Any, ...]) -> None:
    assert seen(model, way) == wanted


def test_display_says_what_django_does() -> None:
    assert Product(status=Status.SOLD).get_status_display() == "Sold"
    assert Product(size=None).get_size_display() is None


def test_a_broken_way_is_what_drf_makes_of_it() -> None:
    class Shown(serializers.Serializer):  # type: ignore[type-arg]
        skipped = serializers.CharField(source="maker.name", read_only=True)
        none = serializers.CharField(source="maker.name", allow_null=True, read_only=True)
        default = serializers.CharField(source="maker.name", default="x", read_only=True)

    assert Shown().to_representation(Product()) == {"none": None, "default": "x"}


def test_a_hint_without_an_annotation_is_none() -> None:
    assert Hint.of(User.get_full_name) is None

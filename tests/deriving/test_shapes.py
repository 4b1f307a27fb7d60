"""Which querysets can be followed row by row, and in what order they come."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower, Now

from rxsse.deriving.shapes import Shape, shape_of
from tests.domain.models import Board, Comment, Digest, Document, Report, Sketch, Step, Task

ORDER = ("position", "pk")
USER = User(pk=3)


DECIDE_FOR_THEMSELVES: list[tuple[Any, Shape]] = [
    (lambda: Task.objects.all(), Shape(True, False, ORDER)),
    (lambda: Task.objects.filter(done=True), Shape(True, True, ORDER)),
    (lambda: Task.objects.filter(assignee=USER), Shape(True, True, ORDER)),
    (lambda: Task.objects.filter(assignee_id=3, pk__in=["a" * 32]), Shape(True, True, ORDER)),
    (lambda: Task.objects.filter(board="B"), Shape(True, True, ORDER)),
    (lambda: Task.objects.filter(Q(done=True) | ~Q(position__gt=3)), Shape(True, True, ORDER)),
    (lambda: Task.objects.exclude(title__startswith="x"), Shape(True, True, ORDER)),
    (lambda: Board.objects.filter(opened__year=2026), Shape(True, True, ())),
    (
        lambda: Board.objects.filter(opened__lt=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
        Shape(True, True, ()),
    ),
    (lambda: Comment.objects.all(), Shape(True, True, ("pk",))),
    (lambda: Step.objects.all(), Shape(True, False, ())),
    (lambda: Report.objects.filter(title="x", pages=1), Shape(True, True, ("title", "pk"))),
    (lambda: Digest.objects.filter(board=1), Shape(True, True, ("title", "pk"))),
    (lambda: Sketch.objects.all(), Shape(True, False, ("pk",))),
    (lambda: Task.objects.select_related("board"), Shape(True, False, ORDER)),
    (lambda: Task.objects.prefetch_related("labels"), Shape(True, False, ORDER)),
]


@pytest.mark.parametrize(("queryset", "shape"), DECIDE_FOR_THEMSELVES)
def test_rows_that_decide_for_themselves(queryset: Any, shape: Shape) -> None:
    assert shape_of(queryset()) == shape


DECIDED_ABOUT_BY_OTHERS: list[Any] = [
    lambda: Task.objects.filter(board__title="x"),
    lambda: Task.objects.filter(parent__title="x"),
    lambda: Task.objects.filter(labels="x"),
    lambda: Task.objects.filter(Q(done=True) | Q(comments__text="x")),
    lambda: Task.objects.exclude(comments__text="x"),
    lambda: Task.objects.filter(Exists(Comment.objects.filter(task=OuterRef("pk")))),
    lambda: Task.objects.filter(pk__in=Comment.objects.values("task")),
    lambda: Task.objects.filter(position=F("assignee_id")),
    lambda: Board.objects.filter(opened__lt=Now()),
    lambda: Task.objects.filter(position=RawSQL("1", ())),
    lambda: Task.objects.filter(position__in=[Value(1), F("assignee_id")]),
    lambda: Task.objects.distinct(),
    lambda: Task.objects.all()[:3],
    lambda: Task.objects.all()[2:],
    lambda: Task.objects.filter(done=True).union(Task.objects.all()),
    lambda: Task.objects.annotate(n=Count("comments")),
    lambda: Task.objects.annotate(n=Value(1)),
    lambda: Task.objects.only("title"),
    lambda: Task.objects.defer("title"),
    lambda: Task.objects.extra(where=["1=1"]),
    lambda: Task.objects.extra(tables=["domain_task"]),
    lambda: Task.objects.extra(select={"x": "1"}),
    lambda: Task.objects.order_by("parent__title"),
    lambda: Task.objects.order_by("parent"),
    lambda: Task.objects.order_by("board__title"),
    lambda: Task.objects.order_by(F("parent__position").desc()),
    lambda: Task.objects.order_by(RawSQL("1", ())),
    lambda: Task.objects.order_by(Subquery(Comment.objects.values("pk")[:1])),
    lambda: Task.objects.order_by(Lower(Subquery(Comment.objects.values("text")[:1]))),
    lambda: Task.objects.none(),
]


@pytest.mark.parametrize("queryset", DECIDED_ABOUT_BY_OTHERS)
def test_rows_that_others_decide_about(queryset: Any) -> None:
    assert not shape_of(queryset()).simple


@pytest.mark.parametrize(
    ("queryset", "order"),
    [
        (lambda: Task.objects.order_by(), ()),
        (lambda: Task.objects.order_by("-done", "title"), ("done", "title")),
        (lambda: Task.objects.order_by("pk"), ("pk",)),
        (lambda: Task.objects.order_by("assignee_id"), ("assignee_id",)),
        (lambda: Task.objects.order_by(F("position").desc(nulls_last=True)), ("position",)),
        (lambda: Task.objects.order_by("assignee"), None),
        (lambda: Task.objects.order_by("assignee__username"), None),
        (lambda: Task.objects.order_by("comments"), None),
        (lambda: Task.objects.order_by(Lower("title")), None),
        (lambda: Task.objects.order_by("?"), None),
        (lambda: Task.objects.extra(order_by=["title"]), None),
        (lambda: Task.objects.annotate(n=Count("comments")).order_by("n"), None),
        (lambda: Document.objects.order_by("board_id", "-title"), ("board_id", "title")),
    ],
)
def test_the_columns_that_an_order_depends_on(queryset: Any, order: tuple[str, ...] | None) -> None:
    assert shape_of(queryset()).order == order


@pytest.mark.parametrize("queryset", [*(queryset for queryset, _ in DECIDE_FOR_THEMSELVES), *DECIDED_ABOUT_BY_OTHERS])
def test_what_is_judged_without_its_sql_is_judged_as_by_it(queryset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = shape_of(queryset())
    monkeypatch.setattr("rxsse.deriving.shapes._order", lambda queryset: None)  # an order that may need other tables
    assert shape_of(queryset()).simple == judged.simple

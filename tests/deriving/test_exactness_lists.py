"""Anchors that are lists: rows enter, leave and move as the serializer would show them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Length, Lower
from rest_framework import serializers

from tests.deriving.support import Reader, channel_of
from tests.domain.models import Board, Comment, Document, Label, Report, Task, Team

pytestmark = pytest.mark.django_db


class ShortSerializer(serializers.ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = ("id", "title", "position")


class BriefBoardSerializer(serializers.ModelSerializer[Board]):
    class Meta:
        model = Board
        fields = ("id", "title")


class DocumentSerializer(serializers.ModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "title")


@pytest.fixture
def board() -> Board:
    return Board.objects.create(slug="b", code="B", title="Board")


@pytest.fixture
def tasks(board: Board) -> list[Task]:
    return [Task.objects.create(board=board, title=f"t{n}", position=n) for n in range(5)]


def read(queryset: Any, **options: Any) -> Reader:
    return Reader(channel_of(ShortSerializer(many=True), lambda self: queryset(), **options))


def test_rows_enter_leave_and_move_by_their_own_columns(board: Board, tasks: list[Task]) -> None:
    reader = read(lambda: Task.objects.filter(done=False).order_by("-position", "pk"))
    tasks[0].position = 9
    tasks[0].save()
    assert reader.check()[0]["title"] == "t0"
    assert [operation["op"] for operation in reader.operations] == ["move", "replace"]
    tasks[1].done = True
    tasks[1].save(update_fields=["done"])
    reader.check()
    assert [operation["op"] for operation in reader.operations] == ["remove"]
    Task.objects.filter(pk=tasks[1].pk).update(done=False, position=8)
    reader.check()
    tasks[2].delete()
    Task.objects.create(board=board, title="new", position=3)
    reader.check()


def test_a_filter_on_a_related_row(board: Board, tasks: list[Task]) -> None:
    team = Team.objects.create(name="blue")
    reader = read(lambda: Task.objects.filter(board__team__name="red"))
    assert reader.state == []
    board.team = team
    board.save()
    assert reader.check() == []
    team.name = "red"
    team.save()
    assert len(reader.check()) == 5
    Team.objects.update(name="blue")
    assert reader.check() == []


def test_a_filter_on_another_row_of_the_same_table(tasks: list[Task]) -> None:
    Task.objects.filter(pk=tasks[1].pk).update(parent=tasks[0])
    reader = read(lambda: Task.objects.filter(parent__title="chosen"))
    tasks[0].title = "chosen"
    tasks[0].save()
    assert [row["title"] for row in reader.check()] == ["t1"]
    tasks[0].title = "dropped"
    tasks[0].save()
    assert reader.check() == []


def test_an_order_by_another_row_of_the_same_table(tasks: list[Task]) -> None:
    for child, parent in ((1, 0), (3, 2)):
        Task.objects.filter(pk=tasks[child].pk).update(parent=tasks[parent])
    reader = read(lambda: Task.objects.filter(parent__isnull=False).order_by("parent__title"))
    assert [row["title"] for row in reader.state] == ["t1", "t3"]
    tasks[0].title = "z"
    tasks[0].save()
    assert [row["title"] for row in reader.check()] == ["t3", "t1"]


def test_an_order_by_a_row_of_another_table(tasks: list[Task]) -> None:
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    Task.objects.filter(pk=tasks[0].pk).update(assignee=bob)
    Task.objects.filter(pk=tasks[1].pk).update(assignee=ann)
    reader = read(lambda: Task.objects.filter(assignee__isnull=False).order_by("assignee__username"))
    assert [row["title"] for row in reader.state] == ["t1", "t0"]
    ann.username = "zoe"
    ann.save()
    assert [row["title"] for row in reader.check()] == ["t0", "t1"]


def test_the_edge_of_a_slice(board: Board, tasks: list[Task]) -> None:
    reader = read(lambda: Task.objects.order_by("position")[1:3])
    tasks[4].position = -1
    tasks[4].save()
    assert [row["title"] for row in reader.check()] == ["t0", "t1"]
    tasks[4].delete()
    assert [row["title"] for row in reader.check()] == ["t1", "t2"]
    Task.objects.all().delete()
    assert reader.check() == []


def test_distinct_over_a_join(tasks: list[Task]) -> None:
    red, pink = (Label.objects.create(key=key, colour="red") for key in ("red", "pink/~"))
    tasks[0].labels.set([red, pink])
    reader = read(lambda: Task.objects.filter(labels__colour="red").distinct())
    assert len(reader.state) == 1
    tasks[0].labels.remove(red)
    assert len(reader.check()) == 1
    tasks[1].labels.add(pink)
    assert len(reader.check()) == 2
    Label.objects.update(colour="blue")
    assert reader.check() == []


def test_a_join_that_finds_rows_more_than_once(tasks: list[Task]) -> None:
    red, pink = (Label.objects.create(key=key, colour="red") for key in ("red", "pink"))
    reader = read(lambda: Task.objects.filter(labels__colour="red").order_by("position"))
    tasks[0].labels.set([red, pink])
    assert len(reader.check()) == 2
    tasks[0].title = "twice"
    tasks[0].save()
    assert [row["title"] for row in reader.check()] == ["twice", "twice"]
    tasks[0].labels.clear()
    assert reader.check() == []


def test_an_annotation_that_decides_and_orders(board: Board, tasks: list[Task]) -> None:
    reader = read(lambda: Task.objects.annotate(n=Count("comments")).filter(n__gt=0).order_by("-n", "position"))
    ann = User.objects.create(username="ann")
    for task in (tasks[3], tasks[1], tasks[1]):
        Comment.objects.create(task=task, author=ann, text="x")
    assert [row["title"] for row in reader.check()] == ["t1", "t3"]
    Comment.objects.filter(task=tasks[1]).delete()
    assert [row["title"] for row in reader.check()] == ["t3"]


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Task.objects.filter(Exists(Comment.objects.filter(task=OuterRef("pk"), text="x"))),
        lambda: Task.objects.filter(pk__in=Comment.objects.filter(text="x").values("task")),
        lambda: Task.objects.annotate(
            last=Subquery(Comment.objects.filter(task=OuterRef("pk")).values("text")[:1])
        ).filter(last="x"),
        lambda: Task.objects.exclude(~Q(comments__text="x")).distinct(),
        lambda: (
            Task.objects.filter(position=1)
            .order_by()
            .union(Task.objects.filter(comments__text="x").order_by())
            .order_by("position")
        ),
    ],
    ids=["exists", "in", "subquery", "exclude", "union"],
)
def test_conditions_on_other_tables_however_they_are_put(tasks: list[Task], queryset: Any) -> None:
    reader = read(queryset)
    ann = User.objects.create(username="ann")
    comment = Comment.objects.create(task=tasks[2], author=ann, text="y")
    reader.check()
    comment.text = "x"
    comment.save()
    assert any(row["title"] == "t2" for row in reader.check())
    comment.delete()
    assert not any(row["title"] == "t2" for row in reader.check())


@pytest.mark.parametrize(
    "queryset",
    [
        lambda: Task.objects.order_by(F("parent").asc(nulls_last=True), "position", "pk"),
        lambda: Task.objects.order_by("assignee_id", "position", "pk"),
        lambda: Task.objects.order_by(Lower("title").desc(), "pk"),
        lambda: Task.objects.order_by("title", "pk").reverse(),
        lambda: Task.objects.order_by(RawSQL("domain_task.position", ()).desc(), "pk"),
        lambda: Task.objects.order_by(Subquery(Task.objects.filter(pk=OuterRef("parent")).values("title")), "pk"),
        lambda: Task.objects.filter(title__length__gt=1).order_by("position", "pk"),
        lambda: Task.objects.filter(position=F("assignee_id")).order_by("position", "pk"),
        lambda: Task.objects.filter(position__in=[1, 2, 3]).only("position"),
        lambda: Task.objects.extra(where=["title <> 't1'"], order_by=["position"]),
        lambda: Task.objects.none(),
    ],
)
def test_orders_and_conditions_on_own_columns(tasks: list[Task], queryset: Any) -> None:

    ann = User.objects.create(username="ann")
    with _length():
        reader = read(queryset)
        for changes in (
            {"parent": tasks[4]},
            {"assignee": ann},
            {"title": "Zz"},
            {"title": "t1"},
            {"position": ann.pk},
            {"position": 2},
        ):
            Task.objects.filter(pk=tasks[0].pk).update(**changes)
            reader.check()
        tasks[3].delete()
        reader.check()


def _length() -> Any:
    from django.db.models import CharField
    from django.test.utils import register_lookup

    return register_lookup(CharField, Length, lookup_name="length")


def test_a_random_order_shows_the_right_rows(tasks: list[Task]) -> None:
    channel = channel_of(ShortSerializer(many=True), lambda self: Task.objects.filter(done=False).order_by("?"))
    from rxsse.testing import subscribe

    reader = subscribe(channel)
    tasks[0].done = True
    tasks[0].save()
    Task.objects.filter(pk=tasks[1].pk).update(title="x")
    assert sorted(row["title"] for row in reader.state) == ["t2", "t3", "t4", "x"]


def test_the_rows_of_a_model_further_down_the_family(board: Board) -> None:
    report = Report.objects.create(board=board, title="a", pages=1)
    channel = channel_of(DocumentSerializer(many=True), lambda self: Report.objects.filter(pages__gt=1))
    reader = Reader(channel)
    assert reader.state == []
    report.pages = 2
    report.save(update_fields=["pages"])
    assert len(reader.check()) == 1
    report.title = "b"
    report.save()
    assert reader.check()[0]["title"] == "b"
    Document.objects.all().delete()
    assert reader.check() == []


def test_select_and_prefetch_related_in_the_queryset(board: Board, tasks: list[Task]) -> None:
    ann = User.objects.create(username="ann")
    label = Label.objects.create(key="l", colour="red")

    class Serializer(serializers.ModelSerializer[Task]):
        name = serializers.CharField(source="assignee.username", default=None)
        board_title = serializers.SerializerMethodField()
        colours = serializers.SerializerMethodField()
        present = serializers.SerializerMethodField()

        class Meta:
            model = Task
            fields = ("id", "title", "name", "board_title", "colours", "present")

        def get_board_title(self, task: Any) -> str:
            return str(task.board.title)

        def get_colours(self, task: Any) -> list[str]:
            return sorted(label.colour for label in task.labels.all())

        def get_present(self, task: Any) -> list[str]:
            return [comment.text for comment in task.present]

    channel = channel_of(
        Serializer(many=True),
        lambda self: Task.objects.select_related("assignee", "board__team").prefetch_related(
            "labels", Prefetch("comments", Comment.objects.filter(removed=False).order_by("text"), to_attr="present")
        ),
    )
    reader = Reader(channel)
    Task.objects.filter(pk=tasks[0].pk).update(assignee=ann)
    assert reader.check()[0]["name"] == "ann"
    User.objects.update(username="bob")
    assert reader.check()[0]["name"] == "bob"
    board.title = "Other"
    board.save()
    assert reader.check()[0]["board_title"] == "Other"
    tasks[1].labels.add(label)
    assert reader.check()[1]["colours"] == ["red"]
    Label.objects.update(colour="blue")
    assert reader.check()[1]["colours"] == ["blue"]
    comment = Comment.objects.create(task=tasks[2], author=ann, text="z")
    assert reader.check()[2]["present"] == ["z"]
    comment.removed = True
    comment.save()
    assert reader.check()[2]["present"] == []


def test_a_list_that_looks_at_its_arguments(board: Board, tasks: list[Task]) -> None:
    other = Board.objects.create(slug="o", code="O", title="Other")
    channel = channel_of(ShortSerializer(many=True), lambda self: Task.objects.filter(board__slug=self.kwargs["slug"]))
    here, there = Reader(channel, slug="b"), Reader(channel, slug="o")
    Task.objects.filter(title="t3").update(board=other)
    assert len(here.check()) == 4
    assert [row["title"] for row in there.check()] == ["t3"]
    Board.objects.filter(pk=board.pk).update(slug="x")
    assert here.check() == []

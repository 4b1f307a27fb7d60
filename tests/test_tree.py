"""What a serializer says about its rows: columns, relations of each kind, and what can only be run."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework import serializers

from rxsse.exceptions import DeclarationError
from rxsse.tree import Edge, EdgeKind, Leaf, Link, Node, Tree, build, key_labels, labels_of
from tests.domain.models import (
    Board,
    Comment,
    Cover,
    Digest,
    Document,
    Label,
    Note,
    Profile,
    Report,
    Secret,
    Sketch,
    Step,
    Task,
    Watch,
)
from tests.domain.serializers import BoardSerializer, PrivateBoardSerializer, SecretSerializer, TaskSerializer


def made(model: Any, *names: str, base: Any = serializers.ModelSerializer, meta: Any = None, **members: Any) -> Any:
    """A serializer class of ``model`` with ``names`` and ``members``."""
    fields = (name for name, value in members.items() if isinstance(value, serializers.Field))
    options = {"model": model, "fields": (*names, *fields), **(meta or {})}
    return type(f"{model.__name__}Made", (base,), {**members, "Meta": type("Meta", (), options)})


def brief(model: Any, **options: Any) -> Any:
    return made(model, "pk")(**options)


def member(serializer: Any, name: str) -> Any:
    return next(each for each in build(serializer).node.members if each.name == name)


def edge_to(model: Any, nested: Any, name: str = "nested", **members: Any) -> Edge:
    found = member(made(model, **{name: nested}, **members)(), name)
    assert isinstance(found, Edge)
    return found


# --- edges -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "accessor", "child", "attname", "by_key"),
    [
        (Board, "team", brief(Board._meta.get_field("team").related_model), "team_id", True),
        (Task, "board", brief(Board), "board_id", False),
        (Cover, "board", brief(Board), "board_id", True),
        (Task, "parent", brief(Task), "parent_id", True),
        (Digest, "report_ptr", brief(Report), "report_ptr_id", True),
        (Digest, "reviewer", brief(User), "reviewer_id", True),
    ],
)
def test_columns_that_lead_to_a_row(model: Any, accessor: str, child: Any, attname: str, by_key: bool) -> None:
    edge = edge_to(model, child, accessor)
    assert (edge.kind, edge.attname, edge.by_key) == (EdgeKind.FORWARD, attname, by_key)
    assert (edge.accessor, edge.many, edge.link) == (accessor, False, None)


@pytest.mark.parametrize(
    ("model", "accessor", "child", "link"),
    [
        (User, "profile", Profile, Link(Profile, "domain.profile", "user_id", False, True)),
        (Board, "cover", Cover, Link(Cover, "domain.cover", "board_id", False, True)),
        (Document, "report", Report, Link(Report, "domain.report", "document_ptr_id", False, True)),
    ],
)
def test_the_other_end_of_a_one_to_one(model: Any, accessor: str, child: Any, link: Link) -> None:
    edge = edge_to(model, brief(child), accessor)
    assert edge.kind is EdgeKind.REVERSE_ONE
    assert same_link(edge, link)
    assert not edge.filtered


@pytest.mark.parametrize(
    ("model", "accessor", "child", "link"),
    [
        (Board, "tasks", Task, Link(Task, "domain.task", "board_id", False, False)),
        (Task, "steps", Step, Link(Step, "domain.step", "task_id", False, True)),
        (Task, "children", Task, Link(Task, "domain.task", "parent_id", False, True)),
        (Task, "labels", Label, Link(Label, "domain.task_labels", "task_id", True, True)),
        (Label, "tasks", Task, Link(Task, "domain.task_labels", "label_id", True, True)),
        (Task, "watchers", User, Link(User, "domain.watch", "task_id", True, True)),
        (User, "watched", Task, Link(Task, "domain.watch", "user_id", True, True)),
        (Task, "notes", Note, Link(Note, "domain.note", "object_id", False, True)),
    ],
)
def test_lists(model: Any, accessor: str, child: Any, link: Link) -> None:
    edge = edge_to(model, brief(child, many=True), accessor)
    assert (edge.kind, edge.by_key, edge.many) == (EdgeKind.LIST, link.by_key, True)
    assert same_link(edge, link)
    assert not edge.filtered


def same_link(edge: Edge, link: Link) -> bool:
    names = ("model", "label", "parent_attname", "through", "by_key")
    return edge.by_key == link.by_key and all(getattr(edge.link, name) == getattr(link, name) for name in names)


def test_a_list_whose_manager_leaves_rows_out() -> None:
    assert edge_to(Task, brief(Comment, many=True), "comments").filtered


@pytest.mark.parametrize(
    ("model", "child"),
    [(Task, Task), (Report, Document), (Digest, Document), (Sketch, Document)],
)
def test_the_same_row_once_more(model: Any, child: Any) -> None:
    assert edge_to(model, brief(child, source="*")).kind is EdgeKind.SAME


class Found(made(Task, "pk")):  # type: ignore[misc]
    def get_attribute(self, instance: Any) -> Any:
        return instance.next_task


@pytest.mark.parametrize(
    "nested",
    [
        brief(Task, source="next_task"),
        brief(Task, source="open_tasks", many=True),
        brief(User, source="team.profiles.first"),
        brief(Task, source="tasks.all", many=True),
        brief(Task, source="nowhere"),
        brief(Task, source="tasks"),
        brief(Cover, source="cover", many=True),
        brief(Task, source="*"),
        brief(Board, source="*", many=True),
        Found(source="cover"),
    ],
)
def test_what_can_only_be_run(nested: Any) -> None:
    edge = edge_to(Board, nested)
    assert (edge.kind, edge.link) == (EdgeKind.OPEN, None)
    assert build(made(Board, nested=nested)()).node.tracked


# --- leaves ------------------------------------------------------------------------------


class Shouting(serializers.CharField):
    pass


@pytest.mark.parametrize(
    ("model", "field", "column"),
    [
        (Board, serializers.CharField(source="title"), True),
        (Board, serializers.IntegerField(source="pk"), True),
        (Board, serializers.JSONField(source="settings"), True),
        (Board, serializers.ListField(child=serializers.IntegerField(), source="settings"), True),
        (
            Board,
            serializers.DictField(child=serializers.ListField(child=serializers.CharField()), source="settings"),
            True,
        ),
        (Board, serializers.PrimaryKeyRelatedField(source="team", read_only=True), True),
        (Task, serializers.PrimaryKeyRelatedField(source="board", read_only=True), True),
        (
            Task,
            serializers.PrimaryKeyRelatedField(
                source="parent", read_only=True, pk_field=serializers.UUIDField(format="hex")
            ),
            True,
        ),
        (Report, serializers.CharField(source="title"), True),
        (Board, serializers.IntegerField(source="team_id"), True),
        # A key that is itself a relation, as in a one-to-one, is read through it.
        (Cover, serializers.IntegerField(source="pk"), False),
        (Task, serializers.PrimaryKeyRelatedField(source="parent", read_only=True, pk_field=Shouting()), False),
        (Board, serializers.PrimaryKeyRelatedField(source="cover", read_only=True), False),
        (Board, serializers.PrimaryKeyRelatedField(source="nothing", read_only=True), False),
        (Board, serializers.PrimaryKeyRelatedField(source="tasks", many=True, read_only=True), False),
        (Board, serializers.StringRelatedField(source="team"), False),
        (Board, serializers.SlugRelatedField(source="team", slug_field="name", read_only=True), False),
        (Board, serializers.SerializerMethodField(method_name="get_it"), False),
        (Board, serializers.CharField(source="shout"), False),
        (Board, serializers.CharField(source="team.name"), False),
        (Board, serializers.CharField(source="*"), False),
        (Board, Shouting(source="title"), False),
        (Board, serializers.ListField(child=Shouting(), source="settings"), False),
        (Board, serializers.ModelField(model_field=Board._meta.get_field("stamp"), source="stamp"), False),
    ],
)
def test_values_that_depend_on_a_column_alone(model: Any, field: Any, column: bool) -> None:
    leaf = member(made(model, "pk", value=field, get_it=lambda self, row: 1)(), "value")
    assert isinstance(leaf, Leaf)
    assert leaf.column is column


def test_what_is_written_only_has_no_place() -> None:
    serializer = made(
        Board,
        "title",
        code=serializers.CharField(write_only=True),
        user=serializers.HiddenField(default=1),
    )()
    assert [each.name for each in build(serializer).node.members] == ["title"]


class Total(serializers.Serializer[Any]):
    total = serializers.IntegerField(source="rating")


class Sorted(serializers.ListSerializer[Any]):
    def to_representation(self, rows: Any) -> list[Any]:
        return sorted(super().to_representation(rows), key=str)


@pytest.mark.parametrize(
    "nested",
    [
        Total(source="*"),
        Total(source="tasks", many=True),
        made(Task, "pk", meta={"list_serializer_class": Sorted})(source="tasks", many=True),
    ],
)
def test_nested_serializers_that_are_not_made_of_rows_are_leaves(nested: Any) -> None:
    leaf = member(made(Board, nested=nested)(), "nested")
    assert isinstance(leaf, Leaf)
    assert not leaf.column


# --- nodes and trees ---------------------------------------------------------------------


class Whole(made(Task, "pk")):  # type: ignore[misc]
    def to_representation(self, instance: Any) -> Any:
        return {"pk": str(instance.pk)}


def test_a_serializer_that_makes_its_json_itself_is_whole() -> None:
    node = build(Whole()).node
    assert (node.whole, node.tracked, node.members) == (True, True, [])
    patched = made(Task, "title")()
    patched.to_representation = lambda instance: {}
    assert build(patched).node.whole


def test_a_node_of_columns_and_relations_need_not_be_recorded() -> None:
    serializer = made(Task, "title", labels=made(Label, "key")(many=True))()
    assert [node.tracked for node in build(serializer).node.walk()] == [False, False]


def test_what_is_worth_loading_for_all_rows_at_once() -> None:
    serializer = made(
        User,
        "username",
        profile=brief(Profile),
        bio=serializers.CharField(source="profile.bio"),
        boards=made(
            Board,
            "team",
            owner=brief(User),
            team_name=serializers.CharField(source="team.name"),
            shout=serializers.CharField(),
        )(many=True),
    )()
    tree = build(serializer)
    assert tree.node.hops == ("profile",)
    assert tree.edges[1][1].child.hops == ("owner", "team")


def test_a_trees_labels_name_every_table() -> None:
    labels = build(BoardSerializer()).labels
    assert {"domain.board", "domain.task", "domain.task_labels", "auth.user", "domain.note", "domain.watch"} <= labels
    assert build(made(Digest, "pk")()).labels == {"domain.digest", "domain.report", "domain.document"}
    assert labels_of(Sketch) == ("domain.document",)


def test_edges_are_listed_with_where_they_start() -> None:
    tree = build(TaskSerializer(many=True))
    assert tree.many
    assert all(edge in node.members for node, edge in tree.edges)
    assert {edge.name for _, edge in tree.edges} >= {"plan", "assignee", "profile", "team", "comments", "author"}


# --- user_key ----------------------------------------------------------------------------


def test_rows_that_belong_to_a_user() -> None:
    tree = build(PrivateBoardSerializer())
    assert tree.per_user
    assert [node.user_attname for node in tree.node.walk()] == [None, "owner_id"]
    assert not build(BoardSerializer()).per_user
    assert build(made(User, "pk", meta={"user_key": "id"})()).node.user_attname == "id"


def refusal(serializer: Any) -> str:
    with pytest.raises(DeclarationError) as caught:
        build(serializer)
    return str(caught.value)


def test_a_user_key_that_is_no_field() -> None:
    assert refusal(made(Secret, "pk", meta={"user_key": "nobody"})()) == (
        "SecretMade.Meta.user_key is 'nobody', which is no field of Secret; "
        "name the foreign key to the user that a row belongs to"
    )


def test_a_user_key_that_is_no_column() -> None:
    assert refusal(made(Task, "pk", meta={"user_key": "watchers"})()) == (
        "TaskMade.Meta.user_key 'watchers' is not a column; name a foreign key to the user"
    )
    assert "is not a column" in refusal(made(Board, "pk", meta={"user_key": "tasks"})())


@pytest.mark.parametrize(("model", "name"), [(Secret, "board"), (Secret, "text"), (Task, "board"), (Watch, "rank")])
def test_a_user_key_that_names_nobody(model: Any, name: str) -> None:
    """What it holds could be another user's key by chance."""
    assert refusal(made(model, "pk", meta={"user_key": name})()) == (
        f"{model.__name__}Made.Meta.user_key {name!r} does not hold a user's primary key; "
        "name a foreign key to the user that a row belongs to"
    )


class Making(made(Board, "pk", secrets=SecretSerializer(many=True))):  # type: ignore[misc]
    def to_representation(self, instance: Any) -> Any:
        return super().to_representation(instance)


class Holding(serializers.Serializer[Any]):
    inner = serializers.ListField()
    secrets = SecretSerializer(many=True)


@pytest.mark.parametrize(
    "serializer",
    [
        Making(),
        made(Board, "pk", other=Making(source="*"))(),
        made(Board, "pk", other=Holding(source="*"))(),
        made(
            Board,
            "pk",
            secrets=made(Secret, "pk", meta={"user_key": "owner", "list_serializer_class": Sorted})(many=True),
        )(),
    ],
)
def test_a_user_key_where_it_could_not_be_kept(serializer: Any) -> None:
    message = refusal(serializer)
    assert message.endswith(
        ".Meta.user_key can't be kept where a serializer makes its JSON itself; "
        "nest it under a ModelSerializer and a ListSerializer without a to_representation of their own"
    )


# --- anchors -----------------------------------------------------------------------------


def test_anchors_of_no_model() -> None:
    assert refusal(Total()) == ("Total is not a ModelSerializer; an anchor must say which model's rows it shows")
    assert refusal(Total(many=True)).startswith("Total is not a ModelSerializer")


def test_an_anchor_that_is_a_list_of_its_own_making() -> None:
    anchor = made(Task, "pk", meta={"list_serializer_class": Sorted})(many=True)
    assert refusal(anchor) == (
        "Sorted has a to_representation of its own; "
        "an anchor that is a list is shown in get_queryset()'s order: put the rule there"
    )


def test_one_row_or_many() -> None:
    one, many = build(made(Task, "pk")()), build(made(Task, "pk")(many=True))
    assert (one.many, many.many) == (False, True)
    assert isinstance(one, Tree)
    assert isinstance(one.node, Node)


def test_the_tables_that_share_a_rows_key() -> None:
    assert key_labels(Digest) == ("domain.digest", "domain.report", "domain.document")
    assert key_labels(Sketch) == ("domain.document",)
    assert key_labels(Cover) == ("domain.cover",)

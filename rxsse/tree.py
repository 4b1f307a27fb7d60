"""Turns a serializer into a tree of nodes: which parts are columns, which are relations, which are neither.

Knows serializers and models, never rows: nothing here reads the database.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.fields import ReverseGenericManyToOneDescriptor
from django.db.models import Field as ModelField
from django.db.models import ForeignKey, Model
from django.db.models.fields.related_descriptors import (
    ForwardManyToOneDescriptor,
    ForwardOneToOneDescriptor,
    ManyToManyDescriptor,
    ReverseManyToOneDescriptor,
    ReverseOneToOneDescriptor,
)
from django.db.models.query_utils import DeferredAttribute
from rest_framework import fields as drf_fields
from rest_framework import relations as drf_relations
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer, ListSerializer, ModelSerializer, Serializer

from rxsse.exceptions import DeclarationError
from rxsse.rows import label_of

# Stock fields whose output depends on the value alone. Not among them: SerializerMethodField
# and ModelField, which are given the whole instance.
_PLAIN_FIELDS = frozenset(
    kind
    for kind in vars(drf_fields).values()
    if isinstance(kind, type)
    and issubclass(kind, Field)
    and kind not in {drf_fields.SerializerMethodField, drf_fields.ModelField, drf_fields.HiddenField}
)


class EdgeKind(Enum):
    """How a nested serializer's rows are found from their parent."""

    SAME = "same"
    """``source="*"``: the parent's own row."""
    FORWARD = "forward"
    """A foreign key or one-to-one column of the parent."""
    REVERSE_ONE = "reverse-one"
    """The other end of a one-to-one column."""
    LIST = "list"
    """A reverse foreign key, many-to-many or generic relation."""
    OPEN = "open"
    """Anything else (a property, a dotted path, a manager method): found by running it."""


@dataclass(eq=False, slots=True)
class Leaf:
    """A member whose value is not made of rows. ``column``: it depends on its own row's columns alone."""

    name: str
    field: Field[Any, Any, Any, Any]
    column: bool
    source: str


@dataclass(eq=False, slots=True)
class Link:
    """Where a list's membership is written: the table and columns that tie child to parent.

    ``model`` is what the relation leads to. ``label`` is the model that carries
    ``parent_attname``; ``through`` says that it is a many-to-many's own table rather than the
    child's. ``by_key``: the column holds the parent's primary key.
    """

    model: type[Model]
    label: str
    parent_attname: str
    through: bool
    by_key: bool


@dataclass(eq=False, slots=True)
class Edge:
    """A member made of rows. ``by_key``: whatever ties child to parent is a primary key, which never changes."""

    name: str
    field: Field[Any, Any, Any, Any]
    kind: EdgeKind
    many: bool
    child: Node
    accessor: str = ""
    attname: str = ""
    by_key: bool = True
    link: Link | None = None

    @property
    def filtered(self) -> bool:
        """Whether the relation leaves some of the parent's rows out (a default manager that filters)."""
        return self.link is not None and self.kind is EdgeKind.LIST and _is_filtered(self.link.model)


@dataclass(eq=False, slots=True)
class Node:
    """One serializer's place in the tree. ``whole``: its JSON is made by code that can't be looked into."""

    serializer: Serializer[Any]
    model: type[Model]
    label: str
    whole: bool
    members: list[Leaf | Edge] = field(default_factory=list)
    user_attname: str | None = None
    hops: tuple[str, ...] = ()

    @property
    def tracked(self) -> bool:
        """Whether reading a row of this node must be recorded."""
        return self.whole or any(
            member.kind is EdgeKind.OPEN if isinstance(member, Edge) else not member.column for member in self.members
        )

    def walk(self) -> Iterator[Node]:
        """This node and every one below it."""
        yield self
        for member in self.members:
            if isinstance(member, Edge):
                yield from member.child.walk()


@dataclass(eq=False, slots=True)
class Tree:
    """An anchor: one row (``many`` false) or a list of them."""

    node: Node
    many: bool
    edges: list[tuple[Node, Edge]] = field(init=False)
    """Every edge with the node it starts from."""

    def __post_init__(self) -> None:
        self.edges = [(n, m) for n in self.node.walk() for m in n.members if isinstance(m, Edge)]

    @property
    def labels(self) -> frozenset[str]:
        """Every model that the structure names, many-to-many tables and parents of models included."""
        labels: set[str] = set()
        for node in self.node.walk():
            labels.update(labels_of(node.model))
        labels.update(edge.link.label for _, edge in self.edges if edge.link is not None)
        return frozenset(labels)

    @property
    def per_user(self) -> bool:
        """Whether some rows belong to one user."""
        return any(node.user_attname is not None for node in self.node.walk())


@lru_cache(maxsize=1024)
def _is_filtered(model: type[Model]) -> bool:
    return bool(model._default_manager.all().query.where)


@lru_cache(maxsize=1024)
def labels_of(model: type[Model]) -> tuple[str, ...]:
    """The labels of every table in which a row of ``model`` is stored."""
    concrete = model._meta.concrete_model or model
    return (label_of(concrete), *(label_of(parent) for parent in concrete._meta.all_parents))


@lru_cache(maxsize=1024)
def key_labels(model: type[Model]) -> tuple[str, ...]:
    """Those of `labels_of` in which a row of ``model`` has the key that it has itself: not a second parent's."""
    labels = [label_of(model)]
    key: Any = (model._meta.concrete_model or model)._meta.pk
    while key.remote_field is not None and key.remote_field.parent_link:
        labels.append(label_of(key.remote_field.model))
        key = key.remote_field.model._meta.pk
    return tuple(labels)


def shape_of(anchor: BaseSerializer[Any]) -> tuple[bool, type[Model]]:
    """Whether an anchor is a list, and of which model; raises `DeclarationError` where it says none."""
    many = isinstance(anchor, ListSerializer)
    serializer = anchor.child if isinstance(anchor, ListSerializer) else anchor
    if not isinstance(serializer, ModelSerializer):
        raise DeclarationError(
            f"{type(serializer).__name__} is not a ModelSerializer; an anchor must say which model's rows it shows"
        )
    return many, serializer.Meta.model


def build(anchor: BaseSerializer[Any]) -> Tree:
    """Build the tree of a bound anchor; raises `DeclarationError` where it is not made of model rows."""
    many, _ = shape_of(anchor)
    serializer: Any = anchor.child if isinstance(anchor, ListSerializer) else anchor
    if isinstance(anchor, ListSerializer) and not _is_stock_list(anchor):
        raise DeclarationError(
            f"{type(anchor).__name__} has a to_representation of its own; "
            "an anchor that is a list is shown in get_queryset()'s order: put the rule there"
        )
    return Tree(_node(serializer), many)


def outline(node: Node) -> tuple[Any, ...]:
    """Equal for two trees that show the same: made of each member's name, kind and arguments."""
    if node.whole:
        return type(node.serializer), tuple((name, repr(field)) for name, field in node.serializer.fields.items())
    members = tuple(
        (member.name, outline(member.child) if isinstance(member, Edge) else repr(member.field))
        for member in node.members
    )
    return type(node.serializer), members


def _node(serializer: Serializer[Any]) -> Node:
    model: type[Model] = serializer.Meta.model  # type: ignore[attr-defined]
    whole = not _is_stock(serializer, Serializer, "to_representation")
    node = Node(serializer, model, label_of(model), whole, user_attname=_user_attname(serializer, model))
    if whole:
        _refuse_hidden_user_keys(serializer)
        return node
    for name, member in serializer.fields.items():
        if not member.write_only:
            node.members.append(_member(name, member, model))
    node.hops = _hops(node)
    return node


def _member(name: str, member: Field[Any, Any, Any, Any], model: type[Model]) -> Leaf | Edge:
    if isinstance(member, BaseSerializer):
        edge = _edge(name, member, model)
        if edge is not None:
            return edge
        _refuse_user_key(member)
    return Leaf(name, member, _is_column(member, model), str(member.source))


def _edge(name: str, member: BaseSerializer[Any], model: type[Model]) -> Edge | None:
    """None where the nested serializer isn't made of one model's rows: then it is a leaf."""
    many = isinstance(member, ListSerializer)
    serializer = member.child if isinstance(member, ListSerializer) else member
    if not isinstance(serializer, ModelSerializer) or getattr(serializer.Meta, "model", None) is None:
        return None
    if isinstance(member, ListSerializer) and not _is_stock_list(member):
        return None
    child = _node(serializer)
    stock = _is_stock(member, Field, "get_attribute")
    edge = Edge(name, member, EdgeKind.OPEN, many, child)
    if not stock:
        return edge
    if not member.source_attrs:
        edge.kind = EdgeKind.SAME if issubclass(model, child.model) and not many else EdgeKind.OPEN
    elif len(member.source_attrs) == 1:
        _classify(edge, model, member.source_attrs[0])
    return edge


def _classify(edge: Edge, model: type[Model], accessor: str) -> None:
    """Find out how ``accessor`` reaches the child's rows, from the class's own descriptor."""
    descriptor = inspect.getattr_static(model, accessor, None)
    edge.accessor = accessor
    if edge.many:
        link = _link(descriptor)
        if link is not None:
            edge.kind, edge.link, edge.by_key = EdgeKind.LIST, link, link.by_key
    elif type(descriptor) in (ForwardManyToOneDescriptor, ForwardOneToOneDescriptor):
        column: Any = descriptor.field
        edge.kind, edge.attname, edge.by_key = EdgeKind.FORWARD, column.attname, _targets_key(column)
    elif type(descriptor) is ReverseOneToOneDescriptor:
        edge.kind, edge.link = EdgeKind.REVERSE_ONE, _column_link(descriptor.related.field)


def _link(descriptor: Any) -> Link | None:
    if type(descriptor) is ReverseManyToOneDescriptor:
        return _column_link(descriptor.rel.field)
    if type(descriptor) is ManyToManyDescriptor:
        relation: Any = descriptor.rel
        through: Any = relation.through
        name = relation.field.m2m_reverse_field_name() if descriptor.reverse else relation.field.m2m_field_name()
        column = through._meta.get_field(name)
        model = relation.model if not descriptor.reverse else relation.related_model
        return Link(model, label_of(through), column.attname, True, _targets_key(column))
    if type(descriptor) is ReverseGenericManyToOneDescriptor:
        generic: Any = descriptor.rel
        child: type[Model] = generic.model
        object_id: Any = child._meta.get_field(generic.field.object_id_field_name)
        return Link(child, label_of(child), object_id.attname, False, True)
    return None


def _column_link(column: ForeignKey[Any, Any]) -> Link:
    return Link(column.model, label_of(column.model), column.attname, False, _targets_key(column))


def _targets_key(column: Any) -> bool:
    return bool(column.target_field.primary_key)


def _is_column(member: Field[Any, Any, Any, Any], model: type[Model]) -> bool:
    attrs = member.source_attrs
    if len(attrs) != 1:
        return False
    if type(member) is drf_relations.PrimaryKeyRelatedField:
        descriptor = inspect.getattr_static(model, attrs[0], None)
        plain = member.pk_field is None or type(member.pk_field) in _PLAIN_FIELDS
        return plain and type(descriptor) in (ForwardManyToOneDescriptor, ForwardOneToOneDescriptor)
    if not _is_plain(member):
        return False
    name = attrs[0]
    if name == "pk":
        return isinstance(model._meta.pk, ModelField) and not model._meta.pk.is_relation
    return isinstance(inspect.getattr_static(model, name, None), DeferredAttribute)


def _is_plain(member: Field[Any, Any, Any, Any]) -> bool:
    child = getattr(member, "child", None)
    return type(member) in _PLAIN_FIELDS and (child is None or _is_plain(child))


def _is_stock(member: Any, base: type, method: str) -> bool:
    """Whether ``method`` is DRF's own."""
    return method not in vars(member) and getattr(type(member), method) is getattr(base, method)


def _is_stock_list(member: ListSerializer[Any]) -> bool:
    return _is_stock(member, ListSerializer, "to_representation")


def _user_attname(serializer: Serializer[Any], model: type[Model]) -> str | None:
    name = getattr(serializer.Meta, "user_key", None)  # type: ignore[attr-defined]
    if name is None:
        return None
    try:
        column = model._meta.get_field(name)
    except Exception as error:
        raise DeclarationError(
            f"{type(serializer).__name__}.Meta.user_key is {name!r}, which is no field of {model.__name__}; "
            "name the foreign key to the user that a row belongs to"
        ) from error
    if not getattr(column, "concrete", False) or column.many_to_many:
        raise DeclarationError(
            f"{type(serializer).__name__}.Meta.user_key {name!r} is not a column; name a foreign key to the user"
        )
    if _source_of(column) is not _source_of(get_user_model()._meta.pk):
        # What it holds could be another user's key by chance.
        raise DeclarationError(
            f"{type(serializer).__name__}.Meta.user_key {name!r} does not hold a user's primary key; "
            "name a foreign key to the user that a row belongs to"
        )
    return str(column.attname)  # type: ignore[union-attr]


def _source_of(column: Any) -> Any:
    """The column whose values ``column`` holds, at the end of all foreign keys."""
    while column.remote_field is not None:
        column = column.target_field
    return column


def _refuse_hidden_user_keys(member: Any) -> None:
    """A user_key below code that rxsse can't look into could not be kept: say so instead of leaking."""
    serializer = getattr(member, "child", member)
    for nested in getattr(serializer, "fields", {}).values():
        if isinstance(nested, BaseSerializer):
            _refuse_user_key(nested)


def _refuse_user_key(member: Any) -> None:
    serializer = getattr(member, "child", member)
    if getattr(getattr(serializer, "Meta", None), "user_key", None) is not None:
        raise DeclarationError(
            f"{type(serializer).__name__}.Meta.user_key can't be kept where a serializer makes its JSON itself; "
            "nest it under a ModelSerializer and a ListSerializer without a to_representation of their own"
        )
    _refuse_hidden_user_keys(member)


def _hops(node: Node) -> tuple[str, ...]:
    """The forward relations worth loading for all rows at once, before any leaf is read."""
    hops: dict[str, None] = {}
    for member in node.members:
        if isinstance(member, Edge):
            if member.kind in (EdgeKind.FORWARD, EdgeKind.REVERSE_ONE):
                hops[member.accessor] = None
            continue
        first = member.source.split(".", 1)[0]
        descriptor = inspect.getattr_static(node.model, first, None)
        if not member.column and isinstance(descriptor, ForwardManyToOneDescriptor):
            hops[first] = None
    return tuple(hops)

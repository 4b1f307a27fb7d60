"""Builds rows from the database by running the serializer's own fields, level by level.

One query per level and relation, however many rows. Runs inside `reading.snapshot_of` and
`recording.listening`; knows no replica, no change and no topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Manager, Model, Prefetch, QuerySet, prefetch_related_objects
from django.db.models.constants import LOOKUP_SEP
from rest_framework.fields import Field, SkipField
from rest_framework.relations import ManyRelatedField, PKOnlyObject

from rxsse.deriving.encoding import encode
from rxsse.deriving.recording import Reads, recording, track
from rxsse.deriving.replica import KEPT, MISSING, Row
from rxsse.deriving.shapes import Shape, settled, shape_of
from rxsse.exceptions import DeclarationError
from rxsse.rows import key_of, keys_of, pks_of
from rxsse.tree import Edge, EdgeKind, Leaf, Node, Tree, labels_of

_CONTENT_TYPES = "contenttypes.contenttype"  # ids of content types never change
_NULL = b"null"


class ReadWhole(Exception):
    """Something can't be followed row by row: read the whole anchor."""


class Loader:
    """Reads one topic's rows. Make a new one for each derivation: what it learns belongs to one snapshot.

    ``queryset`` is called for the anchor's queryset, ``user_key`` is the reader's key where
    rows belong to users. ``tables`` and ``rows`` collect what the state depends on beyond its
    own rows: a change there means reading everything again.
    """

    def __init__(self, tree: Tree, queryset: Callable[[], QuerySet[Any]], alias: str, user_key: str | None) -> None:
        self.tree = tree
        self.alias = alias
        self.user_key = user_key
        self.tables: set[str] = set()
        self.rows: set[tuple[str, str]] = set()
        self.shape = Shape(False, True, None)
        self._queryset = queryset
        self._tracked = any(node.tracked for node in tree.node.walk())
        self._bases: dict[Edge, tuple[QuerySet[Any], Shape]] = {}
        self._interned: dict[frozenset[Any], frozenset[Any]] = {}

    # --- the anchor ----------------------------------------------------------------------

    def read(self) -> list[Row]:
        """The anchor's rows and everything below them: one or none where the anchor is one row."""
        instances = self.anchors()
        rows = self.build(self.tree.node, instances)
        # Of a queryset that is read whole anyway the columns may not even be loaded.
        order = self.shape.order if self.tree.many and self.shape.simple else None
        return [_ordered(row, instance, order) for row, instance in zip(rows, instances, strict=True)]

    def anchors(self, only: Iterable[str] | None = None) -> list[Model]:
        """The anchor's instances that the reader may see: all in the queryset's order, or ``only`` these, in any."""
        with recording() as reads:
            queryset = self._anchor_queryset()
            if self.tree.many:
                if only is None:
                    queryset = settled(queryset)
                elif not self.shape.simple:
                    raise ReadWhole("the queryset can't be followed row by row")
                else:
                    queryset = queryset.filter(pk__in=pks_of(self.tree.node.model, only)).order_by()
            lookups = queryset._prefetch_related_lookups  # type: ignore[attr-defined]
            hops = _select_related(queryset)
            if hops:
                queryset = queryset.select_related(None)
            if lookups:
                queryset = queryset.prefetch_related(None)
            instances = list(queryset)
        self._depend(reads, labels_of(self.tree.node.model))
        with recording() as reads:
            prefetch_related_objects(instances, *lookups)
        if self._tracked or any(_is_custom(lookup) for lookup in lookups):
            self._depend(reads)
        prefetch_related_objects(instances, *hops)
        return [instance for instance in instances if self.visible(self.tree.node, instance)]

    def anchor_keys(self) -> list[str]:
        """The keys of the anchor's rows in order, whoever may see them."""
        model = self.tree.node.model
        return [key_of(model, pk) for pk in settled(self._anchor_queryset()).values_list("pk", flat=True)]

    def _anchor_queryset(self) -> QuerySet[Any]:
        queryset = self._queryset()
        if not isinstance(queryset, QuerySet) or not issubclass(queryset.model, self.tree.node.model):
            raise DeclarationError(
                f"get_queryset() returned {type(queryset).__name__}; "
                f"return a queryset of {self.tree.node.model.__name__}"
            )
        if queryset._db is None:  # type: ignore[attr-defined]
            queryset = queryset.using(self.alias)
        self.shape = shape_of(queryset)
        model: type[Model] = queryset.model
        if not self.shape.simple:
            self.tables.update(labels_of(model))
        return queryset

    # --- rows ----------------------------------------------------------------------------

    def visible(self, node: Node, instance: Model) -> bool:
        """Whether the reader may see this row (``Meta.user_key``)."""
        if node.user_attname is None:
            return True
        owner = getattr(instance, node.user_attname)
        return owner is not None and str(owner) == self.user_key

    def build(self, node: Node, instances: Sequence[Model], olds: Sequence[Row] | None = None) -> list[Row]:
        """A row for each instance.

        With ``olds``, the rows they replace, what follows changes of its own is KEPT.
        """
        if not instances:
            return []
        if node.tracked:
            prefetch_related_objects(list(instances), *node.hops)
            for instance in instances:
                track(instance)
        else:
            # Only edges are read by way of these, and one that leads where it did is not read.
            moved = _moved(node, instances, olds)
            prefetch_related_objects(list(instances), *(hop for hop in node.hops if hop in moved))
        rows = [self._row(node, instance) for instance in instances]
        for slot, member in enumerate(node.members):
            if isinstance(member, Edge):
                self._fill(member, slot, rows, instances, olds)
        return rows

    def _row(self, node: Node, instance: Model) -> Row:
        values: list[Any] = []
        if not node.tracked:
            values = [self._column(member, instance) for member in node.members]
            return Row(node, keys_of(instance), values)
        with recording() as reads:
            if node.whole:
                values = [encode(node.serializer.to_representation(instance))]
            else:
                values = [self._member(member, instance) for member in node.members]
        row = Row(node, keys_of(instance), values)
        row.tables = self._intern(reads.tables - {_CONTENT_TYPES})
        row.rows = self._intern(reads.rows)
        return row

    def _column(self, member: Leaf | Edge, instance: Model) -> Any:
        return _leaf(member.field, instance) if isinstance(member, Leaf) else None

    def _member(self, member: Leaf | Edge, instance: Model) -> Any:
        if isinstance(member, Leaf):
            return _leaf(member.field, instance)
        return self._open(member, instance) if member.kind is EdgeKind.OPEN else None

    def _open(self, edge: Edge, instance: Model) -> Any:
        """Run an open edge: instances, or JSON text where what it gives is not made of rows."""
        value = _attribute(edge.field, instance)
        if value is None or value is MISSING:
            return value
        if edge.many:
            value = list(_in_key_order(value.all() if isinstance(value, Manager) else value))
        if all(isinstance(part, Model) for part in (value if edge.many else [value])):
            return value
        if any(node.user_attname is not None for node in edge.child.walk()):
            raise DeclarationError(f"{edge.name!r} gives values that are not rows: Meta.user_key can't be kept there")
        return encode(edge.field.to_representation(value))

    # --- edges ---------------------------------------------------------------------------

    def _fill(
        self, edge: Edge, slot: int, rows: list[Row], instances: Sequence[Model], olds: Sequence[Row] | None
    ) -> None:
        """Put the child rows of ``edge`` into ``rows``."""
        if edge.kind is EdgeKind.LIST:
            if olds is not None and edge.by_key:
                _set_all(rows, slot, [KEPT] * len(rows))
            else:
                self._fill_lists(edge, slot, rows, self.children(edge, instances))
            return
        if edge.kind is EdgeKind.SAME:
            targets: list[Any] = list(instances)
        elif edge.kind is EdgeKind.OPEN:
            targets = [row.values[slot] for row in rows]
        elif olds is not None and edge.kind is EdgeKind.FORWARD:
            pairs = zip(olds, instances, strict=True)
            targets = [KEPT if _unmoved(edge, slot, old, now) else _attribute(edge.field, now) for old, now in pairs]
        else:
            targets = [_attribute(edge.field, instance) for instance in instances]
        if edge.kind is EdgeKind.FORWARD:
            self._await(edge, rows, instances, targets)
        if edge.many:
            self._fill_lists(edge, slot, rows, targets)
        else:
            self._fill_singles(edge, slot, rows, targets)

    def _await(self, edge: Edge, rows: list[Row], instances: Sequence[Model], targets: Sequence[Any]) -> None:
        """A foreign key whose row is not there, as databases permit and managers arrange: it may appear."""
        for row, instance, target in zip(rows, instances, targets, strict=True):
            if target is None and getattr(instance, edge.attname) is not None:
                related: Any = instance._meta.get_field(edge.accessor).related_model
                row.tables = self._intern({*row.tables, *labels_of(related)})

    def _fill_singles(self, edge: Edge, slot: int, rows: list[Row], targets: list[Any]) -> None:
        present = [t for t in targets if isinstance(t, Model) and self.visible(edge.child, t)]
        children = iter(self.build(edge.child, present))
        for row, target in zip(rows, targets, strict=True):
            if not isinstance(target, Model):
                row.values[slot] = _NULL if target is None else target
            elif self.visible(edge.child, target):
                row.values[slot] = next(children)
            else:
                row.values[slot] = _NULL
                row.rows = self._intern({*row.rows, *keys_of(target)})  # it may become the reader's

    def _fill_lists(self, edge: Edge, slot: int, rows: list[Row], lists: Sequence[Any]) -> None:
        flat = [
            child
            for children in lists
            if type(children) is list
            for child in children
            if self.visible(edge.child, child)
        ]
        built = iter(self.build(edge.child, flat))
        order = self.base(edge)[1].order if edge.kind is EdgeKind.LIST else None
        for row, children in zip(rows, lists, strict=True):
            if type(children) is not list:
                row.values[slot] = _NULL if children is None else children
                continue
            row.values[slot] = [
                _ordered(next(built), child, order) for child in children if self.visible(edge.child, child)
            ]

    def children(self, edge: Edge, instances: Sequence[Model], only: Iterable[str] | None = None) -> list[list[Model]]:
        """Each parent's related instances in the serializer's order, whoever may see them; ``only`` these: in any."""
        assert edge.link is not None
        queryset, shape = self.base(edge)
        if only is not None:
            queryset = queryset.filter(pk__in=pks_of(edge.link.model, only)).order_by()
        before = [dict(getattr(instance, "_prefetched_objects_cache", ())) for instance in instances]
        with recording() as reads:
            prefetch_related_objects(list(instances), Prefetch(edge.accessor, queryset=queryset))
        parents = {label for instance in instances[:1] for label in labels_of(type(instance))}
        self._depend(reads, {*labels_of(edge.link.model), edge.link.label, _CONTENT_TYPES, *parents})
        if not shape.simple:
            self.tables.update((*labels_of(edge.link.model), edge.link.label))
        found = [list(_in_key_order(getattr(instance, edge.accessor).all())) for instance in instances]
        # What was loaded ahead here would hide the reads of method fields further down.
        for instance, cache in zip(instances, before, strict=True):
            instance._prefetched_objects_cache = cache  # type: ignore[attr-defined]
        return found

    def child_keys(self, edge: Edge, instance: Model) -> list[str]:
        """The keys of one parent's related rows in the serializer's order, whoever may see them."""
        assert edge.link is not None
        queryset = settled(getattr(instance, edge.accessor).using(self.alias).all())
        return [key_of(edge.link.model, pk) for pk in queryset.values_list("pk", flat=True)]

    def base(self, edge: Edge) -> tuple[QuerySet[Any], Shape]:
        """The queryset that ``edge`` draws from, before it is tied to a parent."""
        if edge not in self._bases:
            assert edge.link is not None
            queryset = edge.link.model._default_manager.using(self.alias).all()
            self._bases[edge] = settled(queryset), shape_of(queryset)
        return self._bases[edge]

    def _depend(self, reads: Reads, expected: Iterable[str] = ()) -> None:
        self.tables.update(reads.tables.difference(expected))
        self.rows.update(reads.rows)

    def _intern(self, values: set[Any]) -> frozenset[Any]:
        frozen = frozenset(values)
        return self._interned.setdefault(frozen, frozen)


def _leaf(field: Field[Any, Any, Any, Any], instance: Model) -> Any:
    """One member's JSON text, by the steps of DRF's Serializer.to_representation."""
    value = _attribute(field, instance)
    if value is MISSING:
        return MISSING
    if (value.pk if isinstance(value, PKOnlyObject) else value) is None:
        return _NULL
    if type(field) is ManyRelatedField:
        value = _in_key_order(value)
    return encode(field.to_representation(value))


def _attribute(field: Field[Any, Any, Any, Any], instance: Model) -> Any:
    try:
        return field.get_attribute(instance)
    except SkipField:
        return MISSING


def _in_key_order(value: Any) -> Any:
    """Where a query leaves the order open, primary keys decide (docs/adr/0006)."""
    if not isinstance(value, QuerySet):
        return value
    if value._result_cache is None:
        return settled(value)
    if value.ordered or value.query.is_sliced or value.query.combinator:
        return value
    return sorted(value, key=lambda instance: instance.pk)


def _unmoved(edge: Edge, slot: int, old: Row, instance: Model) -> bool:
    """Whether the foreign key still leads to the row that stands there."""
    child = old.values[slot]
    target = getattr(instance, edge.attname)
    if type(child) is not Row or target is None or not edge.by_key:
        return False
    return child.key == key_of(edge.child.model, target)


def _moved(node: Node, instances: Sequence[Model], olds: Sequence[Row] | None) -> set[str]:
    """The accessors whose rows have to be read: those of edges that lead elsewhere than in ``olds``."""
    return {
        edge.accessor
        for slot, edge in enumerate(node.members)
        if isinstance(edge, Edge)
        and (
            olds is None
            or edge.kind is not EdgeKind.FORWARD
            or not all(_unmoved(edge, slot, old, now) for old, now in zip(olds, instances, strict=True))
        )
    }


def _ordered(row: Row, instance: Model, order: tuple[str, ...] | None) -> Row:
    row.order = None if order is None else tuple(getattr(instance, name) for name in order)
    return row


def _set_all(rows: list[Row], slot: int, values: list[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        row.values[slot] = value


def _is_custom(lookup: Any) -> bool:
    return isinstance(lookup, Prefetch) and (lookup.queryset is not None or lookup.to_attr != lookup.prefetch_to)


def _select_related(queryset: QuerySet[Any]) -> list[str]:
    """The paths of ``select_related("a__b")``: loaded separately, each row can be followed by itself."""

    def paths(tree: dict[str, Any], prefix: str) -> Iterable[str]:
        for name, below in tree.items():
            yield prefix + name
            yield from paths(below, prefix + name + LOOKUP_SEP)

    selected = queryset.query.select_related
    return list(paths(selected, "")) if isinstance(selected, dict) else []

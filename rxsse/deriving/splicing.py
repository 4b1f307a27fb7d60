"""Brings a replica up to date by reading only what the announced changes can have touched.

Gives up with `ReadWhole` where a change can't be followed by structure. Runs in the same
snapshot as its loader; knows no topic, log or feed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.apps import apps
from django.db.models import Model

from rxsse.deriving.loading import Loader, ReadWhole
from rxsse.deriving.replica import Replica, Row, edge_of
from rxsse.deriving.touching import touch
from rxsse.messages import Change, Operation
from rxsse.rows import key_of, keys_of, label_of, pks_of
from rxsse.tree import Edge, EdgeKind, Node

# Beyond this many rows, reading everything costs about the same and is simpler.
_MANY = 500


@dataclass(slots=True)
class _Pending:
    """What one list has to look at: these rows, and whether its order must be asked for anew."""

    keys: set[str] = field(default_factory=set)
    order: bool = False


class Splice:
    """One pass over one set of changes. Use once, within one snapshot."""

    def __init__(self, replica: Replica, loader: Loader) -> None:
        self.replica = replica
        self.loader = loader
        self.stale: dict[Row, None] = {}
        self.lists: dict[tuple[Row, Edge | None], _Pending] = {}

    def apply(self, changes: Iterable[Change]) -> None:
        """Look at every change, then read and merge.

        Raises `ReadWhole` at any point; the replica then still agrees with its operations.
        """
        for change in changes:
            self._look_at(change)
        rows = len(self.stale) + sum(len(pending.keys) for pending in self.lists.values())
        if rows > _MANY:
            raise ReadWhole(f"{rows} rows to look at")
        self._splice_lists()
        self._refresh()

    # --- which rows can have changed -----------------------------------------------------

    def _look_at(self, change: Change) -> None:
        touched = touch(self.replica, self.loader.tree, change)
        if touched.whole:
            raise ReadWhole(f"unknown rows of {change.model}")
        for row in touched.rows:
            self._mark(row)
        for node, edge in touched.ask:
            touched.lists += ((parent, edge) for parent in self._ask(node, edge, change.keys or ()))
        for parent, listed in touched.lists:
            self._note(parent, listed, change)

    def _note(self, parent: Row, edge: Edge | None, change: Change) -> None:
        if edge is not None and edge.kind is not EdgeKind.LIST:
            self._mark(parent)
            return
        pending = self._pending(parent, edge)
        if edge is not None and edge.link is not None and edge.link.through and edge.link.label == change.model:
            pending.order = True
        elif change.keys is not None:
            pending.keys.update(change.keys)
        else:
            # Which rows is not known: all that stand there, and whichever are there now.
            pending.order = True
            if change.operation is not Operation.INSERT:
                slot = 0 if parent.node is None else parent.node.members.index(edge)  # type: ignore[arg-type]
                pending.keys.update(row.key for row in parent.values[slot])

    def _ask(self, node: Node, edge: Edge, keys: Iterable[str]) -> list[Row]:
        """The parents that rows are tied to now, where the announcement doesn't say."""
        link = edge.link
        assert link is not None
        if not link.by_key:
            return list(self.replica.by_node.get(node, ()))
        found = link.model._base_manager.using(self.loader.alias).filter(pk__in=pks_of(link.model, keys))
        values = found.values_list(link.parent_attname, flat=True)
        places = self.replica.places
        return [row for value in values for row in places.get((node.label, str(value)), ()) if row.node is node]

    def _mark(self, row: Row) -> None:
        """Have ``row`` read again, by way of the list it stands in or from the nearest row that can be."""
        edge = edge_of(row)
        parent = row.parent
        if parent is None or not row.alive:
            return
        if parent is self.replica.top:
            if self.loader.tree.many:
                self._pending(parent, None).keys.add(row.key)
            else:
                self.stale[row] = None
        elif edge is not None and edge.kind is EdgeKind.LIST:
            self._pending(parent, edge).keys.add(row.key)
        elif edge is not None and edge.kind is EdgeKind.FORWARD and edge.by_key:
            self.stale[row] = None
        else:
            self._mark(parent)

    def _pending(self, row: Row, edge: Edge | None) -> _Pending:
        return self.lists.setdefault((row, edge), _Pending())

    # --- lists ---------------------------------------------------------------------------

    def _splice_lists(self) -> None:
        by_edge: dict[Edge | None, list[Row]] = {}
        for row, edge in self.lists:
            by_edge.setdefault(edge, []).append(row)
        for edge, parents in by_edge.items():
            if edge is None:
                self._splice_anchor()
            else:
                self._splice_edge(edge, parents)

    def _splice_anchor(self) -> None:
        pending = self.lists[self.replica.top, None]
        instances = self.loader.anchors(pending.keys)
        if not self.loader.shape.simple:
            raise ReadWhole("the queryset can't be followed row by row")
        order = self.loader.shape.order
        self._splice_list(
            self.replica.top, 0, self.loader.tree.node, pending, instances, order, self.loader.anchor_keys
        )

    def _splice_edge(self, edge: Edge, parents: list[Row]) -> None:
        alive = [parent for parent in parents if parent.alive]
        stubs = {parent: self._stub(parent) for parent in alive} if self._needs_keys_only(edge, alive) else None
        instances = self._instances(alive) if stubs is None else stubs
        found = [parent for parent in parents if parent in instances]
        for parent in parents:
            if parent.alive and parent not in instances:
                self._gone(parent)
        keys = {key for parent in found for key in self.lists[parent, edge].keys}
        parts = self.loader.children(edge, [instances[parent] for parent in found], keys)
        order = self.loader.base(edge)[1].order
        for parent, children in zip(found, parts, strict=True):
            if not parent.alive or parent.node is None:
                continue
            pending = self.lists[parent, edge]
            instance = instances[parent]
            self._splice_list(
                parent,
                parent.node.members.index(edge),
                edge.child,
                pending,
                [child for child in children if self.loader.visible(edge.child, child)],
                order,
                lambda instance=instance: self.loader.child_keys(edge, instance),
            )

    def _splice_list(
        self,
        parent: Row,
        slot: int,
        node: Node,
        pending: _Pending,
        instances: list[Model],
        order: tuple[str, ...] | None,
        all_keys: object,
    ) -> None:
        present = {_key(node, instance): instance for instance in instances}
        standing = self._standing(parent, slot, node, pending.keys | present.keys())
        if (
            pending.order
            or standing is None
            or any(
                key not in standing or order is None or standing[key].order != _order(instance, order)
                for key, instance in present.items()
            )
        ):
            self._reorder(parent, slot, node, pending, present, order, all_keys)
            return
        self.replica.leave(parent, slot, [row for key, row in standing.items() if key not in present])
        self._refresh_rows(node, [(standing[key], present[key]) for key in present], order)

    def _standing(self, parent: Row, slot: int, node: Node, keys: Iterable[str]) -> dict[str, Row] | None:
        """The rows of a list that have these keys, without walking the list; None where one stands there twice."""
        # A list's rows may be of a model that is further up or down the family than the serializer's.
        labels = {label_of(node.model), *(row.keys[0][0] for row in parent.values[slot][:1])}
        standing: dict[str, Row] = {}
        for key in keys:
            for row in {row for label in labels for row in self.replica.places.get((label, key), ())}:
                if row.parent is parent and row.slot == slot and row.key == key:
                    if key in standing:
                        return None
                    standing[key] = row
        return standing

    def _reorder(
        self,
        parent: Row,
        slot: int,
        node: Node,
        pending: _Pending,
        present: dict[str, Model],
        order: tuple[str, ...] | None,
        all_keys: object,
    ) -> None:
        """Ask for the list's keys in order, load the rows that are new in it, and arrange."""
        current: list[Row] = parent.values[slot]
        waiting: dict[str, list[Row]] = {}
        for row in reversed(current):
            waiting.setdefault(row.key, []).append(row)
        keys: list[str] = all_keys()  # type: ignore[operator]
        if len(set(keys)) != len(keys):
            raise ReadWhole("a row stands twice in one list")
        unknown = [key for key in keys if key not in waiting and key not in present and key not in pending.keys]
        if unknown:
            present.update({_key(node, child): child for child in self._load_unknown(parent, slot, unknown)})
        fresh = [key for key in keys if key not in waiting and key in present]
        rows = dict(zip(fresh, self.loader.build(node, [present[key] for key in fresh]), strict=True))
        for key, row in rows.items():
            row.order = _order(present[key], order)
        target: list[Row] = []
        for key in keys:
            known = waiting.get(key)
            if known and (key in present or key not in pending.keys):
                target.append(known.pop())
            elif key in rows:
                target.append(rows[key])
        self.replica.arrange(parent, slot, target)
        kept = [(row, present[row.key]) for row in target if row.key in present and row.key not in rows]
        self._refresh_rows(node, kept, order)

    def _load_unknown(self, parent: Row, slot: int, keys: list[str]) -> list[Model]:
        loader = self.loader
        if parent is self.replica.top:
            return loader.anchors(keys)
        assert parent.node is not None
        edge = parent.node.members[slot]
        assert isinstance(edge, Edge)
        instance = self._instances([parent])[parent]
        return [child for child in loader.children(edge, [instance], keys)[0] if loader.visible(edge.child, child)]

    # --- single rows ---------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read stale rows again and merge their own members."""
        waiting = [row for row in self.stale if row.alive]
        instances = self._instances(waiting)
        groups: dict[Node, list[tuple[Row, Model]]] = {}
        for row in waiting:
            if row in instances and self._still_visible(row, instances[row]):
                assert row.node is not None
                groups.setdefault(row.node, []).append((row, instances[row]))
            else:
                self._gone(row)
        for node, pairs in groups.items():
            self._refresh_rows(node, [(row, instance) for row, instance in pairs if row.alive], None)

    def _still_visible(self, row: Row, instance: Model) -> bool:
        assert row.node is not None
        return self.loader.visible(row.node, instance)

    def _refresh_rows(self, node: Node, pairs: list[tuple[Row, Model]], order: tuple[str, ...] | None) -> None:
        rows = [row for row, _ in pairs]
        built = self.loader.build(node, [instance for _, instance in pairs], rows)
        for (row, instance), new in zip(pairs, built, strict=True):
            new.order = row.order if order is None else _order(instance, order)
            if row.alive:
                self.replica.merge(row, new)

    def _gone(self, row: Row) -> None:
        """A row that was there is not found: only a whole read says what stands in its place."""
        raise ReadWhole(f"{row.keys[0]} is not there any more")

    @staticmethod
    def _needs_keys_only(edge: Edge, parents: list[Row]) -> bool:
        """Whether the parents need not be loaded to be asked for their children.

        What is recorded while it runs may look at its parent, and should find it as it is.
        """
        return (
            edge.by_key
            and not any(node.tracked for node in edge.child.walk())
            and all(len(apps.get_model(parent.keys[0][0])._meta.pk_fields) == 1 for parent in parents)
        )

    def _stub(self, row: Row) -> Model:
        """The row's instance with nothing but its key; any other column would be loaded when it is asked for."""
        model: type[Model] = apps.get_model(row.keys[0][0])
        column = model._meta.pk
        return model.from_db(self.loader.alias, [column.attname], [column.to_python(row.key)])

    def _instances(self, rows: list[Row]) -> dict[Row, Model]:
        """Load each row's instance the way its place in the tree would."""
        instances: dict[Row, Model] = {}
        by_model: dict[type[Model], list[Row]] = {}
        for row in rows:
            assert row.node is not None
            if row.parent is self.replica.top:
                instances.update((row, instance) for instance in self.loader.anchors([row.key]))
            else:
                by_model.setdefault(_model_of(row), []).append(row)
        for model, group in by_model.items():
            queryset = model._base_manager.using(self.loader.alias)
            found = {key_of(model, i.pk): i for i in queryset.filter(pk__in=pks_of(model, {row.key for row in group}))}
            instances.update((row, found[row.key]) for row in group if row.key in found)
        return instances


def _model_of(row: Row) -> type[Model]:
    edge = edge_of(row)
    assert row.node is not None
    return edge.link.model if edge is not None and edge.link is not None else row.node.model


def _key(node: Node, instance: Model) -> str:
    return keys_of(instance)[0][1]


def _order(instance: Model, order: tuple[str, ...] | None) -> tuple[object, ...] | None:
    return None if order is None else tuple(getattr(instance, name) for name in order)

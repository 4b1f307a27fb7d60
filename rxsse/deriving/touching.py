"""Says which parts of a replica one change can touch, from the announcement alone: no query, no reading.

Errs on the side of too much. Runs for every hot topic that shows the changed model, so it
looks things up and never walks the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rxsse.deriving.replica import Replica, Row
from rxsse.messages import Change, Operation
from rxsse.tree import Edge, Node, Tree, key_labels, labels_of


@dataclass(slots=True)
class Touch:
    """``rows`` may have changed; ``lists`` (parent, edge; no edge: the anchor's own) may have gained, lost or moved
    rows; ``ask``: the row's parents below these nodes aren't known without a query; ``whole``: anything.
    """

    rows: list[Row] = field(default_factory=list)
    lists: list[tuple[Row, Edge | None]] = field(default_factory=list)
    ask: list[tuple[Node, Edge]] = field(default_factory=list)
    whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.rows or self.lists or self.ask or self.whole)


def touch(replica: Replica, tree: Tree, change: Change) -> Touch:
    """What ``change`` can touch."""
    touched = Touch(rows=list(replica.table_readers.get(change.model, ())))
    if change.keys is None and change.operation is not Operation.INSERT:
        _touch_unknown(touched, replica, tree, change)
        return touched
    for key in change.keys or ():
        touched.rows += replica.places.get((change.model, key), ())
        touched.rows += replica.readers.get((change.model, key), ())
    for node, edge in _memberships(tree, change.model):
        _touch_membership(touched, replica, node, edge, change)
    if tree.many and change.operation is not Operation.DELETE and change.model in labels_of(tree.node.model):
        if change.model in key_labels(tree.node.model):
            touched.lists.append((replica.top, None))
        else:
            touched.whole = True
    return touched


def _touch_membership(touched: Touch, replica: Replica, node: Node, edge: Edge, change: Change) -> None:
    """Lists that the change may have put a row into, or whose many-to-many rows it wrote."""
    assert edge.link is not None
    if not edge.link.through:
        if not _can_arrive(edge, change):
            return
        if change.model not in key_labels(edge.link.model):
            touched.whole = True
            return
    parents = _parents(replica, node, edge, change)
    if parents is not None:
        touched.lists += ((parent, edge) for parent in parents)
    elif change.keys is not None and not edge.link.through:
        touched.ask.append((node, edge))
    else:
        touched.lists += ((parent, edge) for parent in replica.by_node.get(node, ()))


def _touch_unknown(touched: Touch, replica: Replica, tree: Tree, change: Change) -> None:
    """Rows that nobody named were updated or deleted: all that stand in lists tied to the named parents."""
    if change.model in replica.reader_labels or change.model in labels_of(tree.node.model):
        touched.whole = True
        return
    for node, edge in tree.edges:
        link = edge.link
        if link is not None and link.through and link.label == change.model:
            _touch_membership(touched, replica, node, edge, change)
        if change.model not in labels_of(edge.child.model):
            continue
        tied = link is not None and not link.through and link.label == change.model and not _moves(edge, change)
        parents = _parents(replica, node, edge, change) if tied else None
        if parents is None:
            touched.whole = True
            return
        touched.lists += ((parent, edge) for parent in parents)


def _parents(replica: Replica, node: Node, edge: Edge, change: Change) -> list[Row] | None:
    """The rows of ``node`` that the change ties to a child; None where the announcement doesn't say."""
    link = edge.link
    assert link is not None
    values = change.relations.get(link.parent_attname)
    if values is None or not link.by_key or (link.through and _moves(edge, change)):
        return None
    places = replica.places
    return [row for value in values for row in places.get((node.label, str(value)), ()) if row.node is node]


def _can_arrive(edge: Edge, change: Change) -> bool:
    """Whether the change can have put a row into a list that it was not in."""
    if change.operation is Operation.DELETE:
        return False
    if change.operation is Operation.INSERT or _moves(edge, change):
        return True
    return edge.child.user_attname is not None or edge.filtered


def _moves(edge: Edge, change: Change) -> bool:
    """Whether an update may have written the column that ties child to parent: then it names the new one only."""
    assert edge.link is not None
    return change.operation is Operation.UPDATE and (change.fields is None or edge.link.parent_attname in change.fields)


def _memberships(tree: Tree, label: str) -> Iterator[tuple[Node, Edge]]:
    """The edges whose membership is written in the table of ``label``."""
    for node, edge in tree.edges:
        link = edge.link
        if link is not None and (label == link.label or (not link.through and label in labels_of(link.model))):
            yield node, edge

"""The replica: a topic's current state as a tree of rows, indexed by row, changed only through operations.

Every change is applied at once and appended to `Replica.operations` with the path it has at
that moment, so the operations applied in order lead from the old state to the new
[rfc6902 §3]. Knows no database and no serializer code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from rxsse import patches
from rxsse.sequences import steps
from rxsse.tree import Edge, Node

RowKey = tuple[str, str]


class _Missing:
    """A member that the serializer left out."""

    __slots__ = ()


class _Kept:
    """A member that a partial read did not look at: whatever stands there stays."""

    __slots__ = ()


MISSING: Final = _Missing()
KEPT: Final = _Kept()
Value = "bytes | Row | list[Row] | _Missing | _Kept | None"
_NO_KEYS: frozenset[Any] = frozenset()


class Row:
    """One row at one place of the tree.

    ``values`` runs beside ``node.members``: JSON text of a leaf, a `Row` (or None) or a list
    of rows of an edge. A whole node has one value, its JSON. ``order`` holds the columns that
    the list it stands in is ordered by.
    """

    __slots__ = ("alive", "encoded", "keys", "node", "order", "parent", "rows", "slot", "tables", "values")

    def __init__(self, node: Node | None, keys: Sequence[RowKey], values: list[Any]) -> None:
        self.node = node
        self.keys = keys
        self.values = values
        self.order: tuple[Any, ...] | None = None
        self.tables: frozenset[str] = _NO_KEYS
        self.rows: frozenset[RowKey] = _NO_KEYS
        self.parent: Row | None = None
        self.slot = 0
        self.encoded: bytes | None = None
        self.alive = False

    @property
    def key(self) -> str:
        return self.keys[0][1]

    def children(self) -> Iterator[Row]:
        for value in self.values:
            if type(value) is Row:
                yield value
            elif type(value) is list:
                yield from value

    def encode(self) -> bytes:
        """The row's JSON text, kept until something in it changes."""
        if self.encoded is None:
            if self.node is None or self.node.whole:
                self.encoded = _encode_value(self.values[0])
            else:
                members = zip(self.node.members, self.values, strict=True)
                parts = [_name(m.name) + _encode_value(v) for m, v in members if v is not MISSING]
                self.encoded = b"{" + b",".join(parts) + b"}"
        return self.encoded


_names: dict[str, bytes] = {}


def _name(name: str) -> bytes:
    encoded = _names.get(name)
    if encoded is None:
        encoded = _names[name] = orjson.dumps(name) + b":"
    return encoded


def _encode_value(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is Row:
        return value.encode()
    if value is None:
        return b"null"
    return b"[" + b",".join([row.encode() for row in value]) + b"]"


class Replica:
    """The tree below an invisible top row, whose one value is the root row or the list of them."""

    def __init__(self) -> None:
        self.top = Row(None, (("", ""),), [None])
        self.top.alive = True
        self.operations: list[bytes] = []
        self.places: dict[RowKey, set[Row]] = {}
        self.readers: dict[RowKey, set[Row]] = {}
        self.reader_labels: Counter[str] = Counter()
        self.table_readers: dict[str, set[Row]] = {}
        self.by_node: dict[Node, set[Row]] = {}

    # --- reading -------------------------------------------------------------------------

    def encode(self) -> bytes:
        """The whole state as JSON text."""
        return self.top.encode()

    def path(self, row: Row) -> str:
        """The row's JSON pointer now [rfc6901]."""
        parent = row.parent
        if parent is None:
            return ""
        base = self.member_path(parent, row.slot)
        value = parent.values[row.slot]
        return f"{base}/{value.index(row)}" if type(value) is list else base

    def member_path(self, row: Row, slot: int) -> str:
        if row.node is None or row.node.whole:
            return self.path(row)
        return f"{self.path(row)}{patches.pointer(row.node.members[slot].name)}"

    def take_operations(self) -> list[bytes]:
        operations, self.operations = self.operations, []
        return operations

    # --- changing ------------------------------------------------------------------------

    def fill(self, value: Any) -> None:
        """Set the state without an operation: the first one of an epoch."""
        self._attach_value(self.top, 0, value)

    def merge(self, old: Row, new: Row) -> None:
        """Make ``old`` what ``new`` is, member by member; both are the same row of the same node."""
        self._reread(old, new)
        for slot, value in enumerate(new.values):
            if value is not KEPT:
                self.set_value(old, slot, value)

    def set_value(self, row: Row, slot: int, new: Any) -> None:
        """Replace one member by ``new``, with as little as possible said about it."""
        old = row.values[slot]
        if type(new) is list and type(old) is list:
            self._set_list(row, slot, new)
        elif type(new) is Row and type(old) is Row and new.keys == old.keys and new.node is old.node:
            self.merge(old, new)
        elif type(new) is bytes and type(old) is bytes:
            if new != old:
                self._set_leaf(row, slot, old, new)
        elif new is not old:
            self._replace(row, slot, old, new)

    def _set_leaf(self, row: Row, slot: int, old: bytes, new: bytes) -> None:
        path = self.member_path(row, slot)
        if old[:1] in (b"{", b"[") and new[:1] == old[:1]:
            self.operations += patches.diff(orjson_or_json(old), orjson_or_json(new), path)
        else:
            self.operations.append(patches.replace(path, new))
        row.values[slot] = new
        self._touch(row)

    def _replace(self, row: Row, slot: int, old: Any, new: Any) -> None:
        path = self.member_path(row, slot)
        if new is MISSING:
            self.operations.append(patches.remove(path))
        elif old is MISSING:
            self.operations.append(patches.add(path, _encode_value(new)))
        else:
            self.operations.append(patches.replace(path, _encode_value(new)))
        for child in _rows_in(old):
            self._detach(child)
        self._attach_value(row, slot, new)
        self._touch(row)

    def _set_list(self, row: Row, slot: int, new: list[Row]) -> None:
        """Bring a list to the order of ``new``; rows with the same keys are merged, not replaced."""
        current: list[Row] = row.values[slot]
        waiting: dict[Any, list[Row]] = {}
        for child in reversed(current):
            waiting.setdefault((child.node, child.keys), []).append(child)
        target: list[Row] = []
        pairs: list[tuple[Row, Row]] = []
        for child in new:
            known = waiting.get((child.node, child.keys))
            kept = known.pop() if known else child
            target.append(kept)
            if kept is not child:
                pairs.append((kept, child))
        self.arrange(row, slot, target)
        for kept, child in pairs:
            self.merge(kept, child)

    def arrange(self, row: Row, slot: int, target: list[Row]) -> None:
        """Bring a list to ``target``: its own rows, kept, moved or left out, and new ones."""
        current: list[Row] = row.values[slot]
        if len(current) == len(target) and all(a is b for a, b in zip(current, target, strict=True)):
            return
        wanted = set(map(id, target))
        self.leave(row, slot, [child for child in current if id(child) not in wanted])
        base = self.member_path(row, slot)
        places = {id(child): place for place, child in enumerate(current)}
        for index, source, place in steps([places.get(id(child)) for child in target]):
            child = target[index]
            if source is None:
                self._attach(child, row, slot)
                self.operations.append(patches.add(f"{base}/{place}", child.encode()))
            else:
                del current[source]
                self.operations.append(patches.move(f"{base}/{source}", f"{base}/{place}"))
            current.insert(place, child)
        self._touch(row)

    def leave(self, row: Row, slot: int, leaving: Iterable[Row]) -> None:
        """Take rows out of a list."""
        gone = set(map(id, leaving))
        if not gone:
            return
        current: list[Row] = row.values[slot]
        base = self.member_path(row, slot)
        for index in range(len(current) - 1, -1, -1):
            if id(current[index]) in gone:
                self.operations.append(patches.remove(f"{base}/{index}"))
                self._detach(current.pop(index))
        self._touch(row)

    # --- index ---------------------------------------------------------------------------

    def _attach_value(self, row: Row, slot: int, value: Any) -> None:
        row.values[slot] = value
        for child in _rows_in(value):
            self._attach(child, row, slot)

    def _attach(self, row: Row, parent: Row, slot: int) -> None:
        row.parent, row.slot, row.alive = parent, slot, True
        for key in row.keys:
            self.places.setdefault(key, set()).add(row)
        self._index_reads(row)
        assert row.node is not None
        self.by_node.setdefault(row.node, set()).add(row)
        for index, value in enumerate(row.values):
            for child in _rows_in(value):
                self._attach(child, row, index)

    def _detach(self, row: Row) -> None:
        row.alive = False
        for key in row.keys:
            _discard(self.places, key, row)
        self._unindex_reads(row)
        assert row.node is not None
        _discard(self.by_node, row.node, row)
        for child in row.children():
            self._detach(child)

    def _reread(self, old: Row, new: Row) -> None:
        old.order = new.order
        if old.tables != new.tables or old.rows != new.rows:
            self._unindex_reads(old)
            old.tables, old.rows = new.tables, new.rows
            self._index_reads(old)

    def _index_reads(self, row: Row) -> None:
        for key in row.rows:
            if key not in self.readers:
                self.reader_labels[key[0]] += 1
            self.readers.setdefault(key, set()).add(row)
        for table in row.tables:
            self.table_readers.setdefault(table, set()).add(row)

    def _unindex_reads(self, row: Row) -> None:
        for key in row.rows:
            _discard(self.readers, key, row)
            if key not in self.readers:
                self.reader_labels[key[0]] -= 1
                self.reader_labels += Counter()  # forget labels that nobody reads
        for table in row.tables:
            _discard(self.table_readers, table, row)

    def _touch(self, row: Row | None) -> None:
        while row is not None and row.encoded is not None:
            row.encoded = None
            row = row.parent


def edge_of(row: Row) -> Edge | None:
    """The edge that leads to ``row``; None for the root."""
    parent = row.parent
    if parent is None or parent.node is None:
        return None
    member = parent.node.members[row.slot]
    assert isinstance(member, Edge)
    return member


def orjson_or_json(text: bytes) -> Any:
    """Read JSON text strictly; integers of any size."""
    return patches.loads(text)


def _rows_in(value: Any) -> Iterable[Row]:
    if type(value) is Row:
        return (value,)
    return tuple(value) if type(value) is list else ()


def _discard(index: dict[Any, set[Row]], key: Any, row: Row) -> None:
    rows = index.get(key)
    if rows is not None:
        rows.discard(row)
        if not rows:
            del index[key]

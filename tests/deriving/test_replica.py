"""Whatever is merged and arranged: the operations lead from the old JSON to the new, and the index tells the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonpatch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rxsse.deriving.replica import KEPT, MISSING, Replica, Row, edge_of
from rxsse.tree import Edge, EdgeKind, Leaf, Node
from tests.domain.models import Board


def leaf(name: str) -> Leaf:
    return Leaf(name, None, True, name)  # type: ignore[arg-type]


def edge(name: str, child: Node, many: bool) -> Edge:
    return Edge(name, None, EdgeKind.OPEN, many, child)  # type: ignore[arg-type]


def node(*members: Leaf | Edge, whole: bool = False) -> Node:
    return Node(None, Board, "board", whole, list(members))  # type: ignore[arg-type]


WHOLE = node(whole=True)
CHILD = node(leaf("title"), leaf("a/b~c"), edge("note", WHOLE, False))
ROOT = node(leaf("name"), leaf("maybe"), edge("one", CHILD, False), edge("rows", CHILD, True))

texts = st.sampled_from([b"1", b"1.0", b"true", b'"x"', b"null", b'{"k":1}', b'{"k":2,"l":[]}', b"[1,2]", b"[2,1,3]"])
reads = st.frozensets(st.tuples(st.just("user"), st.sampled_from("12")), max_size=2)
tables = st.frozensets(st.sampled_from(["user", "team"]), max_size=2)


@st.composite
def rows(draw: Any, of: Node, kept: bool = False, keys: str = "abcdef") -> Row:
    values: list[Any] = [draw(texts)] if of.whole else [draw(member(each, kept)) for each in of.members]
    row = Row(of, (("row", draw(st.sampled_from(keys))), ("base", "7")), values)
    row.tables, row.rows, row.order = draw(tables), draw(reads), draw(st.none() | st.tuples(st.integers(0, 3)))
    return row


def member(each: Leaf | Edge, kept: bool) -> st.SearchStrategy[Any]:
    if isinstance(each, Leaf):
        found: st.SearchStrategy[Any] = texts | st.just(MISSING) if each.name == "maybe" else texts
    elif each.many:
        found = st.lists(rows(each.child, kept), max_size=6) | st.just(b"null")
    else:
        found = rows(each.child, kept, "ab") | st.just(b"null")
    return found | st.just(KEPT) if kept else found


def below(row: Row) -> Iterator[Row]:
    for child in row.children():
        yield child
        yield from below(child)


def text_of(row: Row) -> bytes:
    """The row's JSON, put together anew."""
    for each in (row, *below(row)):
        each.encoded = None
    return row.encode()


class Machine(RuleBasedStateMachine):
    """A client applies the operations with a library of other people."""

    def __init__(self) -> None:
        super().__init__()
        self.replica = Replica()
        root = Row(ROOT, (("root", "1"),), [b'"n"', MISSING, b"null", []])
        self.replica.fill(root)
        self.client = json.loads(self.replica.encode())

    @property
    def root(self) -> Row:
        found = self.replica.top.values[0]
        assert isinstance(found, Row)
        return found

    @rule(new=rows(ROOT, True))
    def merge(self, new: Row) -> None:
        new.values[:] = [
            old if value is KEPT else value for old, value in zip(self.root.values, new.values, strict=True)
        ]
        if any(value is kept for value, kept in zip(new.values[2:], self.root.values[2:], strict=True)):
            new.values[2:] = [KEPT, KEPT]
        self.strip(new)
        self.replica.merge(self.root, new)

    @rule(new=rows(ROOT))
    def read_whole(self, new: Row) -> None:
        new.keys = self.root.keys
        self.replica.set_value(self.replica.top, 0, new)

    @rule(new=rows(ROOT))
    def be_another_row(self, new: Row) -> None:
        self.replica.set_value(self.replica.top, 0, new)

    @rule(chosen=st.data())
    def arrange(self, chosen: st.DataObject) -> None:
        current = self.root.values[3]
        if type(current) is list:
            fresh = chosen.draw(st.lists(rows(CHILD), max_size=3))
            staying = [row for row in current if chosen.draw(st.booleans())]
            self.replica.arrange(self.root, 3, chosen.draw(st.permutations([*staying, *fresh])))

    @rule(chosen=st.data())
    def leave(self, chosen: st.DataObject) -> None:
        current = self.root.values[3]
        if type(current) is list:
            self.replica.leave(self.root, 3, [row for row in current if chosen.draw(st.booleans())])

    @rule(text=texts)
    def change_a_row(self, text: bytes) -> None:
        for row in list(below(self.root)):
            self.replica.set_value(row, 0, text)

    @rule()
    def encode(self) -> None:
        self.replica.encode()

    def strip(self, new: Row) -> None:
        """What is new can't keep anything."""
        for row in below(new):
            row.values[:] = [b"0" if value is KEPT else value for value in row.values]

    @invariant()
    def the_client_is_in_step(self) -> None:
        operations = self.replica.take_operations()
        self.client = jsonpatch.apply_patch(self.client, [json.loads(each) for each in operations])
        encoded = self.replica.encode()
        assert _exact(json.loads(encoded)) == _exact(self.client)
        assert encoded == text_of(self.replica.top)

    @invariant()
    def the_index_is_what_a_new_one_would_be(self) -> None:
        replica, fresh = self.replica, Replica()
        for row in below(replica.top):
            assert row.alive
            for key in row.keys:
                fresh.places.setdefault(key, set()).add(row)
            for key in row.rows:
                fresh.readers.setdefault(key, set()).add(row)
            for table in row.tables:
                fresh.table_readers.setdefault(table, set()).add(row)
            assert row.node is not None
            fresh.by_node.setdefault(row.node, set()).add(row)
        assert replica.places == fresh.places
        assert replica.readers == fresh.readers
        assert replica.table_readers == fresh.table_readers
        assert replica.by_node == fresh.by_node

    @invariant()
    def every_row_knows_where_it_is(self) -> None:
        state = json.loads(self.replica.encode())
        for row in below(self.replica.top):
            parent = row.parent
            assert parent is not None
            assert any(child is row for child in parent.children())
            found = jsonpatch.JsonPointer(self.replica.path(row)).resolve(state)
            assert _exact(found) == _exact(json.loads(row.encode()))
            edge = edge_of(row)
            assert (edge is None) == (parent is self.replica.top)


def _exact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


TestReplica = Machine.TestCase
TestReplica.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_change_deep_down_is_said_in_few_words() -> None:
    replica = Replica()
    child = Row(CHILD, (("row", "a"),), [b'"old"', b"1", b"null"])
    replica.fill(Row(ROOT, (("root", "1"),), [b'"n"', MISSING, b"null", [child]]))
    replica.encode()
    replica.merge(child, Row(CHILD, (("row", "a"),), [b'"new"', b'{"x":1}', KEPT]))
    assert [json.loads(operation) for operation in replica.take_operations()] == [
        {"op": "replace", "path": "/rows/0/title", "value": "new"},
        {"op": "replace", "path": "/rows/0/a~1b~0c", "value": {"x": 1}},
    ]
    replica.merge(child, Row(CHILD, (("row", "a"),), [b'"new"', b'{"x":1,"y":2}', KEPT]))
    assert [json.loads(operation) for operation in replica.take_operations()] == [
        {"op": "add", "path": "/rows/0/a~1b~0c/y", "value": 2},
    ]
    assert replica.path(replica.top) == ""
    assert child.key == "a"


def test_nothing_is_said_where_nothing_changes() -> None:
    replica = Replica()
    replica.fill([Row(WHOLE, (("row", "a"),), [b"1"])])
    before = replica.encode()
    replica.set_value(replica.top, 0, [Row(WHOLE, (("row", "a"),), [b"1"])])
    assert replica.operations == []
    assert replica.encode() is before

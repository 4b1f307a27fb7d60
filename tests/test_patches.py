"""Patches: diff and apply agree, with each other and with a library that rxsse didn't write."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxsse import patches
from rxsse.exceptions import PatchError

CASES = json.loads((Path(__file__).parent / "conformance" / "rfc6902.json").read_text())

NUMBERS = (
    st.integers(-(2**63), 2**63)
    | st.sampled_from([0, 1, 2**63, 2**64, 10**30, -(10**19)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0])
)
# Any text that UTF-8 can carry.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["", "a/b", "~1", "0", "-"])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
KEYS = st.integers(0, 12) | st.sampled_from(["0", "a", "b/c", "d~e"])


@st.composite
def row_lists(draw: st.DrawFn) -> list[Any]:
    name = draw(st.sampled_from(["id", "slug", "other"]))
    keys = draw(st.lists(KEYS, unique_by=lambda key: (type(key), key), max_size=12))
    texts = st.sampled_from([True, 1, 1.0, None, "long enough that a move is shorter than a replacement"])
    return [{name: key, "title": draw(texts), "rows": draw(st.lists(st.integers(0, 3), max_size=3))} for key in keys]


def text(value: Any) -> str:
    """Strict JSON text: two values have the same one when they are strictly the same."""
    return json.dumps(value, sort_keys=True)


def by_jsonpatch(state: Any, patch: bytes) -> Any:
    return jsonpatch.apply_patch(deepcopy(state), json.loads(patch))


def check(old: Any, new: Any) -> list[bytes]:
    before = text(old)
    operations = patches.diff(old, new)
    patch = patches.encode(operations)
    assert text(patches.apply(old, patch)) == text(new)
    assert text(old) == before
    assert text(by_jsonpatch(old, patch)) == text(new)
    assert bool(operations) == (before != text(new))
    assert len(patch) <= max(2, len(patches.encode([patches.replace("", patches.dumps(new))])))
    return operations


@given(VALUES, VALUES)
def test_apply_undoes_diff(old: Any, new: Any) -> None:
    check(old, new)


@given(row_lists(), row_lists())
def test_rows_are_paired_in_any_order(old: list[Any], new: list[Any]) -> None:
    check(old, new)


@given(st.lists(st.integers(0, 60), unique=True), st.lists(st.integers(0, 60), unique=True))
def test_rows_leave_arrive_and_move(old: list[int], new: list[int]) -> None:
    padding = "x" * 200  # so that replacing the list is never the shorter way
    check([{"id": key, "padding": padding} for key in old], [{"id": key, "padding": padding} for key in new])


@given(VALUES)
def test_a_value_is_the_same_as_its_copy(value: Any) -> None:
    assert patches.same(value, deepcopy(value))
    assert patches.diff(value, deepcopy(value)) == []


@given(VALUES)
def test_text_is_read_back_exactly(value: Any) -> None:
    assert text(patches.loads(patches.dumps(value))) == text(value)
    assert b"\n" not in patches.dumps(value)


def test_a_lone_surrogate_is_escaped() -> None:
    assert patches.dumps("\ud800") == b'"\\ud800"'
    assert not patches.same("\ud800", "\ud801")


@pytest.mark.parametrize(("one", "other"), [(True, 1), (1, 1.0), (0.0, -0.0), (False, 0), (None, False), ("1", 1)])
def test_values_that_python_confuses_differ(one: Any, other: Any) -> None:
    assert not patches.same([one], [other])
    assert len(check({"a": one}, {"a": other})) == 1
    assert len(check([one, "x"], [other, "x"])) == 1
    # As identities of rows, too.
    check([{"id": one, "x": "y" * 99}, {"id": 5}], [{"id": other, "x": "y" * 99}, {"id": 6}])


def test_the_order_of_members_means_nothing() -> None:
    old = [{"id": i, "a": 1, "b": 2} for i in range(300)]
    new = [{"b": 2, "a": 1, "id": i} for i in range(300)]
    assert patches.diff(old, new) == []
    new[299]["a"] = 3
    assert patches.diff(old, new) == [b'{"op":"replace","path":"/299/a","value":3}']


def test_shared_parts_cost_nothing() -> None:
    row = {"id": 1, "deep": {"x": 1}}
    assert patches.diff({"row": row, "n": 1}, {"row": row, "n": 2}) == [b'{"op":"replace","path":"/n","value":2}']
    assert patches.diff(row, row) == []


def long_rows(count: int) -> list[Any]:
    return [{"id": i, "title": f"A title of some length, {i}", "done": False} for i in range(count)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[500].update(done=1), [b'{"op":"replace","path":"/t/500/done","value":1}']),
        (lambda rows: rows.insert(0, rows.pop()), [b'{"op":"move","from":"/t/999","path":"/t/0"}']),
        (lambda rows: rows.append(rows.pop(0)), [b'{"op":"move","from":"/t/0","path":"/t/999"}']),
        (lambda rows: rows.pop(0), [b'{"op":"remove","path":"/t/0"}']),
        (lambda rows: rows.pop(), [b'{"op":"remove","path":"/t/999"}']),
        (lambda rows: rows.insert(1, {"id": "new"}), [b'{"op":"add","path":"/t/1","value":{"id":"new"}}']),
        (lambda rows: rows.append({"id": "new"}), [b'{"op":"add","path":"/t/1000","value":{"id":"new"}}']),
        (
            lambda rows: (rows.pop(3), rows.insert(7, {"id": "new"})),
            [b'{"op":"remove","path":"/t/3"}', b'{"op":"add","path":"/t/7","value":{"id":"new"}}'],
        ),
        (
            lambda rows: (rows.append(rows.pop(3)), rows[0].update(done=None)),
            [b'{"op":"move","from":"/t/3","path":"/t/999"}', b'{"op":"replace","path":"/t/0/done","value":null}'],
        ),
    ],
)
def test_small_changes_of_long_lists_are_small_patches(change: Any, expected: list[bytes]) -> None:
    old, new = {"t": long_rows(1000)}, {"t": long_rows(1000)}
    change(new["t"])
    assert sorted(check(old, new)) == sorted(expected)


def test_rows_without_identity_are_paired_by_position() -> None:
    long = "y" * 99
    assert check([long, 2, 3, 9], [long, 3, 9]) == [b'{"op":"remove","path":"/1"}']
    twins = [{"id": 1, "a": long}, {"id": 1, "a": long}, {"id": 3, "a": long}]
    assert check(twins, [{"id": 1, "a": long, "b": 0}, {"id": 2, "a": long}]) == [
        b'{"op":"add","path":"/0/b","value":0}',
        b'{"op":"replace","path":"/1/id","value":2}',
        b'{"op":"remove","path":"/2"}',
    ]
    assert check([[long], [1, long]], [[2, long], [long, 1], [3]])
    assert check([{"id": 1, "a": long}, 5], [{"id": 2, "a": long}, 6])


def test_the_second_identity_is_taken_where_the_first_is_not_unique() -> None:
    long = "y" * 99
    old = [{"id": 1, "slug": "a", "x": long}, {"id": 1, "slug": "b", "x": long}, {"id": 1, "slug": "c", "x": long}]
    assert check(old, [old[2], old[0], old[1]]) == [b'{"op":"move","from":"/2","path":"/0"}']


def test_a_patch_is_never_longer_than_replacing() -> None:
    assert check({"a": [1, 2, 3], "b": 0}, {"a": [4, 5, 6], "b": 0}) == [
        b'{"op":"replace","path":"/a","value":[4,5,6]}'
    ]
    assert check({"a": 1}, [1]) == [b'{"op":"replace","path":"","value":[1]}']
    assert check([{"id": 1}, {"id": 2}], []) == [b'{"op":"replace","path":"","value":[]}']


def test_pointers_are_escaped() -> None:
    assert patches.pointer() == ""
    assert patches.pointer("tasks", 0, "a/b", "~", "") == "/tasks/0/a~1b/~0/"
    assert check({"a/b": {'"~': 1}}, {"a/b": {'"~': 2}}) == [b'{"op":"replace","path":"/a~1b/\\"~0","value":2}']
    assert patches.add('/"', b"1") == b'{"op":"add","path":"/\\"","value":1}'


def test_diff_begins_at_its_path() -> None:
    assert patches.diff(1, 2, "/a/b") == [b'{"op":"replace","path":"/a/b","value":2}']


def test_large_lists_are_compared_in_few_steps() -> None:
    """A difference that costs a step per pair of rows would not end here."""
    rows = long_rows(10_000)
    turned = deepcopy(rows[::-1])
    operations = patches.diff(rows, turned)
    assert patches.same(patches.apply(rows, patches.encode(operations)), turned)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_rfc6902(case: dict[str, Any]) -> None:
    before = text(case["doc"])
    patch = json.dumps(case["patch"]).encode()
    if "error" in case:
        with pytest.raises(PatchError):
            patches.apply(case["doc"], patch)
    else:
        assert text(patches.apply(case["doc"], patch)) == text(case["expected"])
    assert text(case["doc"]) == before


@given(VALUES, VALUES)
def test_apply_changes_nothing_that_it_was_given(old: Any, new: Any) -> None:
    """Every operation of a document works on what the ones before left, never on the state given."""
    state = {"a": old, "b": [old]}
    before = text(state)
    after = patches.apply(
        state,
        patches.encode(
            [
                b'{"op":"copy","from":"/a","path":"/c"}',
                patches.add("/b/0", patches.dumps(new)),
                patches.move("/b/1", "/b/0"),
                patches.replace("/a", b"[]"),
                patches.add("/a/-", b"{}"),
                patches.remove("/b/1"),
            ]
        ),
    )
    assert text(after) == text({"a": [{}], "b": [old], "c": old})
    assert text(state) == before


@pytest.mark.parametrize("patch", [b"", b"[", b"nope", b"\xff", b"{}", b"1", b"[1]", b"[[]]"])
def test_what_is_no_patch_is_refused(patch: bytes) -> None:
    with pytest.raises(PatchError):
        patches.apply({}, patch)

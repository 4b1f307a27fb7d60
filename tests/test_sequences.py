"""Any order becomes any other in the fewest steps."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxsse.sequences import steps


def longest_rise(values: Sequence[int]) -> int:
    ends: list[int] = []
    for value in values:
        place = bisect_left(ends, value)
        ends[place : place + 1] = [value]
    return len(ends)


def done(current: Sequence[Any], target: Sequence[Any]) -> int:
    """Do the steps; return how many there were."""
    places = {member: place for place, member in enumerate(current)}
    working = list(current)
    count = 0
    for step in steps([places.get(member) for member in target]):
        assert step.source != step.target
        assert (step.source is None) == (target[step.row] not in places)
        if step.source is not None:
            assert working.pop(step.source) == target[step.row]
        working.insert(step.target, target[step.row])
        count += 1
    assert working == list(target)
    return count


@given(st.permutations(range(12)), st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_every_order_is_reached_in_the_fewest_steps(current: list[int], target: list[int], fresh: set[int]) -> None:
    known = [member for member in current if member not in fresh]
    ranks = [known.index(member) for member in target if member not in fresh]
    assert done(known, target) == len(target) - longest_rise(ranks)


@given(st.lists(st.text(), unique=True, max_size=30), st.randoms())
def test_any_members(current: list[str], random: Any) -> None:
    target = current[:]
    random.shuffle(target)
    done(current, target)


@pytest.mark.parametrize(
    ("current", "target", "count"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("a", "a", 0),
        ("abcd", "abcd", 0),
        ("abcd", "bcda", 1),
        ("abcd", "dabc", 1),
        ("abcd", "dcba", 3),
        ("xabcy", "xcaby", 1),
        ("abc", "xabyc", 2),
        ("abc", "abcx", 1),
        ("abc", "xcba", 3),
    ],
)
def test_known_orders(current: str, target: str, count: int) -> None:
    assert done(current, target) == count


def test_a_long_list_that_is_turned_round() -> None:
    size = 10_000
    assert done(range(size), range(size - 1, -1, -1)) == size - 1

"""The fewest moves from one order to another; knows only sequences."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple


class Move(NamedTuple):
    """Take the member at ``source`` out, then put it in at ``target``."""

    source: int
    target: int


def moves(current: Sequence[Hashable], target: Sequence[Hashable]) -> Iterator[Move]:
    """The moves, to be done in order, that bring ``current`` to ``target``; both hold the same distinct members.

    Members on a longest increasing subsequence stay where they are.
    """
    first, last = 0, len(current)
    while first < last and current[first] == target[first]:
        first += 1
    while last > first and current[last - 1] == target[last - 1]:
        last -= 1
    window = list(current[first:last])
    rank = {member: index for index, member in enumerate(target[first:last])}
    staying = set(_longest_increasing([rank[member] for member in window]))
    working = window
    for index, member in enumerate(target[first:last]):
        if index in staying:
            continue
        source = working.index(member)
        del working[source]
        place = _place(working, rank, staying, index)
        working.insert(place, member)
        staying.add(index)
        if source != place:
            yield Move(first + source, first + place)


def _place(working: list[Hashable], rank: dict[Hashable, int], settled: set[int], index: int) -> int:
    """Right behind the last settled member that comes before ``index``."""
    for position in range(len(working) - 1, -1, -1):
        other = rank[working[position]]
        if other in settled and other < index:
            return position + 1
    return 0


def _longest_increasing(values: Sequence[int]) -> list[int]:
    tails: list[int] = []
    tail_at: list[int] = []
    previous = [-1] * len(values)
    for index, value in enumerate(values):
        position = bisect_left(tails, value)
        if position:
            previous[index] = tail_at[position - 1]
        if position == len(tails):
            tails.append(value)
            tail_at.append(index)
        else:
            tails[position], tail_at[position] = value, index
    chain: list[int] = []
    index = tail_at[-1] if tail_at else -1
    while index >= 0:
        chain.append(values[index])
        index = previous[index]
    return chain

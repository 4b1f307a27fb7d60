"""The fewest steps that bring rows into a new order; knows only their ranks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """The new order's row ``row`` goes to ``target``, out of ``source``, or as a new row where that is None.

    Both are places in the list as it is at that step; ``target`` is counted after taking the row out [rfc6902 §4.4].
    """

    row: int
    source: int | None
    target: int


def steps(ranks: Sequence[int | None]) -> Iterator[Step]:
    """The steps, to be done in order, that lead to the new order.

    ``ranks`` gives, for each row of the new order, its place in the old one (each place once), None
    for a new row. Rows on a longest rise of ranks stay where they are.

    At any moment the list is made of three kinds: rows that stay, rows that have been placed
    (each behind the staying row passed last), and rows that wait for their move.
    """
    first, last, survivors = _window(ranks)
    stays = _longest_rise([rank for rank in ranks[first:last] if rank is not None])
    standing = set(stays)
    waiting = [rank for rank in range(first, survivors) if rank not in standing]
    anchors: list[int] = []  # of each placed row: the rank of the staying row before it
    passed, anchor = first, -1
    for index in range(first, last):
        rank = ranks[index]
        if rank in standing and rank is not None:
            passed, anchor = passed + 1, rank
            continue
        source = None
        if rank is not None:
            position = bisect_left(waiting, rank)
            source = first + position + bisect_left(stays, rank) + bisect_left(anchors, rank)
            del waiting[position]
        target = len(anchors) + passed + bisect_left(waiting, anchor)
        anchors.append(anchor)
        yield Step(index, source, target)


def _window(ranks: Sequence[int | None]) -> tuple[int, int, int]:
    """What is left between a beginning and an end that stay: first, last, and the first rank of the end."""
    survivors = len(ranks) - ranks.count(None)
    first, last = 0, len(ranks)
    while first < last and ranks[first] == first:
        first += 1
    while last > first and ranks[last - 1] == survivors - 1:
        last, survivors = last - 1, survivors - 1
    return first, last, survivors


def _longest_rise(ranks: Sequence[int]) -> list[int]:
    """The longest increasing subsequence: the rows that need not move."""
    ends: list[int] = []  # the smallest end of a rise, by its length
    before: dict[int, int] = {}
    for rank in ranks:
        length = bisect_left(ends, rank)
        if length:
            before[rank] = ends[length - 1]
        ends[length : length + 1] = [rank]
    rise = ends[-1:]
    while rise and rise[-1] in before:
        rise.append(before[rise[-1]])
    return rise[::-1]

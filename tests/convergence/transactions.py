"""Puts random writes into random transactions: nested, partly rolled back; knows nothing of rxsse."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from django.core.exceptions import ObjectDoesNotExist
from django.db import Error, transaction

from tests.convergence.writes import WRITES, Write, move_money

LOST = (Error, ObjectDoesNotExist)
"""What a transaction ends with where another writer was there first: rolled back, as in any application."""


class Undone(Exception):
    """Rolls a block back."""


def writes_of(kind: str) -> Sequence[Write]:
    """The writes of a kind of run: "all", or "money"."""
    return [move_money] if kind == "money" else WRITES


def course(count: int, seed: int, kind: str) -> int:
    """``count`` transactions one after the other; returns how many were rolled back because of other writers."""
    rng = Random(seed)
    lost = 0
    for _ in range(count):
        try:
            run(rng, writes_of(kind))
        except LOST:
            lost += 1
    return lost


def run(rng: Random, chosen: Sequence[Write] = WRITES) -> None:
    """One write, of ``chosen``, in autocommit mode, or a transaction of several; database errors pass through."""
    if rng.random() < 0.4:
        rng.choice(chosen)(rng)
    else:
        block(rng, chosen, depth=0)


def block(rng: Random, chosen: Sequence[Write], depth: int) -> None:
    """Some writes and inner blocks, atomically; with luck none of it happened."""
    try:
        with transaction.atomic(savepoint=depth == 0 or rng.random() < 0.8):
            for _ in range(rng.randint(1, 3)):
                if depth < 2 and rng.random() < 0.3:
                    block(rng, chosen, depth + 1)
                else:
                    rng.choice(chosen)(rng)
            if rng.random() < 0.25:
                raise Undone
    except Undone:
        # Where the block had no savepoint of its own, the one around it is lost as well.
        if depth and transaction.get_connection().needs_rollback:
            raise

"""Used tickets in memory are bounded, and none is forgotten to make room."""

from __future__ import annotations

import pytest

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.tickets import memory
from rxsse.tickets.memory import MemoryTickets
from tests.waiting import until


def test_where_there_are_too_many_no_further_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT", 3)
    tickets = MemoryTickets(Settings())
    for nonce in ("a", "b"):
        assert tickets.spend(nonce, 60)
    assert tickets.spend("soon", 0.05)

    def is_taken() -> bool:
        try:
            return tickets.spend("d", 60)
        except Unavailable:
            return False

    until(is_taken)
    for nonce in ("a", "b", "d"):
        assert not tickets.spend(nonce, 60)
    with pytest.raises(Unavailable, match="REDIS_URL"):
        tickets.spend("e", 60)


def test_nothing_is_kept_of_what_is_over() -> None:
    tickets = MemoryTickets(Settings())
    for number in range(100):
        assert tickets.spend(str(number), 0.001)
    until(lambda: tickets.spend("x", 0.001) and len(tickets._used) == 1)
    assert len(tickets._ends) == 1

"""An integer says what a cursor does, so that it fits no other history (PROTOCOL I4)."""

from __future__ import annotations

import pytest

from rxsse.cursors import Cursor
from rxsse.eventstream.storage import cursor_of, id_of


@pytest.mark.parametrize("epoch", ["0", "-", "_", "00", "Kq3vP0a1bC2d", "-" * 32, "0" * 32, "zZ_-09"])
@pytest.mark.parametrize("revision", [0, 1, 10**16 - 1])
def test_an_id_holds_epoch_and_revision(epoch: str, revision: int) -> None:
    cursor = Cursor(epoch, revision)
    assert cursor_of(id_of(cursor)) == cursor
    assert cursor_of(int(str(id_of(cursor)))) == cursor


@pytest.mark.parametrize("id_", [0, 1, 7, 10**16, 10**16 + 5, -1, -(10**17), 10**90])
def test_what_no_cursor_has_is_none(id_: int) -> None:
    assert cursor_of(id_) is None

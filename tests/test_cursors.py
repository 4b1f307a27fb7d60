from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxsse.cursors import Cursor, new_epoch
from rxsse.exceptions import CursorError

EPOCHS = st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True)


@given(EPOCHS, st.integers(0, 10**16 - 1))
def test_a_cursor_reads_what_it_writes(epoch: str, revision: int) -> None:
    cursor = Cursor(epoch, revision)
    assert Cursor.parse(str(cursor)) == cursor
    assert cursor.next() == Cursor(epoch, revision + 1)


@given(st.text())
def test_any_other_text_is_refused_or_written_the_same(text: str) -> None:
    try:
        cursor = Cursor.parse(text)
    except CursorError:
        return
    assert str(cursor) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "e",
        "e.",
        ".1",
        "e.01",
        "e.-1",
        "e.+1",
        "e.1 ",
        " e.1",
        "e.1\n",
        "e.1.2",
        "é.1",
        "e.١",
        "e." + "9" * 17,
        "e" * 33 + ".1",
        "e.1e3",
        "\x00.1",
    ],
)
def test_malformed_cursors_are_refused_with_advice(text: str) -> None:
    with pytest.raises(CursorError, match="last 'id'"):
        Cursor.parse(text)


def test_new_epochs_differ_and_can_be_written() -> None:
    epochs = {new_epoch() for _ in range(1_000)}
    assert len(epochs) == 1_000
    assert all(Cursor.parse(f"{epoch}.0").epoch == epoch for epoch in epochs)

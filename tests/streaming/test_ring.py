"""The ring: bounded, contiguous, and honest about what it does not keep."""

from __future__ import annotations

from rxsse.cursors import Cursor
from rxsse.streaming.ring import Ring


def filled(revisions: int, *, length: int = 100, size: int = 100_000, wide: int = 10) -> Ring:
    ring = Ring(Cursor("e", 0), length=length, size=size)
    for revision in range(1, revisions + 1):
        ring.patched(Cursor("e", revision), b"x" * wide)
    return ring


def test_bounded_by_number() -> None:
    ring = filled(1_000, length=7)
    assert len(ring) == 7
    assert ring.position == 1_000
    assert ring.entries(992) is None
    assert len(list(ring.entries(993) or ())) == 7


def test_bounded_by_bytes() -> None:
    ring = filled(1_000, size=5_000, wide=100)
    assert ring.size <= 5_000
    assert ring.size == sum(len(entry.event) for entry in ring.entries(ring.position - len(ring)) or ())


def test_the_latest_event_is_kept_however_large() -> None:
    ring = filled(3, size=1_000, wide=10_000)
    assert len(ring) == 1
    ring.patched(Cursor("e", 4), b"[]")
    assert len(ring) == 1
    assert ring.size < 1_000


def test_finds_the_place_after_a_cursor() -> None:
    ring = filled(5, length=3)
    assert [ring.find(Cursor("e", revision)) for revision in range(7)] == [None, None, 2, 3, 4, 5, None]
    assert ring.find(Cursor("other", 3)) is None


def test_messages_do_not_hide_a_cursor() -> None:
    ring = filled(1)
    ring.told(b"a")
    ring.told(b"b")
    assert ring.find(Cursor("e", 1)) == 1
    assert ring.find(Cursor("e", 0)) == 0


def test_a_doubled_patch_is_dropped() -> None:
    ring = filled(3)
    ring.patched(Cursor("e", 2), b"[]")
    assert ring.position == 3


def test_after_a_hole_nothing_older_is_given() -> None:
    ring = filled(3)
    ring.patched(Cursor("e", 5), b"[]")
    assert ring.entries(3) is None
    assert ring.cursor == Cursor("e", 5)
    assert ring.find(Cursor("e", 5)) == ring.position

"""Open streams are counted exactly: never more than allowed, and given back whatever becomes of them."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rxsse.streaming.places import Full, Place, Places


def test_a_place_counts_until_it_is_left() -> None:
    places = Places()
    first, second = places.take({"ann": 2}), places.take({"ann": 2, "here": 5})
    with pytest.raises(Full) as full:
        places.take({"here": 5, "ann": 2})
    assert (full.value.key, full.value.limit) == ("ann", 2)
    assert (places.count("ann"), places.count("here")) == (2, 1)  # who was refused counts nowhere
    first.leave()
    first.leave()
    assert places.count("ann") == 1
    second.leave()
    assert len(places) == 0


def test_a_place_that_is_forgotten_is_left() -> None:
    places = Places()
    place: Place | None = places.take({"ann": 1})
    assert places.count("ann") == 1
    place = None
    assert places.count("ann") == 0
    around: list[object] = [places.take({"ann": 1})]
    around.append(around)
    del around
    gc.collect()
    assert places.count("ann") == 0
    assert place is None


def test_of_many_at_once_as_many_are_let_in_as_there_are_places() -> None:
    """While others leave, and the garbage collector returns places in the midst of all that."""
    places = Places()
    start = threading.Barrier(8)

    def come_and_go(number: int) -> int:
        start.wait()
        let_in = 0
        for turn in range(200):
            try:
                around: list[object] = [places.take({"all": 5, number: 200})]
            except Full:
                gc.collect()
                continue
            let_in += 1
            assert places.count("all") <= 5
            if turn % 3:
                around[0].leave()  # type: ignore[attr-defined]
            else:
                around.append(around)  # a cycle, which only the collector frees
            del around
        return let_in

    gc.freeze()  # what pytest holds is not looked through
    try:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(come_and_go, range(8))) > 100
    finally:
        gc.unfreeze()
    gc.collect()
    assert len(places) == 0
    held = [places.take({"all": 5}) for _ in range(5)]
    with pytest.raises(Full):
        places.take({"all": 5})
    assert len(held) == 5

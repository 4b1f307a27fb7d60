"""Waits on conditions, with a deadline; knows nothing of what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 20.0


def until(condition: Callable[[], object], what: str | Callable[[], str] = "", seconds: float = SECONDS) -> None:
    """Return as soon as ``condition()`` is true; fail the test after ``seconds``, saying ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {(what() if callable(what) else what) or condition}")
        time.sleep(0.005)

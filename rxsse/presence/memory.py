"""Presence within one process: it hears of itself only, and reports when it is asked, so nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence

from rxsse.presence.base import BasePresence


class MemoryPresence(BasePresence):
    shared = False

    def report(self, process: str, report: bytes, seconds: float) -> None:
        """Whoever may ask is in this process, and asks it directly."""

    def withdraw(self, process: str) -> None:
        """Nothing is kept."""

    def reports(self) -> Sequence[bytes]:
        return ()

    def close(self) -> None:
        """Nothing is open."""

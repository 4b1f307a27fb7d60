"""What a presence is: where every serving process says what it holds, for whoever looks inside; a report, no truth.

Nothing is decided by it: without it everything is served just the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence


class BasePresence(ABC):
    """All methods may be called from any thread; every one raises `Unavailable` when out of reach."""

    shared: bool
    """Whether reports of other processes are seen."""

    @abstractmethod
    def report(self, process: str, report: bytes, seconds: float) -> None:
        """Replace what ``process`` said before; forgotten after ``seconds`` unless it is said again."""

    @abstractmethod
    def withdraw(self, process: str) -> None:
        """``process`` ends."""

    @abstractmethod
    def reports(self) -> Sequence[bytes]:
        """The latest report of every process, in no order."""

    @abstractmethod
    def close(self) -> None:
        """Free connections."""

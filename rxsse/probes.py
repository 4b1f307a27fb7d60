"""Where the flows say what they have just done, for metrics and traces; by default to nobody, at the price of a call.

Knows topics and numbers only. It sits below the flows, so that none of them knows who measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from rxsse.cursors import Cursor
from rxsse.messages import Topic


class Probe:
    """Override what is to be measured. Called from any thread, with locks held: it must neither block nor raise.

    Each call stands for a transaction, a derivation, a revision or a batch of deliveries, never for one delivery.
    """

    def announced(self, phase: str, delivered: bool) -> None:
        """The feed was told of a transaction; not ``delivered``: it did not take it."""

    def derived(self, topic: Topic, seconds: float, whole: bool) -> None:
        """The state was brought up to date; ``whole``: by reading the anchor whole."""

    def appended(self, topic: Topic, cursor: Cursor, size: int) -> None:
        """A patch of ``size`` bytes is in the log as ``cursor``."""

    def began(self, topic: Topic, cursor: Cursor) -> None:
        """A new epoch began."""

    def failed(self, topic: Topic, error: str) -> None:
        """A topic's work failed with an error of this kind, and is tried again."""

    def audited(self, topic: Topic, cursor: Cursor, operations: int) -> None:
        """The state was compared with the database; ``operations`` led from what was served to what is true."""

    def offered(self, topic: Topic, streams: int) -> None:
        """What is new was offered to this many streams, at once."""

    def opened(self, topic: Topic) -> None:
        """A stream begins."""

    def ended(self, topic: Topic) -> None:
        """A stream has ended."""

    def carried(self) -> str:
        """The trace that the calling thread is in, as W3C ``traceparent``; nothing where it is in none."""
        return ""

    def span(self, name: str, topic: Topic | None = None, traces: Sequence[str] = ()) -> AbstractContextManager[object]:
        """Encloses a piece of work that ``traces``, as they were `carried`, have led to."""
        return _NO_SPAN


def about(topic: Topic, cursor: Cursor | None = None) -> dict[str, object]:
    """The ``extra`` of a log record: ``topic``, ``channel``, and ``epoch`` and ``revision`` where they are known."""
    found: dict[str, object] = {"topic": topic.name, "channel": topic.channel}
    if cursor is not None:
        found |= {"epoch": cursor.epoch, "revision": cursor.revision}
    return found


_NO_SPAN: AbstractContextManager[object] = nullcontext()
NOBODY = Probe()

to: Probe = NOBODY
"""Who is told. Always used as ``probes.to``, so that `tell` reaches every caller."""


def tell(probe: Probe) -> None:
    """Tell ``probe`` from now on instead of whoever was told before."""
    global to
    to = probe

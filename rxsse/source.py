"""Where the serving side and the owner's side of a topic meet; types only, so that neither knows the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from rxsse.cursors import Cursor
from rxsse.messages import Topic


class Sink(Protocol):
    """Told about a hot topic, in order, from any thread; must not block (the streaming hub implements it)."""

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        """``patch`` (a JSON document) leads to ``cursor``. Contiguous within an epoch since `Source.activate`."""

    def began(self, topic: Topic, cursor: Cursor, reason: str) -> None:
        """History broke: every client needs ``reset {reason}`` and then a snapshot, even in the same epoch."""

    def stale(self, topic: Topic, reason: str) -> None:
        """The state can't be derived at present; `began` or `patched` follows when it can again."""

    def gone(self, topic: Topic) -> None:
        """The anchor was deleted: clients get ``gone`` and the stream ends."""

    def message(self, topic: Topic, event: str, body: bytes) -> None:
        """An application's own event for every client of the topic; moves no cursor."""


class Source(Protocol):
    """The owner's side. Never blocks the caller: futures resolve from other threads.

    Futures fail with `Gone`, `DeriveError` or `Unavailable`.
    """

    def activate(self, topic: Topic, sink: Sink) -> Future[Cursor]:
        """Make ``topic`` hot. Resolves with the cursor that the next `Sink.patched` continues."""

    def deactivate(self, topic: Topic, sink: Sink) -> None:
        """Nobody behind ``sink`` reads ``topic`` any more; it is told nothing after this returns.

        Each event loop that serves streams has a sink of its own, so a topic may have several.
        """

    def snapshot(self, topic: Topic) -> Future[tuple[Cursor, bytes]]:
        """A state not older than this call's last `patched`, as JSON text. Same bytes object while unchanged."""

    def since(self, topic: Topic, cursor: Cursor) -> Future[Sequence[bytes] | None]:
        """The patches after ``cursor`` up to the log's head, or None where they can't be given (reset)."""

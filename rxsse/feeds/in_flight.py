"""The transactions that are under way, as one reader has seen them; knows no stream and no connection.

A writer keeps its PREPARED in a hash until its COMMITTED is in the stream. So what is in the
hash is no history but a state: whoever looks sees exactly what may be committed at this moment,
and nobody has to be woken when something enters it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rxsse.exceptions import ProtocolError
from rxsse.messages import Announcement, Phase

ABANDONED = 900.0
"""Seconds after which an entry is taken out for its writer, who must have died: no statement takes that long."""


class InFlight:
    """What one reader has told its listener as PREPARED and not yet as over. Not thread-safe."""

    def __init__(self) -> None:
        self._seen: dict[bytes, tuple[float, Announcement | None]] = {}  # None: it could not be read

    def news(self, entries: Mapping[bytes, bytes], now: float) -> Iterator[Announcement | None]:
        """What is in the hash and was not before; None stands for an entry that can't be read."""
        for id_, body in entries.items():
            if id_ not in self._seen:
                announcement = _decoded(body)
                self._seen[id_] = now, announcement
                yield announcement

    def over(self, id_: str) -> None:
        """The stream said how the transaction ended."""
        self._seen.pop(id_.encode(), None)

    def vanished(self, entries: Mapping[bytes, bytes]) -> list[Announcement]:
        """Forget what is in the hash no more although the stream, read to its end since, said nothing of it.

        Returned as COMMITTED: its rows are to be read once more, and then there is a difference or none.
        """
        gone = [self._seen.pop(id_)[1] for id_ in list(self._seen) if id_ not in entries]
        return [replace(announcement, phase=Phase.COMMITTED) for announcement in gone if announcement is not None]

    def abandoned(self, now: float) -> list[bytes]:
        """The ids of entries that nobody will take out any more."""
        return [id_ for id_, (since, _) in self._seen.items() if now - since > ABANDONED]

    def forget(self) -> None:
        """The hash is another one: what was told stays with the listener, what is seen again is told again."""
        self._seen.clear()


def _decoded(body: bytes) -> Announcement | None:
    try:
        return Announcement.decode(body)
    except ProtocolError:
        return None

"""A listener that remembers what it was told, in order."""

from __future__ import annotations

from rxsse.messages import Fanout


class Recorder:
    def __init__(self) -> None:
        self.told: list[tuple[str, Fanout]] = []
        self.gaps: list[str] = []

    def fanned_out(self, topic_name: str, fanout: Fanout) -> None:
        self.told.append((topic_name, fanout))

    def gap(self, reason: str) -> None:
        self.gaps.append(reason)

    @property
    def revisions(self) -> list[int]:
        return [fanout.revision for _, fanout in self.told]

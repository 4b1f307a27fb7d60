"""A listener that remembers what it was told, in order."""

from __future__ import annotations

from dataclasses import replace

from rxsse.messages import Announcement, Change, Operation, Phase


class Recorder:
    def __init__(self) -> None:
        self.told: list[Announcement | str] = []

    def announced(self, announcement: Announcement) -> None:
        self.told.append(announcement)

    def gap(self, reason: str) -> None:
        self.told.append(reason)

    @property
    def announcements(self) -> list[Announcement]:
        return [told for told in self.told if isinstance(told, Announcement)]

    @property
    def ids(self) -> list[str]:
        return [announcement.id for announcement in self.announcements]

    @property
    def over(self) -> list[str]:
        """The ids of what is said to be committed or withdrawn."""
        return [told.id for told in self.announcements if told.phase is not Phase.PREPARED]

    @property
    def gaps(self) -> list[str]:
        return [told for told in self.told if isinstance(told, str)]


def prepared(id_: str, model: str = "app.thing") -> Announcement:
    change = Change(model, Operation.UPDATE, ("1", "é/☃"), frozenset({"name"}), {"owner_id": ("5", None)})
    return Announcement(id_, Phase.PREPARED, "default", (change,))


def committed(id_: str) -> Announcement:
    """As a writer says it whose PREPARED was taken."""
    return Announcement(id_, Phase.COMMITTED, "default")


def carried(id_: str) -> Announcement:
    """COMMITTED with all the changes of its PREPARED."""
    return replace(prepared(id_), phase=Phase.COMMITTED)

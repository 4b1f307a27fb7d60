"""A feed that remembers what it was told, and looks at the committed rows each time; knows no owner's side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rxsse.feeds.base import BaseFeed, Listener
from rxsse.messages import Announcement, Change, Phase


@dataclass
class RecordingFeed(BaseFeed):
    """Watches every model, or only ``models``. ``look`` is called before an announcement is recorded."""

    models: set[str] | None = None
    accepts: bool = True
    look: Callable[[Announcement], None] = lambda announcement: None
    heard: list[Announcement] = field(default_factory=list)

    def is_watched(self, model: str) -> bool:
        return self.models is None or model in self.models

    def prepare(self, announcement: Announcement) -> bool:
        self._record(announcement)
        return self.accepts

    def commit(self, announcement: Announcement) -> None:
        self._record(announcement)

    def _record(self, announcement: Announcement) -> None:
        self.look(announcement)
        self.heard.append(Announcement.decode(announcement.encode()))

    def listen(self, listener: Listener) -> None:
        raise NotImplementedError("only the writer's side is under test")

    def watch(self, models: Iterable[str]) -> float:
        self.models = set(models)
        return 0.0

    def catch_up(self) -> None:
        """Nothing is ever under way."""

    def ping(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to free."""

    # --- what tests ask ------------------------------------------------------------------

    @property
    def phases(self) -> list[Phase]:
        return [announcement.phase for announcement in self.heard]

    def committed(self) -> list[tuple[Change, ...]]:
        """The changes of each committed transaction, as a reader knows them; forgets everything heard."""
        told: dict[str, tuple[Change, ...]] = {}
        result = []
        for announcement in self.heard:
            if announcement.phase is Phase.PREPARED:
                assert announcement.id not in told
                told[announcement.id] = announcement.changes
            elif announcement.phase is Phase.COMMITTED:
                result.append(announcement.changes or told[announcement.id])
        self.heard.clear()
        return result

    def only(self) -> tuple[Change, ...]:
        """The changes of the one transaction that was committed."""
        (changes,) = self.committed()
        return changes

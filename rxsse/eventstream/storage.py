"""Topics' logs as django-eventstream's storage: the events are patches, read only; knows no stream and derives nothing.

Its ids are integers, to which its code converts them. A revision alone would fit another epoch (I4), so an id
holds both: the epoch's characters as digits, then sixteen decimal places of revision.
"""

from __future__ import annotations

import string
from typing import Any

from django_eventstream.event import Event
from django_eventstream.storage import DjangoModelStorage, EventDoesNotExist, StorageBase

from rxsse import runtime
from rxsse.cursors import Cursor
from rxsse.eventstream.names import topic_of
from rxsse.exceptions import CursorError

REVISIONS = 10**16
"""PROTOCOL, "Cursor": revisions are below it."""

_DIGITS = string.digits + string.ascii_letters + "_-"


def id_of(cursor: Cursor | None) -> int:
    """The id of ``cursor``; 0 where there is no history, which no cursor has."""
    if cursor is None:
        return 0
    number = 1  # keeps the zeros that follow
    for character in cursor.epoch:
        number = number * len(_DIGITS) + _DIGITS.index(character)
    return number * REVISIONS + cursor.revision


def cursor_of(id_: int) -> Cursor | None:
    """The cursor of an id; None where it is that of none."""
    number, revision = divmod(id_, REVISIONS)
    epoch = ""
    while number > 1:
        number, digit = divmod(number, len(_DIGITS))
        epoch = _DIGITS[digit] + epoch
    try:
        return Cursor.parse(f"{epoch}.{revision}") if number == 1 else None
    except CursorError:
        return None


class StorageMixin(StorageBase):  # type: ignore[misc]
    """Answers for anchors' channels; for all others the class that it is mixed into does."""

    def append_event(self, channel: str, event_type: str, data: Any) -> Any:
        """Raises for an anchor's channel: its history is that of the database."""
        if topic_of(channel) is None:
            return super().append_event(channel, event_type, data)
        raise ValueError(
            f"{event_type!r} can't be stored for {channel!r}: an anchor's history is that of its rows; set "
            "EVENTSTREAM_CHANNELMANAGER_CLASS to rxsse.eventstream.ChannelManager, so that it isn't tried"
        )

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[Any]:
        """The patches after ``last_id``, at most ``limit``, as events ``patch`` with their JSON text.

        Raises `EventDoesNotExist` where they can't be given without a hole, and `Unavailable`.
        """
        topic = topic_of(channel)
        if topic is None:
            found: list[Any] = super().get_events(channel, last_id, limit)
            return found
        cursor = cursor_of(last_id)
        patches = None if cursor is None else runtime.current().cache.since(topic, cursor)
        if cursor is None or patches is None:
            raise EventDoesNotExist(f"No patches are kept that follow {last_id}", self.get_current_id(channel))
        return [Event(channel, "patch", patch.decode(), id=last_id + n) for n, patch in enumerate(patches[:limit], 1)]

    def get_current_id(self, channel: str) -> int:
        """The id of the log's head; 0 where nothing is kept, as nobody reads it. Raises `Unavailable`."""
        topic = topic_of(channel)
        if topic is None:
            return int(super().get_current_id(channel))
        return id_of(runtime.current().cache.head(topic))


class Storage(StorageMixin, DjangoModelStorage):  # type: ignore[misc]
    """For ``EVENTSTREAM_STORAGE_CLASS``: anchors' channels in the cache, all others in the database."""

"""Topics' logs through django-eventstream's storage interface: exact, or refused."""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
import pytest
from django.contrib.auth.models import User
from django_eventstream import get_current_event_id, send_event, utils
from django_eventstream.event import Event
from django_eventstream.storage import DjangoModelStorage, EventDoesNotExist, StorageBase

from rxsse.cursors import Cursor
from rxsse.eventstream import Storage, StorageMixin
from rxsse.eventstream.storage import cursor_of, id_of
from tests.domain.models import Team
from tests.eventstream.site import OpenChannel
from tests.eventstream.support import reader, until_event
from tests.streaming.support import Connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.eventstream.site")]


class Kept(StorageBase):  # type: ignore[misc]
    """A storage of the project's own."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def append_event(self, channel: str, event_type: str, data: Any) -> Any:
        self.events.append(Event(channel, event_type, data, id=len(self.events) + 1))
        return self.events[-1]

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[Any]:
        return self.events[last_id : last_id + limit]

    def get_current_id(self, channel: str) -> int:
        return len(self.events)


class Mixed(StorageMixin, Kept):
    pass


def rename(team: Team, name: str) -> None:
    team.name = name
    team.save()


def follow(stream: Connection, name: str) -> dict[str, Any]:
    stream.until(lambda client: client.state["name"] == name)
    state: dict[str, Any] = stream.client.state
    return state


def test_patches_after_an_id_lead_to_the_state(port: int, team: Team) -> None:
    storage, channel = Storage(), OpenChannel.event_channel(pk=team.pk)
    assert storage.get_current_id(channel) == 0
    with reader(port, f"/open/{team.pk}/") as stream:
        first, state = storage.get_current_id(channel), stream.client.state
        assert cursor_of(first) == Cursor.parse(stream.client.last_id)
        assert storage.get_events(channel, first) == []
        for name in "second", "third", "fourth":
            rename(team, name)
            follow(stream, name)
        events = storage.get_events(channel, first)
        assert [(event.channel, event.type) for event in events] == [(channel, "patch")] * 3
        for event in events:
            state = jsonpatch.apply_patch(state, json.loads(event.data))
        assert state == stream.client.state
        assert events[-1].id == storage.get_current_id(channel)
        assert [event.id for event in storage.get_events(channel, first, limit=2)] == [first + 1, first + 2]
        assert [event.id for event in storage.get_events(channel, first + 2)] == [first + 3]


def test_an_id_of_another_history_is_refused(port: int, team: Team, settings: Any) -> None:
    """A bare revision would fit into any."""
    storage, channel = Storage(), OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream:
        rename(team, "second")
        follow(stream, "second")
        current = storage.get_current_id(channel)
        for wrong in 0, 1, current + 1, id_of(Cursor("other", 0)):
            with pytest.raises(EventDoesNotExist) as refused:
                storage.get_events(channel, wrong)
            assert refused.value.current_id == current


def test_an_event_does_not_enter_the_log(port: int, team: Team, settings: Any) -> None:
    settings.EVENTSTREAM_STORAGE_CLASS = "rxsse.eventstream.Storage"
    channel = OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream:
        storage = utils.get_storage()
        before = storage.get_current_id(channel)
        send_event(channel, "message", 1)
        assert until_event(stream, "message") == [("message", 1)]
        with pytest.raises(ValueError, match="an anchor's history is that of its rows"):
            storage.append_event(channel, "message", 1)
        assert storage.get_current_id(channel) == before
        assert get_current_event_id([channel]) == f"{channel}:{before}"
        rename(team, "second")
        follow(stream, "second")
        assert [event.type for event in storage.get_events(channel, before)] == ["patch"]


def test_other_channels_are_the_other_storages() -> None:
    assert issubclass(Storage, DjangoModelStorage)
    storage = Mixed()
    assert storage.append_event("elsewhere", "message", "1").id == 1
    assert storage.get_current_id("elsewhere") == 1
    assert [event.data for event in storage.get_events("elsewhere", 0)] == ["1"]


def test_a_project_that_stores_events_still_reaches_readers(port: int, team: Team, settings: Any, ada: User) -> None:
    """With a channel manager that calls every channel reliable, as theirs does, and knows nothing of anchors."""
    settings.EVENTSTREAM_CHANNELMANAGER_CLASS = "django_eventstream.channelmanager.DefaultChannelManager"
    settings.EVENTSTREAM_STORAGE_CLASS = "tests.eventstream.test_storage.Kept"
    channel = OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream:
        cursor = stream.client.last_id
        send_event(channel, "message", {"n": 1})
        assert until_event(stream, "message") == [("message", {"n": 1})]
        assert stream.client.last_id == cursor

"""What the bridge relies on and django-eventstream doesn't document; a version that fails here needs another bridge."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from django.test import RequestFactory
from django_eventstream import eventrequest, eventstream, utils, views
from django_eventstream.channelmanager import ChannelManagerBase, DefaultChannelManager
from django_eventstream.event import Event
from django_eventstream.storage import EventDoesNotExist


class Recording(views.ListenerManager):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.queued: list[Any] = []

    def add_to_queues(self, channel: str, event: Any) -> None:
        self.queued.append((channel, event))
        super().add_to_queues(channel, event)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Recording:
    found = Recording()
    monkeypatch.setattr(views, "listener_manager", found)
    return found


class Own(set[str]):
    """What a channel manager returns."""


class Manager(DefaultChannelManager):  # type: ignore[misc]
    own = Own(["here"])

    def get_channels_for_request(self, request: Any, view_kwargs: Any) -> Any:
        return self.own


@pytest.fixture
def chosen(settings: Any) -> Iterator[None]:
    settings.EVENTSTREAM_CHANNELMANAGER_CLASS = f"{__name__}.Manager"
    yield
    utils.tlocal.loaded.clear()


def test_the_version_is_one_that_was_looked_at() -> None:
    assert version("django-eventstream").startswith("5.3.")


def test_send_event_asks_the_module_for_its_manager_and_hands_over_json(manager: Recording) -> None:
    eventstream.send_event("there", "message", {"a": 1})
    ((channel, event),) = manager.queued
    assert (channel, event) == ("there", Event("there", "message", '{"a": 1}', id=None))


@pytest.mark.usefixtures("chosen")
def test_a_listener_is_given_the_very_channels_of_the_channel_manager() -> None:
    request = eventrequest.EventRequest(RequestFactory().get("/events/"), view_kwargs={})
    assert request.channels is Manager.own
    assert "listener.channels = event_request.channels" in inspect.getsource(views.events)


def test_listeners_are_kept_in_sets_by_channel_under_one_lock(manager: Recording) -> None:
    listener = views.Listener()
    listener.channels = {"here"}
    manager.add_listener(listener)
    assert manager.listeners_by_channel == {"here": {listener}}
    with manager.lock:
        manager.listeners_by_channel["here"].discard(listener)
    eventstream.send_event("here", "message", 1)
    assert (listener.channel_items, listener.overflow) == ({}, False)
    with manager.lock:
        manager.listeners_by_channel["here"].add(listener)
    manager.remove_listener(listener)
    assert manager.listeners_by_channel == {}


def test_whoever_cannot_be_resumed_is_told_the_current_id() -> None:
    assert EventDoesNotExist("no such event", 7).current_id == 7


def test_the_channel_manager_has_no_other_questions() -> None:
    asked = {name for name, found in vars(ChannelManagerBase).items() if inspect.isfunction(found)}
    assert asked == {"get_channels_for_request", "can_read_channel", "is_channel_reliable"}
    assert DefaultChannelManager().can_read_channel(None, "any") is True

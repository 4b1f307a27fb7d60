"""A bridge that is half there is reported."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.urls import include, path
from django_eventstream.channelmanager import DefaultChannelManager
from django_eventstream.viewsets import EventsViewSet
from rest_framework.routers import SimpleRouter

from rxsse.checks.eventstream import check_eventstream
from rxsse.eventstream import ChannelManagerMixin

OURS = {
    "EVENTSTREAM_CHANNELMANAGER_CLASS": "rxsse.eventstream.ChannelManager",
    "EVENTSTREAM_STORAGE_CLASS": "rxsse.eventstream.Storage",
}
MIXED = "tests.eventstream.test_checks.Mixed"
THEIRS = "django_eventstream.channelmanager.DefaultChannelManager"

router = SimpleRouter()
router.register("events", EventsViewSet, basename="events")
urlpatterns = [path("deep/", include([path("", include(router.urls))]))]


class Mixed(ChannelManagerMixin, DefaultChannelManager):
    pass


def found(monkeypatch: pytest.MonkeyPatch, settings: Any, *, installed: bool, **values: str) -> list[str]:
    names = apps.app_configs.keys() | ({"django_eventstream"} if installed else set())
    # To install it for good would begin the whole registry anew.
    monkeypatch.setattr(apps, "is_installed", lambda name: name.rsplit(".")[-1] in names)
    for name, value in values.items():
        setattr(settings, name, value)
    return [str(message.id).removeprefix("rxsse.") for message in check_eventstream()]


@pytest.mark.parametrize(
    ("installed", "values", "expected"),
    [
        (False, {}, []),
        (False, OURS, ["E040"]),
        (False, {"EVENTSTREAM_CHANNELMANAGER_CLASS": MIXED}, ["E040"]),
        (False, {"EVENTSTREAM_CHANNELMANAGER_CLASS": THEIRS}, []),
        (True, OURS, []),
        (True, {"EVENTSTREAM_CHANNELMANAGER_CLASS": MIXED}, []),
        (True, {}, ["W040"]),
        (True, {"EVENTSTREAM_CHANNELMANAGER_CLASS": THEIRS}, ["W040"]),
        (True, {"EVENTSTREAM_CHANNELMANAGER_CLASS": "not.there"}, ["W040"]),
        (True, OURS | {"EVENTSTREAM_CHANNELMANAGER_CLASS": THEIRS}, ["E041", "W040"]),
    ],
)
@pytest.mark.parametrize("urls", ["tests.eventstream.site", "tests.eventstream.test_checks"])
def test_what_is_half_there(
    monkeypatch: pytest.MonkeyPatch, settings: Any, urls: str, installed: bool, values: Any, expected: list[str]
) -> None:
    settings.ROOT_URLCONF = urls
    assert found(monkeypatch, settings, installed=installed, **values) == expected


def test_without_their_views_nothing_is_open(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.guarding.site"
    assert found(monkeypatch, settings, installed=True) == []

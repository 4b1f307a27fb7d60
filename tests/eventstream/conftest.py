"""The bridge, in place for one test, and people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django_eventstream import utils, views

from rxsse import runtime
from rxsse.asgi import StreamingHandler
from rxsse.eventstream import bridge
from tests.domain.models import Team
from tests.streaming.support import serving


@pytest.fixture
def bridged(settings: Any) -> Iterator[None]:
    """As `AppConfig.ready` does it where the app is installed."""
    before = views.listener_manager
    settings.EVENTSTREAM_CHANNELMANAGER_CLASS = "rxsse.eventstream.ChannelManager"
    utils.tlocal.__dict__.pop("loaded", None)
    runtime.reset()
    bridge.install()
    yield
    runtime.reset()
    runtime.bridge(None)
    views.listener_manager = before


@pytest.fixture
def port(bridged: None, settings: Any) -> Iterator[int]:
    """A server in a thread, with nothing configured."""
    settings.RXSSE = {"PERMISSION_SECONDS": 0}
    settings.ALLOWED_HOSTS = ["*"]
    with serving(StreamingHandler()) as (port, _):
        yield port


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="first")


@pytest.fixture
def ada() -> User:
    """May read every channel."""
    ada = User.objects.create(username="ada")
    ada.groups.add(Group.objects.create(name="readers"))
    return ada


@pytest.fixture
def bob() -> User:
    """Is in no group."""
    return User.objects.create(username="bob")

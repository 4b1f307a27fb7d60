"""Streams that Pushpin holds: the same wire, the same resume, the same errors, over ASGI and WSGI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from rxsse import runtime
from tests.domain.models import Team
from tests.grip.support import Site, site
from tests.guarding.support import assert_follows, by_token, make_reader
from tests.streaming.support import Connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def values(settings: Any, redis_url: str, mongo_url: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Settings of processes over Redis and MongoDB; this process writes and serves nothing."""
    settings.RXSSE = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix, "MARK_SECONDS": 1.0}
    settings.RXSSE |= {"RETRY_MILLISECONDS": 100, "PERMISSION_SECONDS": 0}
    runtime.reset()
    yield settings.RXSSE
    runtime.reset()


@pytest.fixture(params=["asgi", "wsgi"])
def held(request: Any, values: dict[str, Any]) -> Iterator[Site]:
    with site(values, wsgi=request.param == "wsgi") as found:
        yield found


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="first")


@pytest.fixture
def ann(team: Team) -> User:
    return make_reader("ann", team)


def rename(team: Team, name: str) -> None:
    team.name = name
    team.save()


def open_stream(port: int, url: str, headers: str, cursor: str = "", state: Any = None) -> Connection:
    resumed = f"Last-Event-ID: {cursor}\r\n" if cursor else ""
    stream = Connection(port, url, headers=f"{headers}Accept: text/event-stream\r\n{resumed}")
    if cursor:
        stream.client.last_id, stream.client.state, stream.client.lost = cursor, state, False
    return stream


def test_a_snapshot_then_patches_then_a_resume(held: Site, team: Team, ann: User) -> None:
    url, who = f"/team/{team.pk}/", by_token(ann)
    with open_stream(held.port, url, who) as stream:
        stream.until(lambda client: client.state is not None, "the snapshot")
        assert b"Grip" not in stream.head
        assert b"text/event-stream" in stream.head
        for name in ("second", "third"):
            rename(team, name)
            assert_follows(stream, name)
        assert stream.client.names[:3] == ["snapshot", "patch", "patch"], stream.client.events
        cursor, state = stream.client.last_id, stream.client.state
    rename(team, "while away")
    with open_stream(held.port, url, who, cursor, state) as stream:
        assert_follows(stream, "while away")
        assert stream.client.names[0] == "patch"
        rename(team, "live again")
        assert_follows(stream, "live again")

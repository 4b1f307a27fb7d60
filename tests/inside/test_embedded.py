"""One process with nothing configured: it knows itself, and tells staff by URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.test import Client

from rxsse import runtime
from rxsse.asgi import get_asgi_application
from tests.domain.models import Profile, Team
from tests.inside.support import only, printed, reader
from tests.streaming.support import serving
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.inside.site")]


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    settings.RXSSE = {"AUDIT_SECONDS": 0}
    runtime.reset()
    with serving(get_asgi_application()) as (port, _):
        yield port
    runtime.reset()


def answer(port: int, user: User | None) -> tuple[int, dict[str, Any]]:
    headers = {}
    if user is not None:
        client = Client()
        client.force_login(user)
        headers["Cookie"] = f"sessionid={client.session.session_key}"
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/status/", headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_staff_see_what_the_process_holds(port: int) -> None:
    staff = User.objects.create(username="staff", is_staff=True)
    team = Team.objects.create(name="secret")
    with reader(port, f"/team/{team.pk}/"), reader(port, f"/team/{team.pk}/") as stream:
        status, found = answer(port, staff)
        topic = only(found)
        assert status == 200
        assert found["shared"] == {"processes": False, "log": False}
        assert (topic["subscribers"], topic["lag"], topic["behind"]) == (2, 0, 0)
        assert topic["head"] == topic["held_by"][0]["cursor"] == stream.client.last_id
        assert topic["owner"] == found["processes"][0]["process"] == runtime.current().process
        assert "secret" not in json.dumps(found)
    until(lambda: only(answer(port, staff)[1])["subscribers"] == 0)


def test_nobody_else_does(port: int) -> None:
    assert answer(port, None)[0] == 403
    assert answer(port, User.objects.create(username="ann"))[0] == 403
    assert answer(port, User.objects.create(username="eve", is_staff=True, is_active=False))[0] == 403


def test_a_client_that_does_not_read_is_shown(port: int) -> None:
    staff = User.objects.create(username="staff", is_staff=True)
    profile = Profile.objects.create(user=staff)
    with reader(port, f"/profile/{profile.pk}/") as stream, reader(port, f"/profile/{profile.pk}/") as other:
        texts = (str(n) + "x" * 200_000 for n in range(1_000))

        def blocked() -> bool:
            profile.bio = next(texts)
            profile.save()
            other.until(lambda client: client.state["bio"] == profile.bio)
            topic = only(answer(port, staff)[1])
            return bool(topic["lag"] > 0 and topic["held_by"][0]["blocked"] == 1)

        until(blocked, "one that lags")
        stream.until(lambda client: client.state["bio"] == profile.bio)
        until(lambda: only(answer(port, staff)[1])["lag"] == 0)


def test_a_command_in_another_process_says_that_it_can_not_know(settings: Any) -> None:
    settings.RXSSE = {}
    runtime.reset()
    text = printed("rxsse_status")
    assert "a process knows only itself, and this one serves nothing" in text
    assert "0 processes, 0 topics" in text
    with pytest.raises(CommandError, match="the memory of this process, where it is as long as MONGO_URL isn't set"):
        printed("rxsse_log", "app.Channel/1/")
    with pytest.raises(CommandError, match="give a positive number"):
        printed("rxsse_status", "--limit", "0")
    with pytest.raises(CommandError, match="drop --at"):
        printed("rxsse_replay", "app.Channel/1/", "--compare", "--at", "a.1")

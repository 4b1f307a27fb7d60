"""Readers of the site's channels over real connections, and what is expected of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from rest_framework.authtoken.models import Token

from tests.domain.models import Profile, Team
from tests.streaming.support import Connection, NaiveClient

PROMISE = 2.0
"""Seconds within which a stream ends (PROTOCOL I7)."""

SLACK = 4.0
"""Seconds more that a test waits, on a machine that is busy with others."""


def by_token(user: User) -> str:
    return f"Authorization: Token {Token.objects.get_or_create(user=user)[0].key}\r\n"


def by_session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"Cookie: sessionid={client.session.session_key}\r\n"


def by_claims(user: User, seconds: float) -> str:
    return f"X-Claims: {user.username} {time.time() + seconds}\r\n"


def reader(port: int, url: str, headers: str) -> Connection:
    """A stream that shows its state."""
    stream = Connection(port, url, headers=headers)
    try:
        stream.until(lambda client: client.state is not None, "the snapshot")
    except BaseException:
        stream.close()
        raise
    return stream


def make_reader(name: str, team: Team) -> User:
    """A user who may read every channel of the site."""
    user = User.objects.create(username=name)  # without a password: hashing one takes longer than all the rest
    user.groups.add(Group.objects.get_or_create(name="readers")[0])
    Profile.objects.create(user=user, team=team)
    return user


def ended(stream: Connection, seconds: float = PROMISE + SLACK) -> NaiveClient:
    """Read on until the stream ends, which must be within ``seconds`` from now."""
    stream.socket.settimeout(seconds)
    limit = time.monotonic() + seconds
    while not stream.complete and stream.receive():
        assert time.monotonic() < limit, f"still open: {stream.client.events[-2:]}"
    return stream.client


def assert_revoked(stream: Connection, reason: str, seconds: float = PROMISE + SLACK) -> None:
    """It ends with ``revoked``, and was given no state since its snapshot."""
    client = ended(stream, seconds)
    states = [event for event in client.events if event[0] != "mark"]
    assert [name for name, _ in states] == ["snapshot", "revoked"], states
    assert states[-1] == ("revoked", {"reason": reason})


def assert_follows(stream: Connection, name: str, others: Callable[[NaiveClient], Any] = lambda _: True) -> None:
    """It shows the team's new name."""
    stream.until(lambda client: client.state["name"] == name and others(client), "the patch")

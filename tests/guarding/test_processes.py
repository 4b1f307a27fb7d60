"""Whoever loses the right to read loses his streams in every process, before anything of a later state (I7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from rest_framework.authtoken.models import Token

from rxsse import runtime
from tests.domain.models import Profile, Team
from tests.guarding.support import (
    assert_follows,
    assert_revoked,
    by_claims,
    by_session,
    by_token,
    make_reader,
    reader,
)
from tests.guarding.test_revocation import CAUSES, delete_token, rename
from tests.tickets.test_processes import server
from tests.waiting import until

WATCHED = ("auth.user", "authtoken.token", "sessions.session")
BY_OBJECT = ("auth.user", "authtoken.token", "domain.profile", "domain.team")
"""What a reader of /object/ by a token rests on, and what it shows."""

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def ports(settings: Any, redis_url: str, mongo_url: str, prefix: str) -> Iterator[list[int]]:
    """Two server processes over Redis and MongoDB; this process writes and serves nothing."""
    settings.RXSSE = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix, "PERMISSION_SECONDS": 0}
    runtime.reset()
    with ExitStack() as stack:
        yield [stack.enter_context(server(settings.RXSSE, "tests.guarding.site_settings")) for _ in range(2)]
    runtime.reset()


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="first")


def wait_until_known(labels: Iterable[str] = WATCHED) -> None:
    """Until this writer knows what readers rest on: before, INTEREST_TTL at most, they are asked about later."""
    feed = runtime.current().feed
    until(lambda: all(map(feed.is_watched, labels)))


def test_every_cause_ends_streams_in_every_process(ports: list[int], team: Team) -> None:
    """A change of the state in the same transaction, and one right after it, reach the others only."""
    with ExitStack() as stack:
        bob = make_reader("bob", team)
        others = [stack.enter_context(reader(port, f"/team/{team.pk}/", by_token(bob))) for port in ports]
        for port in ports:  # for these sessions are watched
            stack.enter_context(reader(port, f"/team/{team.pk}/", by_session(make_reader(f"eve {port}", team))))
        for number, (come, lose, reason) in enumerate(CAUSES):
            ann = make_reader(f"ann {number}", team)
            headers = come(ann)
            lost = [stack.enter_context(reader(port, f"/team/{team.pk}/", headers)) for port in ports]
            wait_until_known()
            with transaction.atomic():
                rename(team, f"{lose.__name__} {number}")
                lose(ann)
            rename(team, f"after {number}")
            for stream in lost:
                assert_revoked(stream, reason)
        for other in others:
            assert_follows(other, f"after {number}")
            assert "revoked" not in other.client.names


def test_no_patch_overtakes_the_revocation(ports: list[int], team: Team) -> None:
    """Many readers lose it one after the other, while the state changes all the time."""
    users = [make_reader(f"user {n}", team) for n in range(12)]
    with ExitStack() as stack:
        streams = [
            [stack.enter_context(reader(port, f"/object/{team.pk}/", by_token(user))) for port in ports]
            for user in users
        ]
        wait_until_known(BY_OBJECT)
        last = len(users) - 1
        for n, user in enumerate(users[:last]):
            for step in range(3):
                rename(team, f"{n}.{step}")
            with transaction.atomic():
                rename(team, f"{n} lost")
                Profile.objects.filter(user=user).delete()
            rename(team, f"{n} after")
        for stream in streams[last]:
            assert_follows(stream, f"{last - 1} after")
        for n, (first, second) in enumerate(streams[:last]):
            for stream in (first, second):
                client = stream.until(lambda client: client.ended, "the end")
                assert client.events[-1] == ("revoked", {"reason": "permission"})
                seen = {operation["value"] for name, body in client.events if name == "patch" for operation in body}
                assert not seen & {f"{m} {what}" for m in range(n, last) for what in ("lost", "after")}


def test_a_stream_ends_with_its_claims_in_every_process(ports: list[int], team: Team) -> None:
    ann = make_reader("ann", team)
    headers = by_claims(ann, 8)
    with reader(ports[0], f"/open/{team.pk}/", headers) as one, reader(ports[1], f"/open/{team.pk}/", headers) as two:
        assert_revoked(one, "expired", 14)
        assert_revoked(two, "expired", 14)


def test_the_outbox_tells_it_as_well(settings: Any, team: Team) -> None:
    """Without Redis: the writer is this process, the server another."""
    settings.RXSSE = {"OUTBOX": True, "PERMISSION_SECONDS": 0}
    runtime.reset()
    try:
        with server(settings.RXSSE, "tests.guarding.site_settings") as port:
            ann, bob = make_reader("ann", team), make_reader("bob", team)
            lost = reader(port, f"/object/{team.pk}/", by_token(ann))
            with lost, reader(port, f"/object/{team.pk}/", by_token(bob)) as other:
                wait_until_known(BY_OBJECT)
                with transaction.atomic():
                    rename(team, "second")
                    Profile.objects.filter(user=ann).delete()
                rename(team, "third")
                assert_revoked(lost, "permission")
                assert_follows(other, "third")
    finally:
        runtime.reset()


def test_redis_away_does_not_keep_a_revoked_stream_for_ever(
    settings: Any, own_redis: Any, prefix: str, team: Team
) -> None:
    """What is written meanwhile is announced by nobody; when the feed is back everybody is asked about."""
    settings.RXSSE = {"REDIS_URL": own_redis.url, "PREFIX": prefix, "PERMISSION_SECONDS": 0, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    try:
        with server(settings.RXSSE, "tests.guarding.site_settings") as port:
            ann, bob = make_reader("ann", team), make_reader("bob", team)
            lost = reader(port, f"/team/{team.pk}/", by_token(ann))
            with lost, reader(port, f"/team/{team.pk}/", by_session(bob)) as other:
                own_redis.pause()
                delete_token(ann)
                own_redis.resume()
                client = lost.until(lambda client: client.ended, "the end")
                assert client.events[-1] == ("revoked", {"reason": "credential"})
                rename(team, "second")
                assert_follows(other, "second")
    finally:
        runtime.reset()
    assert not Token.objects.filter(user=ann).exists()
    assert User.objects.count() == 2

"""Streams that Pushpin holds: the same wire, resume, errors and revocation as everywhere, over ASGI and WSGI."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest
import redis
from django.contrib.auth.models import Group, User
from django.db import transaction
from rest_framework.authtoken.models import Token

from rxsse import runtime
from rxsse.brokers.redis_relay import RedisRelay
from rxsse.brokers.relay import Told
from rxsse.conf import get_settings
from rxsse.messages import Topic
from tests import services
from tests.domain.models import Counter, Profile, Team
from tests.grip.support import Returning, Site, fetch, sited
from tests.guarding.support import assert_follows, assert_revoked, by_claims, by_token
from tests.guarding.test_processes import WATCHED, wait_until_known
from tests.streaming.support import Connection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.services]

KEYS = count(secrets.randbelow(2**30))
"""Rows never have a key for the second time: the processes outlive each test's database."""

either = pytest.mark.parametrize("kind", ["asgi", "wsgi"])


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    addresses = [os.environ.get(name) for name in ("RXSSE_TEST_REDIS_URL", "RXSSE_TEST_MONGO_URL")]
    if not all(addresses):
        services.do_without("RXSSE_TEST_REDIS_URL")
    redis_url, mongo_url = map(str, addresses)
    prefix = f"t{secrets.token_hex(6)}"
    mongo_url = urlunsplit(urlsplit(mongo_url)._replace(path=f"/{prefix}"))
    values = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix, "MARK_SECONDS": 4.0}
    # Short, so that tests see what happens at the turn of a proxy; no sweep, so that it is seen to be that.
    values |= {"RETRY_MILLISECONDS": 100, "PERMISSION_SECONDS": 0, "GRIP_SECONDS": 8.0, "BACKEND_TIMEOUT": 1.0}
    values |= {"LEASE_SECONDS": 2.0, "COOL_SECONDS": 0.5}
    with sited(values) as found:
        yield found
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)
    with pymongo.MongoClient[dict[str, object]](mongo_url) as mongo:
        mongo.drop_database(prefix)


@pytest.fixture(autouse=True)
def writer(settings: Any, site: Site) -> Iterator[None]:
    """This process writes, and serves nothing."""
    settings.RXSSE = site.settings
    runtime.reset()
    yield
    runtime.reset()


@pytest.fixture
def team() -> Team:
    return Team.objects.create(pk=next(KEYS), name="first")


@pytest.fixture
def ann(team: Team) -> User:
    user = User.objects.create(pk=next(KEYS), username=f"ann-{secrets.token_hex(4)}")
    user.groups.add(Group.objects.get_or_create(name="readers")[0])
    Profile.objects.create(pk=next(KEYS), user=user, team=team)
    return user


def rename(team: Team, name: str) -> None:
    team.name = name
    team.save()


def stream_of(port: int, url: str, headers: str, cursor: str = "", state: Any = None) -> Connection:
    """A stream that shows its state, or resumes."""
    resumed = f"Last-Event-ID: {cursor}\r\n" if cursor else ""
    stream = Connection(port, url, headers=f"{headers}Accept: text/event-stream\r\n{resumed}")
    if cursor:
        stream.client.last_id, stream.client.state, stream.client.lost = cursor, state, False
    return stream.until(lambda client: client.state is not None, "the snapshot") and stream


def topic_of(team: Team, channel: str = "TeamChannel") -> str:
    return Topic(f"tests.guarding.site.{channel}", str(team.pk)).name


@either
def test_a_snapshot_then_patches_then_a_resume(kind: str, site: Site, team: Team, ann: User) -> None:
    url, who, port = f"/team/{team.pk}/", by_token(ann), site.entrance(kind)
    with stream_of(port, url, who) as stream:
        assert b"grip" not in stream.head.lower()
        assert b"text/event-stream" in stream.head
        for name in ("second", "third"):
            rename(team, name)
            assert_follows(stream, name)
        assert [name for name in stream.client.names if name != "mark"] == ["snapshot", "patch", "patch"]
        cursor, state = stream.client.last_id, stream.client.state
    rename(team, "while away")
    with stream_of(port, url, who, cursor, state) as stream:
        assert_follows(stream, "while away")
        assert "snapshot" not in stream.client.names
        rename(team, "live again")
        assert_follows(stream, "live again")


def test_the_owner_publishes_without_any_server(site: Site, team: Team, ann: User) -> None:
    with stream_of(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as stream:
        site.wait_until_published(topic_of(team))
        # While it asks, a proxy sends nothing: this is over when something comes again.
        site.wait_until_asked_again(topic_of(team))
        rename(team, "asked")
        assert_follows(stream, "asked")
        site.server.pause()
        try:
            rename(team, "published")
            assert_follows(stream, "published")
            stream.until(lambda client: client.events[-1] == ("mark", {"cursor": client.last_id}), "a mark after it")
        finally:
            site.server.resume()


@either
def test_a_ticket_opens_one_stream_and_its_proxy_goes_on_with_it(kind: str, site: Site, team: Team, ann: User) -> None:
    url, port = f"/team/{team.pk}/", site.entrance(kind)
    token = {"Authorization": by_token(ann).split(": ", 1)[1].strip()}
    status, _, body = fetch(port, f"{url}?ticket", token, "POST")
    assert status == 201
    ticket = json.loads(body)["ticket"]
    with stream_of(port, f"{url}?ticket={ticket}", "") as stream:
        assert fetch(port, f"{url}?ticket={ticket}", {"Accept": "text/event-stream"})[0] == 401
        site.wait_until_asked_again(topic_of(team))
        rename(team, "second")
        assert_follows(stream, "second")


@either
def test_errors_and_other_representations_pass(kind: str, site: Site, team: Team, ann: User) -> None:
    port, events = site.entrance(kind), {"Accept": "text/event-stream"}
    token = {"Authorization": by_token(ann).split(": ", 1)[1].strip()}
    status, headers, body = fetch(port, f"/team/{team.pk}/", events)
    assert (status, "detail" in json.loads(body)) == (401, True)
    assert headers["www-authenticate"] == "Claims"
    assert fetch(port, f"/object/{next(KEYS)}/", events | token)[0] == 403
    assert fetch(port, f"/team/{next(KEYS)}/", events | token)[0] == 404
    assert fetch(port, f"/team/{team.pk}/", {"Accept": "image/png"} | token)[0] == 406
    status, headers, body = fetch(port, f"/team/{team.pk}/", {"Accept": "application/json"} | token)
    assert (status, json.loads(body)["name"]) == (200, "first")
    assert headers["etag"]
    status, headers, body = fetch(port, f"/team/{team.pk}/", events | token, "HEAD")
    assert (status, body, headers["content-type"]) == (200, b"", "text/event-stream")


def test_who_does_not_come_through_a_proxy_is_served_here(site: Site, team: Team, ann: User) -> None:
    url = f"/team/{team.pk}/"
    for forged in ("", "Grip-Sig: eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJleHAiOjk5OTk5OTk5OTl9.\r\n"):
        with stream_of(site.direct, url, by_token(ann) + forged) as stream:
            assert b"grip" not in stream.head.lower()
            rename(team, f"direct {forged[:4]}")
            assert_follows(stream, team.name)
    status, _, body = fetch(site.direct, f"{url}?grip=guessed", {"Accept": "text/event-stream"})
    assert status == 401, body


def test_a_guess_of_somebody_elses_stream_is_sent_away(site: Site, team: Team) -> None:
    status, _, body = fetch(site.pushpin.port, f"/team/{team.pk}/?grip=guessed", {"Accept": "text/event-stream"})
    assert status == 200
    assert b"event: bye" in body
    assert b"first" not in body


@either
def test_a_deleted_token_ends_the_stream_before_anything_of_that_state(
    kind: str, site: Site, team: Team, ann: User
) -> None:
    with stream_of(site.entrance(kind), f"/team/{team.pk}/", by_token(ann)) as stream:
        site.wait_until_published(topic_of(team))
        wait_until_known(WATCHED[:2])
        with transaction.atomic():
            rename(team, "not for her")
            Token.objects.filter(user=ann).delete()
        rename(team, "nor this")
        assert_revoked(stream, "credential")


def test_who_is_revoked_before_his_proxy_listens(site: Site, team: Team, ann: User) -> None:
    """The answer is on its way to the proxy when what ends the stream is published."""
    url, bob = f"/team/{team.pk}/", User.objects.create(pk=next(KEYS), username=f"bob-{secrets.token_hex(4)}")
    with stream_of(site.before_wsgi.port, url, by_token(ann)) as other:
        site.wait_until_published(topic_of(team))
        wait_until_known(WATCHED[:2])
        with Connection(site.before_wsgi.port, url, headers=f"{by_token(bob)}X-Late: 1\r\n") as stream:
            site.wsgi.wait_for_a_line()
            Token.objects.filter(user=bob).delete()
            assert_revoked(stream, "credential")
        rename(team, "second")
        assert_follows(other, "second")


def test_others_of_the_topic_go_on(site: Site, team: Team, ann: User) -> None:
    bob = User.objects.create(pk=next(KEYS), username=f"bob-{secrets.token_hex(4)}")
    with (
        stream_of(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as lost,
        stream_of(site.pushpin.port, f"/team/{team.pk}/", by_token(bob)) as other,
    ):
        site.wait_until_published(topic_of(team))
        wait_until_known(WATCHED[:2])
        with transaction.atomic():
            rename(team, "for bob")
            ann.is_active = False
            ann.save()
        assert_follows(other, "for bob")
        assert_revoked(lost, "user")


def test_a_stream_does_not_outlive_its_claims(site: Site, team: Team, ann: User) -> None:
    with stream_of(site.pushpin.port, f"/team/{team.pk}/", by_claims(ann, 2.0)) as stream:
        assert_revoked(stream, "expired", 10)


def test_what_nothing_announces_is_found_at_the_turn_of_the_proxy(site: Site, team: Team, ann: User) -> None:
    with stream_of(site.pushpin.port, f"/swept/{team.pk}/", by_token(ann)) as stream:
        Counter.objects.create(name=f"not {ann.username}")
        assert_revoked(stream, "permission", 15)


def test_a_deleted_anchor_is_gone(site: Site, team: Team, ann: User) -> None:
    with stream_of(site.pushpin.port, f"/open/{team.pk}/", by_token(ann)) as stream:
        site.wait_until_published(topic_of(team, "OpenChannel"))
        team.delete()
        assert stream.until_end().names[-1] == "gone"
        assert stream.complete


class TestFaults:
    """Exact afterwards: no hole, no patch twice, and whoever is wrong meanwhile knows it."""

    def test_the_owner_is_killed_and_another_takes_up(self, site: Site, team: Team, ann: User) -> None:
        with Returning(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as client:
            client.until(lambda state: state["name"] == "first", "the snapshot")
            site.wait_until_published(topic_of(team))
            site.owner.kill()
            for n in range(5):
                rename(team, f"nobody publishes {n}")
            site.owner.start()
            site.owner.wait_for_a_line()
            client.until(lambda state: state["name"] == "nobody publishes 4", "what was not published")
            site.wait_until_published(topic_of(team))
            rename(team, "published again")
            client.until(lambda state: state["name"] == "published again", "what is published again")

    def test_the_owner_ends_when_it_is_told_to(self, site: Site, team: Team, ann: User) -> None:
        with Returning(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as client:
            client.until(lambda state: state["name"] == "first", "the snapshot")
            assert site.owner.stop() == 0
            rename(team, "meanwhile")
            site.owner.start()
            site.owner.wait_for_a_line()
            client.until(lambda state: state["name"] == "meanwhile", "what was written meanwhile")
            assert "bye" not in client.names

    def test_the_proxy_can_not_be_published_to(self, site: Site, team: Team, ann: User) -> None:
        with Returning(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as client:
            client.until(lambda state: state["name"] == "first", "the snapshot")
            site.wait_until_published(topic_of(team))
            site.relay.pause()
            try:
                for n in range(5):
                    rename(team, f"cut off {n}")
                # Servers still answer: the proxy asks again in time.
                client.until(lambda state: state["name"] == "cut off 4", "what could not be published")
            finally:
                site.relay.resume()
            rename(team, "mended")
            client.until(lambda state: state["name"] == "mended", "what is published again")

    def test_the_proxy_is_restarted(self, site: Site, team: Team, ann: User) -> None:
        with Returning(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as client:
            client.until(lambda state: state["name"] == "first", "the snapshot")
            connects = client.connects
            site.pushpin.restart()
            rename(team, "restarted")
            client.until(lambda state: state["name"] == "restarted", "what came after the restart")
            assert client.connects > connects
            assert client.names.count("snapshot") == 1

    def test_two_owners_do_no_harm(self, site: Site, team: Team, ann: User) -> None:
        """Nor does an event of the application's, which says by no place that it was there before, come twice.

        That each comes isn't promised: Pushpin drops what waits behind an item that it asks again for.
        """
        second = site.another_owner()
        relay = RedisRelay(get_settings())
        numbers = count()

        def tell(*_: object) -> bool:
            relay.send(Told(topic_of(team).removesuffix("/"), "typing", str(next(numbers))))
            return len(client.told) > before

        try:
            with Returning(site.pushpin.port, f"/team/{team.pk}/", by_token(ann)) as client:
                client.until(lambda state: state["name"] == "first", "the snapshot")
                site.wait_until_published(topic_of(team))
                before = 0
                for n in range(20):
                    rename(team, f"twice {n}")
                    tell()
                client.until(lambda state: state["name"] == "twice 19", "the last")
                rename(team, "after them")
                client.until(lambda state: state["name"] == "after them", "what both owners publish after that")
                before = len(client.told)
                client.until(tell, "one more event")
                assert client.told == sorted(set(client.told), key=int), "none twice, in the order of sending"
        finally:
            relay.close()
            second.kill()

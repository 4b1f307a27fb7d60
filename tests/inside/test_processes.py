"""Two server processes over Redis and MongoDB, looked into from a third one that serves nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pymongo
import pytest
from django.core.management import CommandError
from django.db import connection

from rxsse import runtime
from rxsse.messages import Topic
from tests.domain.models import Team
from tests.inside.site import InsideTeam
from tests.inside.support import only, printed, reader, status
from tests.tickets.test_processes import server
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.urls("tests.inside.site")]


@pytest.fixture
def installation(settings: Any, redis_url: str, mongo_url: str, prefix: str) -> Iterator[dict[str, Any]]:
    settings.RXSSE = {
        "REDIS_URL": redis_url,
        "MONGO_URL": mongo_url,
        "PREFIX": prefix,
        "STATUS_SECONDS": 0.2,
        "COOL_SECONDS": 0.1,
        "AUDIT_SECONDS": 0,
    }
    runtime.reset()
    yield settings.RXSSE
    runtime.reset()


@contextmanager
def process(settings: dict[str, Any]) -> Iterator[int]:
    with server(settings, "tests.inside.site_settings") as port:
        yield port


@pytest.fixture
def port(installation: dict[str, Any]) -> Iterator[int]:
    """A server process; this one writes and looks inside."""
    with process(installation) as port:
        yield port


def name_of(team: Team) -> str:
    return Topic(InsideTeam.label, str(team.pk)).name


def test_who_owns_who_reads_and_where_it_stands(port: int, installation: dict[str, Any]) -> None:
    team = Team.objects.create(name="first")
    url = f"/team/{team.pk}/"
    with process(installation) as second, reader(port, url), reader(port, url), reader(second, url) as last:
        until(lambda: status()["topics"] and only(status())["subscribers"] == 3, "three subscribers")
        team.name = "second"
        team.save()
        last.until(lambda client: client.state["name"] == "second")
        cursor = last.client.last_id
        until(lambda: [held["cursor"] for held in only(status())["held_by"]] == [cursor] * 2, "reports of the patch")

        found = status()
        topic = only(found)
        assert found["troubles"] == []
        assert found["shared"] == {"processes": True, "log": True}
        assert len(found["processes"]) == 2
        assert sum(process["streams"] for process in found["processes"]) == 3
        assert topic["topic"] == name_of(team)
        assert topic["head"] == cursor
        assert 0 < topic["lease"] <= 6
        assert sorted(held["role"] for held in topic["held_by"]) == ["follower", "owner"]
        assert sorted(held["streams"] for held in topic["held_by"]) == [1, 2]
        (owner,) = [held for held in topic["held_by"] if held["role"] == "owner"]
        assert topic["owner"] == owner["process"]
        assert (topic["lag"], topic["behind"], topic["stale"]) == (0, 0, False)
        text = printed("rxsse_status")
        assert "2 processes, 1 topics" in text
        assert f"{name_of(team)}\n  3 subscribers  owner {topic['owner']}  head {cursor}\n" in text
    until(lambda: status()["topics"] == [], "the topic to cool")
    until(lambda: printed("rxsse_status").startswith("1 processes, 0 topics\n"), "the ended one to be forgotten")


def test_the_log_and_the_state_that_it_tells(port: int) -> None:
    team = Team.objects.create(name="0")
    with reader(port, f"/team/{team.pk}/") as stream:
        first = stream.client.last_id
        states = {first: stream.client.state}
        for step in "1", "2", "3":
            team.name = step
            team.save()
            stream.until(lambda client, step=step: client.state["name"] == step)
            states[stream.client.last_id] = stream.client.state
        cursors = list(states)
        name, url = name_of(team), f"/team/{team.pk}/"

        lines = [line.split(" ", 1) for line in printed("rxsse_log", name).splitlines()]
        assert [at for at, _ in lines] == cursors[1:]
        assert json.loads(lines[0][1]) == [{"op": "replace", "path": "/name", "value": "1"}]
        since = printed("rxsse_log", url, "--since", cursors[2]).splitlines()
        assert since == [" ".join(lines[2])]
        assert printed("rxsse_log", name, "--since", cursors[3]) == ""
        with pytest.raises(CommandError, match=r"revisions 0 to 3 of epoch .* does not lead on from other\.1"):
            printed("rxsse_log", name, "--since", "other.1")

        for cursor, state in states.items():
            assert json.loads(printed("rxsse_replay", name, "--at", cursor)) == {"cursor": cursor, "state": state}
        assert json.loads(printed("rxsse_replay", url))["state"]["name"] == "3"
        with pytest.raises(CommandError, match=r"can be rebuilt from .*\.0 \(its checkpoint\) to .*\.3, not at"):
            printed("rxsse_replay", name, "--at", cursors[0].replace(".0", ".4"))
        assert printed("rxsse_replay", name, "--compare") == f"{name} agrees with the serializer at {cursors[3]}\n"


def test_a_write_that_nobody_announced_is_a_difference(port: int) -> None:
    team = Team.objects.create(name="shown")
    with reader(port, f"/team/{team.pk}/"):
        numbers = count()

        def differs() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("UPDATE domain_team SET name = %s WHERE id = %s", [f"written {next(numbers)}", team.pk])
            try:
                printed("rxsse_replay", name_of(team), "--compare", "--wait", "0.3")
            except CommandError as error:
                return "differs from the serializer at" in str(error)
            return False

        # The server may look at everything once more after the topic became hot, and be the faster one.
        until(differs)


def test_a_log_that_lost_a_patch_is_not_taken_for_whole(port: int, mongo_url: str, prefix: str) -> None:
    team = Team.objects.create(name="0")
    with reader(port, f"/team/{team.pk}/") as stream:
        for step in "1", "2":
            team.name = step
            team.save()
            stream.until(lambda client, step=step: client.state["name"] == step)
        with pymongo.MongoClient[dict[str, Any]](mongo_url) as client:
            lost = {"$pull": {"tail": {"revision": 1}}}
            client[prefix][f"{prefix}.topics"].update_one({"_id": name_of(team)}, lost)
        with pytest.raises(CommandError, match="does not lead on"):
            printed("rxsse_log", name_of(team))


def test_redis_away_is_a_trouble_that_is_named(settings: Any, mongo_url: str, prefix: str, own_redis: Any) -> None:
    settings.RXSSE = {"REDIS_URL": own_redis.url, "MONGO_URL": mongo_url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    try:
        own_redis.pause()
        with pytest.raises(CommandError, match="Redis did not say which processes there are"):
            printed("rxsse_status")
    finally:
        own_redis.resume()
        runtime.reset()


def test_what_is_not_there_is_said(installation: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="has no log in the cache"):
        printed("rxsse_log", "nobody.Channel/1/")
    with pytest.raises(CommandError, match="it has the form 'channel/anchor/audience'"):
        printed("rxsse_replay", "nonsense")
    with pytest.raises(CommandError, match="nothing is served at '/nothing/'"):
        printed("rxsse_log", "/nothing/")
    with pytest.raises(CommandError, match="no channel is served at '/status/'"):
        printed("rxsse_log", "/status/")
    with pytest.raises(CommandError, match="there is no anchor at '/team/9/'"):
        printed("rxsse_log", "/team/9/")
    with pytest.raises(CommandError, match="no user with the key '77'"):
        printed("rxsse_log", "/teams/a/", "--user", "77")

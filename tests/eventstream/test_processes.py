"""`send_event` in one process reaches readers in every process, once: with either Redis, with both, and a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection as database
from django_eventstream import send_event, views

from rxsse import runtime
from rxsse.asgi import StreamingHandler
from rxsse.brokers.relay import Told
from rxsse.messages import Fanout
from tests.domain.models import Team
from tests.eventstream.site import MineChannel, OpenChannel, TeamChannel
from tests.eventstream.support import listening, messages, reader, send_from, until_event
from tests.guarding.support import by_session, by_token, make_reader
from tests.guarding.test_processes import wait_until_known
from tests.streaming.support import serving
from tests.tickets.test_processes import server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.urls("tests.eventstream.site"),
]

SETTINGS = "tests.eventstream.site_settings"


@pytest.fixture(params=["REDIS_URL", "EVENTSTREAM_REDIS", "REDIS_URL MONGO_URL EVENTSTREAM_REDIS"])
def installation(
    request: pytest.FixtureRequest, redis_url: str, mongo_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """``RXSSE`` for all processes, one way after the other in which they may hear of each other."""
    named = request.param.split()
    if "EVENTSTREAM_REDIS" in named:
        connection_of(redis_url, monkeypatch)
    urls = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url}
    return {"PREFIX": prefix, "PERMISSION_SECONDS": 0, **{name: urls[name] for name in named if name in urls}}


def connection_of(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have server processes use it as ``EVENTSTREAM_REDIS``."""
    parts = urlsplit(url)
    found = {"host": parts.hostname, "port": parts.port, "db": int(parts.path.strip("/") or 0)}
    monkeypatch.setenv("RXSSE_TEST_EVENTSTREAM_REDIS", json.dumps(found))


@pytest.fixture
def ports(installation: dict[str, Any]) -> Iterator[list[int]]:
    """Two server processes, started at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        servers = [server(installation, SETTINGS) for _ in range(2)]
        database.ensure_connection()
        yield list(pool.map(stack.enter_context, servers))


def in_a_shell(settings: dict[str, Any], program: str) -> None:
    """Run it as ``manage.py shell`` does, in a process of its own."""
    environment = {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "RXSSE_TEST_SITE_DATABASE": str(database.settings_dict["NAME"]),
        "RXSSE_TEST_SITE_SETTINGS": json.dumps(settings),
    }
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "django", "shell", "-c", program]
    subprocess.run(command, env=os.environ | environment, check=True, stdin=subprocess.DEVNULL, timeout=60)


def test_every_reader_in_every_process_gets_it_once(
    ports: list[int], installation: dict[str, Any], team: Team, ada: User, bob: User
) -> None:
    channel = TeamChannel.event_channel(pk=team.pk)
    hers = MineChannel.event_channel(ada, low=1, name="f")
    with ExitStack() as stack:
        streams = [stack.enter_context(reader(port, f"/team/{team.pk}/", by_token(ada))) for port in ports]
        mine = [
            stack.enter_context(reader(port, "/mine/1/f/", by_token(user))) for port in ports for user in (ada, bob)
        ]
        headers = by_session(ada)
        sends = partial(warm, ports[0])
        others = [stack.enter_context(listening(port, channel, sends, headers)) for port in ports]
        expected: list[tuple[str, Any]] = []
        for number, port in enumerate(ports):
            batch = [(f"from {number}", {"step": step}) for step in range(5)]
            last = (f"last from {number}", None)
            send_from(port, *((channel, *event) for event in [*batch, last]))
            expected += [*batch, last]
            for stream in *streams, *others:
                assert until_event(stream, last[0]) == expected
        in_a_shell(
            installation,
            "from django_eventstream import send_event\n"
            "import tests.eventstream.site\n"  # an app's channels.py is imported by itself
            f"send_event({hers!r}, 'private', 1)\n"
            f"send_event({channel!r}, 'message', 'from a shell')\n"
            f"send_event({channel!r}, 'last', 2)\n",
        )
        expected += [("message", "from a shell"), ("last", 2)]
        for stream in *streams, *others:
            assert until_event(stream, "last") == expected
        for number, stream in enumerate(mine):
            if number % 2 == 0:
                assert until_event(stream, "private") == [("private", 1)]
        send_from(ports[0], *((MineChannel.event_channel(user, low=1, name="f"), "end", 3) for user in (ada, bob)))
        for number, stream in enumerate(mine):
            assert until_event(stream, "end") == ([("private", 1)] if number % 2 == 0 else []) + [("end", 3)]


@pytest.mark.parametrize("installation", ["REDIS_URL MONGO_URL"], indirect=True)
def test_no_event_overtakes_the_revocation(
    ports: list[int], installation: dict[str, Any], team: Team, ada: User, settings: Any
) -> None:
    """What another process sends right after a right was lost waits until it is known who has lost it."""
    settings.RXSSE = installation
    runtime.reset()
    channel = TeamChannel.event_channel(pk=team.pk)
    users = [make_reader(f"user {number}", team) for number in range(8)]
    with ExitStack() as stack:
        stays = stack.enter_context(reader(ports[1], f"/team/{team.pk}/", by_token(ada)))
        lost = [stack.enter_context(reader(ports[1], f"/team/{team.pk}/", by_token(user))) for user in users]
        warming = partial(warm, ports[1])
        theirs = [stack.enter_context(listening(ports[1], channel, warming, by_session(user))) for user in users]
        wait_until_known(("auth.user", "auth.user_groups"))
        for number, user in enumerate(users):
            send_from(ports[0], (channel, f"before {number}", None))
            for stream in lost[number], theirs[number]:
                until_event(stream, f"before {number}")
            user.groups.clear()
            send_from(ports[0], (channel, "after", number))
        send_from(ports[0], (channel, "last", None))
        until_event(stays, "last")
        for number, (stream, other) in enumerate(zip(lost, theirs, strict=True)):
            stream.until(lambda client: client.ended, "the end")
            other.until(lambda client: "stream-error" in client.names, "the end")
            for seen in messages(stream), messages(other):
                assert [body for name, body in seen if name == "after"] == list(range(number))
    runtime.reset()


def warm(port: int, channel: str, event: str, body: Any) -> None:
    send_from(port, (channel, event, body))


def test_what_another_process_sends_waits_until_the_feed_was_read(
    bridged: None, redis_url: str, prefix: str, team: Team, settings: Any
) -> None:
    """Of whom a commit revokes this process may hear later than of what was sent after it."""
    settings.RXSSE = {"REDIS_URL": redis_url, "PREFIX": prefix}
    runtime.reset()
    current = runtime.current()
    channel = OpenChannel.event_channel(pk=team.pk)
    gate = threading.Event()
    with serving(StreamingHandler()) as (port, _), reader(port, f"/open/{team.pk}/") as stream:
        current.after_hearing(lambda: gate.wait(20))  # as a feed that is slow
        views.listener_manager.received(Told(channel, "told", "1"))
        send_event(channel, "sent", 2)
        current.tell(f"{channel}/", Fanout.message("past", b"3"))
        assert until_event(stream, "past") == [("past", 3)]
        gate.set()
        assert until_event(stream, "sent") == [("past", 3), ("told", 1), ("sent", 2)]


def test_their_view_lives_through_an_outage_of_their_redis(
    bridged: None, own_redis: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EVENTSTREAM_REDIS = {"host": "127.0.0.1", "port": own_redis.port}
    settings.RXSSE = {"BACKEND_TIMEOUT": 0.5}
    monkeypatch.setattr("rxsse.brokers.apps.is_installed", lambda name: True)
    runtime.reset()

    def publish(channel: str, event: str, body: Any) -> None:
        said = {"channel": channel, "event_type": event, "data": json.dumps(body), "pub_id": None}
        with redis.Redis.from_url(own_redis.url) as client:
            client.publish("events_channel", json.dumps(said))

    with serving(StreamingHandler()) as (port, _), listening(port, "elsewhere", publish) as stream:
        own_redis.restart()
        stream.socket.settimeout(0.1)
        for number in range(200):
            publish("elsewhere", "again", number)
            try:
                if stream.receive() and "again" in stream.client.names:
                    break
            except TimeoutError:
                continue
        assert "again" in stream.client.names


def test_the_outbox_is_read_before_an_event_goes_on(
    bridged: None, team: Team, ada: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Readers lose the right by a commit of another process, and this one sends right after it."""
    settings.RXSSE = {"OUTBOX": True, "OUTBOX_POLL_SECONDS": 5.0, "PERMISSION_SECONDS": 0}
    runtime.reset()
    channel = TeamChannel.event_channel(pk=team.pk)
    with serving(StreamingHandler()) as (port, _), reader(port, f"/team/{team.pk}/", by_token(ada)) as stream:
        wait_until_known(("auth.user", "auth.user_groups"))
        send_event(channel, "before", 1)
        until_event(stream, "before")
        program = f"from django.contrib.auth.models import User; User.objects.get(pk={ada.pk}).groups.clear()"
        in_a_shell(settings.RXSSE, program)
        send_event(channel, "after", 2)
        stream.until(lambda client: client.ended, "the end")
        assert [name for name, _ in messages(stream)] == ["before", "revoked"]

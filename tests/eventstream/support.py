"""Readers and senders of events over real connections."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import count
from typing import Any
from urllib.parse import quote

from tests.streaming.support import Connection
from tests.waiting import SECONDS


def reader(port: int, url: str, headers: str = "") -> Connection:
    """A stream that shows its state."""
    stream = Connection(port, url, headers=headers)
    stream.until(lambda client: client.state is not None, "the snapshot")
    return stream


def send_from(port: int, *events: tuple[str, str, Any]) -> int:
    """Have the server process send; its status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/send/", json.dumps(events))
        return connection.getresponse().status
    finally:
        connection.close()


def messages(stream: Connection) -> list[tuple[str, Any]]:
    """The application's events that it got, in order."""
    own = {"snapshot", "patch", "mark", "reset", "warming"}
    return [event for event in stream.client.events if event[0] not in own]


def until_event(stream: Connection, name: str) -> list[tuple[str, Any]]:
    """Read on until the event has come; all the application's events up to then."""
    limit = time.monotonic() + SECONDS
    while name not in stream.client.names:
        # A stream whose event is lost goes on with marks.
        assert time.monotonic() < limit, f"{name} did not come, but {stream.client.events}"
        assert stream.receive(), f"the connection ended before {name}: {stream.client.events}"
    return messages(stream)


def theirs(port: int, channel: str, headers: str = "", url: str = "/events/?channel=") -> Connection:
    """A connection to django-eventstream's view, or to another of theirs at ``url``."""
    return Connection(port, f"{url}{quote(channel, safe='')}", headers=headers)


def listening(
    port: int, channel: str, send: Callable[[str, str, Any], object], headers: str = "", url: str = "/events/?channel="
) -> Connection:
    """A connection to django-eventstream's view that is known to hear what is sent.

    Their view says that it is open before it is: what is sent then may be thrown away.
    """
    stream = theirs(port, channel, headers, url)
    stream.socket.settimeout(0.2)
    for number in count():
        send(channel, "warming", number)
        try:
            if not stream.receive() or "warming" in stream.client.names:
                break
        except TimeoutError:
            assert number < 100, "their view hears nothing"
    stream.socket.settimeout(20)
    return stream

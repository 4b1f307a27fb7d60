"""What PROTOCOL.md promises holds through real proxies, whichever way they are spoken to."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.proxies.clients import Note
from tests.proxies.conftest import STREAMS_PER_ADDRESS, OpenBrowser, door_named
from tests.proxies.serving import Applications, Door
from tests.streaming.support import NaiveClient
from tests.waiting import until


def test_every_event_arrives_before_the_next_is_sent(door: Door, browser: OpenBrowser, note: Note) -> None:
    with browser(door).stream_of(note) as reading:
        assert reading.until_shows(0).retry == 2000
        head = reading.response
        assert head.status_code == 200
        assert head.http_version == ("HTTP/2" if door.http2 else "HTTP/1.1")
        assert head.headers["Content-Type"] == "text/event-stream"
        assert head.headers["Cache-Control"] == "no-cache, no-transform"
        assert {"Authorization", "Cookie", "Accept"} <= set(head.headers["Vary"].split(", "))
        for number in range(1, 11):
            note.write(number)
            reading.until_shows(number)
        assert reading.client.names == ["snapshot"] + ["patch"] * 10  # no mark has pushed anything on


@pytest.mark.parametrize("in_query", [False, True], ids=["by header", "by query"])
def test_a_resumed_client_gets_what_it_missed(door: Door, browser: OpenBrowser, note: Note, in_query: bool) -> None:
    with browser(door).stream_of(note) as witness:
        witness.until_shows(0)
        with browser(door).stream_of(note) as reading:
            client = reading.until_shows(0)
        for number in (1, 2, 3):
            note.write(number)
        witness.until_shows(3)
        with browser(door).stream_of(note, client, in_query=in_query) as reading:
            reading.until_shows(3)
            note.write(4)
            reading.until_shows(4)
        assert client.events == witness.until_shows(4).events
        assert client.names.count("snapshot") == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_etag_is_a_cursor(door: Door, browser: OpenBrowser, note: Note, encoding: str) -> None:
    headers = {"Accept": "application/json", "Accept-Encoding": encoding, **note.headers}
    note.write("text", times=1_000)
    client = browser(door)
    with client.stream_of(note) as reading:
        reading.until_shows("text" * 1_000)
        document = client.get(note.path, headers=headers)
        assert document.json() == reading.client.state
        etag = document.headers["ETag"]
        unchanged = client.get(note.path, headers={**headers, "If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        cursor = NaiveClient(etag.removeprefix("W/").strip('"'), document.json())
        with client.stream_of(note, cursor) as resumed:
            resumed.until(lambda client: client.names == ["mark"])  # exactly from there
            note.write("other")
            resumed.until_shows("other")
        assert client.get(note.path, headers={**headers, "If-None-Match": etag}).json() == cursor.state


def test_refusals_and_tickets_pass(door: Door, browser: OpenBrowser, note: Note) -> None:
    client = browser(door)
    refused = client.get(note.path)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Token")
    given = client.post(f"{note.path}?ticket", headers=note.headers)
    assert given.status_code == 201
    stream = f"{note.path}?ticket={given.json()['ticket']}"
    with client.stream("GET", stream, headers={"Accept": "text/event-stream"}) as response:
        assert response.status_code == 200
        assert client.get(stream, headers={"Accept": "text/event-stream"}).status_code == 401  # it was used


def test_a_client_that_goes_is_noticed(door: Door, browser: OpenBrowser, note: Note) -> None:
    """By the end of its connection: the application's marks, which would find out, are ten minutes apart."""
    client = browser(door)
    with client.stream_of(note) as reading:
        reading.until_shows(0)
        assert note.streams() == 1
        client.close()
        until(lambda: note.streams() == 0, "the end of the stream")


def test_what_is_final_ends_the_response(door: Door, browser: OpenBrowser, note: Note) -> None:
    with browser(door).stream_of(note) as reading:
        reading.until_shows(0)
        note.revoke()
        assert reading.until_end().names == ["snapshot", "revoked"]
        assert reading.complete


@pytest.mark.parametrize("name", ["nginx-http2", "caddy-http2", "pushpin-http1"])
def test_limits_count_the_clients_address(
    request: pytest.FixtureRequest, name: str, browser: OpenBrowser, note: Note
) -> None:
    door = door_named(request, name)
    there, here = browser(door, address="127.0.0.66"), browser(door)
    with ExitStack() as stack:
        for number in range(STREAMS_PER_ADDRESS):
            pretended = {"X-Forwarded-For": f"10.0.0.{number}"}
            reading = stack.enter_context(there.stream_of(note, **pretended))
            assert reading.response.status_code == 200
        with there.stream_of(note, **{"X-Forwarded-For": "10.0.1.1"}) as refused:
            assert refused.response.status_code == 429
            assert int(refused.response.headers["Retry-After"]) > 0
        with here.stream_of(note) as reading:
            reading.until_shows(0)
    there.close()
    until(lambda: note.streams() <= 1, "the end of the streams")
    with browser(door, address="127.0.0.66").stream_of(note) as reading:
        reading.until_shows(0)


@pytest.mark.parametrize("name", ["nginx-http2", "caddy-http2", "nginx+pushpin-http2"])
def test_many_streams_share_a_connection(
    request: pytest.FixtureRequest, name: str, browser: OpenBrowser, applications: Applications
) -> None:
    client = browser(door_named(request, name))
    notes = [Note.make(applications.calm) for _ in range(20)]
    with ExitStack() as stack:
        readings = [stack.enter_context(client.stream_of(note)) for note in notes]
        for number in range(3):
            for note, reading in zip(notes, readings, strict=True):
                reading.until_shows(number)
                note.write(number + 1)
        assert len(client.connections()) == 1


def test_compression_holds_nothing_back(door: Door, browser: OpenBrowser, applications: Applications) -> None:
    """Whatever the proxy makes of a client that would take it compressed, when the state comes with the first bytes."""
    long = "a long text, " * 1_000
    note = Note.make(applications.calm, long)
    asked = {"Accept-Encoding": "gzip"}
    client = browser(door)
    with client.stream_of(note) as other:
        other.until_shows(long)  # from now on the state is at hand, and may be sent in one go with what comes before
        document = client.get(note.path, headers={"Accept": "application/json", **note.headers, **asked})
        compresses = not door.name.startswith("pushpin")
        assert document.headers.get("Content-Encoding") == ("gzip" if compresses else None)
        for number in range(4):
            with client.stream_of(note, **asked) as reading:
                reading.until(lambda client: client.state)
                note.write(f"{number}, {long}")
                reading.until_shows(f"{number}, {long}")
                note.write(number)
                reading.until_shows(number)
                note.write(long)
                other.until_shows(long)

"""Silence, and servers that hang, die or are replaced: through every door at once, as all of it takes time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.proxies.clients import Browser, Note, Reading
from tests.proxies.conftest import MARK_SECONDS, OpenBrowser
from tests.proxies.serving import READ_TIMEOUT, Application, Applications, Door
from tests.services import do_without
from tests.streaming.support import NaiveClient
from tests.waiting import until

LONG = 3_000_000
"""Words of five bytes: more than what the kernel and a proxy keep for a client that doesn't read."""


class Visitor:
    """A reader at one door, who comes back with his cursor."""

    def __init__(self, door: Door, browser: Browser, note: Note) -> None:
        self.door = door
        self.browser = browser
        self.client = NaiveClient()
        self.reading: Reading
        self._note = note
        self._enter()

    @property
    def minds_silence(self) -> bool:
        """Pushpin doesn't, nor does the nginx before it here."""
        return "pushpin" not in self.door.name

    def return_(self) -> None:
        self.reading.response.close()
        self._enter()

    def _enter(self) -> None:
        until(self._is_let_in, "an answer before the proxy has lost its patience")  # the machine may be busy

    def _is_let_in(self) -> bool:
        self.reading = self.browser.stream_of(self._note, self.client)
        return self.reading.response.status_code != httpx.codes.GATEWAY_TIMEOUT

    def states(self) -> list[tuple[str, Any]]:
        """The snapshot and the patches."""
        return [event for event in self.client.events if event[0] in ("snapshot", "patch")]


def assert_nobody_missed_anything(visitors: list[Visitor]) -> None:
    """Nor got anything twice: all were given the same, one snapshot and then patches."""
    first, *others = [visitor.states() for visitor in visitors]
    assert all(other == first for other in others)
    assert [name for name, _ in first] == ["snapshot"] + ["patch"] * (len(first) - 1)
    assert not any("reset" in visitor.client.names for visitor in visitors)


@pytest.fixture
def application(applications: Applications) -> Application:
    return applications.brisk


@pytest.fixture
def note(application: Application) -> Note:
    return Note.make(application)


@pytest.fixture
def visitors(doors: list[Door], note: Note, browser: OpenBrowser) -> Iterator[list[Visitor]]:
    """One at each door, all of whom are shown the same note."""
    with ExitStack() as stack:
        found = [Visitor(door, browser(door, brisk=True), note) for door in doors]
        for visitor in found:
            stack.callback(lambda visitor=visitor: visitor.reading.response.close())
            visitor.reading.until_shows(0)
        yield found


def test_marks_keep_a_silent_stream_open(visitors: list[Visitor], note: Note) -> None:
    """For longer than the proxies bear silence."""
    enough = round(READ_TIMEOUT / MARK_SECONDS) + 2
    for visitor in visitors:
        visitor.reading.until(lambda client: client.names.count("mark") >= enough)
    note.write(1)
    for visitor in visitors:
        visitor.reading.until_shows(1)
    assert_nobody_missed_anything(visitors)


def test_a_stream_that_is_cut_for_its_silence_is_resumed(
    visitors: list[Visitor], note: Note, application: Application
) -> None:
    application.pause()  # so nothing is sent, and nobody closes anything
    try:
        for visitor in visitors:
            if visitor.minds_silence:
                visitor.reading.until_end()  # nginx cuts it, Caddy ends it as if it were complete
    finally:
        application.resume()
    for number in (1, 2):
        note.write(number)
    for visitor in visitors:
        if visitor.minds_silence:
            visitor.return_()
        visitor.reading.until_shows(2)
    assert_nobody_missed_anything(visitors)


def test_a_server_that_is_killed_and_comes_back(
    visitors: list[Visitor], note: Note, application: Application, backends: dict[str, Any]
) -> None:
    if not backends:
        do_without("RXSSE_TEST_REDIS_URL or RXSSE_TEST_MONGO_URL")
    application.stop()
    try:
        for visitor in visitors:
            visitor.reading.until_end()
            with visitor.browser.stream_of(note) as refused:
                assert refused.response.status_code == httpx.codes.BAD_GATEWAY
    finally:
        application.start()
    note.write(1)
    for visitor in visitors:
        visitor.return_()
        visitor.reading.until_shows(1)
    assert_nobody_missed_anything(visitors)


def test_a_server_that_is_replaced_says_bye(visitors: list[Visitor], application: Application) -> None:
    application.ask_to_end()
    try:
        for visitor in visitors:
            assert visitor.reading.until_end().names[-1] == "bye"
            assert visitor.reading.complete
        application.wait_for_end()  # the proxies' idle connections don't keep it
    finally:
        application.restart()


def test_a_client_that_does_not_read_is_cut_off(
    doors: list[Door], applications: Applications, browser: OpenBrowser
) -> None:
    """What was cut in the midst of an event may look complete: it is not an event."""
    note = Note.make(applications.calm)
    note.write("long ", times=LONG)
    # Two proxies one after the other have room for all of it.
    clients = {door: browser(door) for door in doors if "+" not in door.name}
    with ExitStack() as stack:
        readings = {door: stack.enter_context(client.stream_of(note)) for door, client in clients.items()}
        until(lambda: note.streams() == 0, "the end of the streams")
        for door, reading in readings.items():
            if "pushpin" not in door.name:  # it lets the client find out by himself, by the marks that don't come
                text = reading.rest()
                assert LONG > text.count(b"long ") > 0
                assert not text.endswith(b"\n\n")
    note.write("short")
    for client in clients.values():
        with client.stream_of(note) as again:
            again.until_shows("short")

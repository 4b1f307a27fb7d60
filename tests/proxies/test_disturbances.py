"""Silence, and servers that hang, die or are replaced: through every door at once, as all of it takes time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.proxies.clients import Browser, Note, Reading
from tests.proxies.conftest import OpenBrowser
from tests.proxies.serving import Application, Applications, Door
from tests.services import do_without

STATES = ("snapshot", "patch")


class Visitor:
    """A reader at one door, who comes back with his cursor."""

    def __init__(self, door: Door, browser: Browser, note: Note) -> None:
        self.door = door
        self.browser = browser
        self._note = note
        self.reading: Reading = browser.stream_of(note)
        self.client = self.reading.client

    @property
    def minds_silence(self) -> bool:
        """Pushpin doesn't, nor does the nginx before it here."""
        return "pushpin" not in self.door.name

    def return_(self) -> None:
        self.reading.response.close()
        self.client.ended = False
        self.reading = self.browser.stream_of(self._note, self.client)

    def states(self) -> list[str]:
        """The names of the events that had a state in them."""
        return [name for name in self.client.names if name in STATES]


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
    """For three times as long as the proxies bear silence."""
    for visitor in visitors:
        visitor.reading.until(lambda client: client.names.count("mark") >= 10)
    note.write(1)
    for visitor in visitors:
        visitor.reading.until_shows(1)
        assert visitor.states() == ["snapshot", "patch"]


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
        assert visitor.states() == ["snapshot", "patch", "patch"]


def test_a_server_that_is_killed_and_comes_back(
    visitors: list[Visitor], note: Note, application: Application, backends: dict[str, Any]
) -> None:
    if not backends:
        do_without("RXSSE_TEST_REDIS_URL or RXSSE_TEST_MONGO_URL")
    application.stop()
    try:
        for visitor in visitors:
            visitor.reading.until_end()
            assert visitor.states() == ["snapshot"]
            with visitor.browser.stream_of(note) as refused:
                assert refused.response.status_code == httpx.codes.BAD_GATEWAY
    finally:
        application.start()
    note.write(1)
    for visitor in visitors:
        visitor.return_()
        visitor.reading.until_shows(1)
        assert visitor.states() == ["snapshot", "patch"]
        assert "reset" not in visitor.client.names


def test_a_server_that_is_replaced_says_bye(visitors: list[Visitor], application: Application) -> None:
    application.ask_to_end()
    try:
        for visitor in visitors:
            assert visitor.reading.until_end().names[-1] == "bye"
            assert visitor.reading.complete
        application.wait_for_end()  # the proxies' idle connections don't keep it
    finally:
        application.restart()

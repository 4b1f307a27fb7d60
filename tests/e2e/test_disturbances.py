"""What goes wrong between window and server: the page says so, keeps what it had, and is exact again by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.conftest import OpenWindow, through_both
from tests.e2e.serving import Board, Cable, cable
from tests.e2e.windows import UNREACHABLE, Window, agree
from tests.example.conftest import Person
from tests.waiting import until

SLEEP = 600_000
"""Milliseconds, more than marks may fail to come."""
LONGEST_PAUSE = 30_000
"""Milliseconds between two attempts to connect, at most."""
CONNECTIONS = 6
"""That a browser keeps to one host."""


@pytest.fixture
def path(project: Any) -> str:
    return f"/projects/{project['id']}/"


@pytest.fixture
def change(ada: Person, project: Any) -> Callable[[str], None]:
    """Changes everything that a board shows a little, and names the result."""

    def change(name: str) -> None:
        first, second, third = project["tasks"]
        ada.ask("PATCH", f"/api/projects/{project['id']}/", {"name": name})
        ada.ask("PATCH", f"/api/tasks/{first['id']}/", {"title": f"First of {name}", "done": True})
        ada.ask("POST", f"/api/tasks/{third['id']}/move/", {"before": second["id"]})
        ada.ask("POST", "/api/comments/", {"task": second["id"], "text": name}, 201)
        ada.ask("POST", "/api/tasks/", {"project": project["id"], "title": f"New in {name}"}, 201)

    return change


def notice(window: Window) -> Locator:
    return window.page.get_by_role("status", name="Connection lost", exact=True)


def nothing_was_loaded_again(window: Window) -> Callable[[], bool]:
    """Leaves a trace in the page; the result says whether it is still there."""
    window.page.evaluate("window.trace = 'here'")
    return lambda: window.page.evaluate("window.trace") == "here"


@through_both
def test_the_server_is_killed_and_comes_back(
    open_window: OpenWindow,
    front: str,
    board: Board,
    ada: Person,
    project: Any,
    path: str,
    change: Callable[[str], None],
) -> None:
    windows = [open_window(name, path, at=front) for name in ("ada", "katherine")]
    before = agree(ada, project["id"], *windows)
    kept = [nothing_was_loaded_again(window) for window in windows]
    for window in windows:
        window.expect_errors(UNREACHABLE, r"status of 50[24]")  # nginx answers in the server's place
    board.server.stop()  # by SIGKILL
    for window in windows:
        window.says("Reconnecting")
        expect(notice(window)).to_contain_text("No connection since")
        expect(window.page.get_by_role("article")).to_have_count(len(before["tasks"]))
    board.server.start()
    change("Back again")
    agree(ada, project["id"], *windows)
    for window in windows:
        window.says("Live")
        expect(notice(window)).to_be_empty()
    assert all(still() for still in kept)


@through_both
def test_offline_and_online(
    open_window: OpenWindow, front: str, ada: Person, project: Any, path: str, change: Callable[[str], None]
) -> None:
    away, other = (open_window(name, path, at=front) for name in ("ada", "katherine"))
    before = agree(ada, project["id"], away, other)
    kept = nothing_was_loaded_again(away)
    away.expect_errors(UNREACHABLE)
    away.context.set_offline(True)
    away.says("Reconnecting")
    expect(notice(away)).to_contain_text("No connection since")
    change("Meanwhile")
    agree(ada, project["id"], other)
    assert away.shown()["name"] == before["name"]
    assert away.shown()["counts"] == ["3", "0"]

    away.page.get_by_label("New task").fill("Into the void")
    away.page.get_by_label("New task").press("Enter")
    expect(away.page.get_by_role("alert").get_by_text("Nothing was changed")).to_be_visible()
    expect(away.card("Into the void")).to_have_count(0)

    away.context.set_offline(False)
    away.says("Live")
    agree(ada, project["id"], away, other)
    assert kept()


@pytest.fixture
def line(board: Board) -> Iterator[Cable]:
    with cable(board.server.port) as laid:
        yield laid


def test_a_laptop_sleeps_and_its_connection_is_dead_when_it_wakes(
    open_window: OpenWindow, line: Cable, ada: Person, project: Any, path: str, change: Callable[[str], None]
) -> None:
    """The lid is closed: no timer runs, marks are missed, the connection dies and nobody tells the browser."""
    window = open_window("ada", path, at=line.url, clock=True)
    window.expect_errors(UNREACHABLE)
    before = agree(ada, project["id"], window)
    kept = nothing_was_loaded_again(window)
    line.cut()
    change("Slept through")
    assert window.shown()["name"] == before["name"]  # It can't know.
    window.says("Live")
    window.page.clock.fast_forward(SLEEP)
    agree(ada, project["id"], window)
    window.says("Live")
    assert kept()


def test_every_connection_of_the_browser_is_dead(
    open_window: OpenWindow, line: Cable, ada: Person, project: Any, path: str, change: Callable[[str], None]
) -> None:
    """Those that it keeps for later requests, too: an attempt that gets stuck on one is given up, and another made."""
    window = open_window("ada", path, at=line.url, clock=True)
    window.expect_errors(UNREACHABLE)
    agree(ada, project["id"], window)
    line.cut(idle_ones_too=True)
    change("Behind a dead pool")
    badge = window.page.get_by_role("status", name="Connection", exact=True)
    window.page.clock.fast_forward(SLEEP)
    for _ in range(CONNECTIONS):
        window.says("Reconnecting")
        try:
            window.page.clock.fast_forward(LONGEST_PAUSE)
            expect(badge).to_have_text("Live", timeout=2_000)
            break
        except AssertionError:
            window.page.clock.fast_forward(SLEEP)
    agree(ada, project["id"], window)


@contextmanager
def frozen(browser: Browser) -> Iterator[None]:
    """All pages stand still: their processes are stopped, as a browser's are while a laptop sleeps.

    Chromium's own freezing of tabs has no effect on what Playwright drives, as that keeps every page active.
    """
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    renderers = [process["id"] for process in processes if process["type"] == "renderer"]
    for each in renderers:
        os.kill(each, signal.SIGSTOP)
    try:
        until(lambda: all(" T " in Path(f"/proc/{each}/stat").read_text() for each in renderers), "all have stopped")
        yield
    finally:
        for each in renderers:
            os.kill(each, signal.SIGCONT)


@through_both
def test_a_tab_is_frozen_while_things_change(
    open_window: OpenWindow,
    front: str,
    board: Board,
    browser: Browser,
    ada: Person,
    project: Any,
    path: str,
    change: Callable[[str], None],
) -> None:
    windows = [open_window(name, path, at=front) for name in ("ada", "katherine")]
    agree(ada, project["id"], *windows)
    with frozen(browser):
        change("Meanwhile")
        for number in range(50):
            ada.ask("PATCH", f"/api/tasks/{project['tasks'][number % 3]['id']}/", {"title": f"Round {number}"})
    agree(ada, project["id"], *windows)


def test_a_tab_is_frozen_while_the_server_restarts(
    open_window: OpenWindow,
    board: Board,
    browser: Browser,
    ada: Person,
    project: Any,
    path: str,
    change: Callable[[str], None],
) -> None:
    window = open_window("ada", path)
    agree(ada, project["id"], window)
    window.expect_errors(UNREACHABLE)
    with frozen(browser):
        change("Before the restart")
        board.server.restart()
        change("After the restart")
    agree(ada, project["id"], window)
    window.says("Live")


def test_a_stream_that_falls_silent_is_given_up(
    open_window: OpenWindow, line: Cable, board: Board, ada: Person, project: Any, change: Callable[[str], None]
) -> None:
    """As above, with nobody waking up: three marks that don't come are enough."""
    window = open_window("ada", f"/e2e/production/index.html?project={project['id']}&mark=1000", at=line.url)
    window.expect_errors(UNREACHABLE)
    until(lambda: window.snapshot()["status"] == "live")
    line.cut()
    change("Unheard of")
    until(lambda: window.snapshot()["state"] == ada.ask("GET", f"/api/projects/{project['id']}/"))

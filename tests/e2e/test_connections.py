"""How a browser connects: what stands in URLs, how many streams there are, and when they end.

Not tried here: a seventh window on the same host waits, as browsers open six connections to it over HTTP/1.1.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenWindow, through_both
from tests.e2e.serving import Board
from tests.e2e.windows import UNREACHABLE, Window, agree
from tests.example.conftest import Person
from tests.waiting import until


@pytest.fixture
def page_of(project: Any) -> Any:
    """The path of the page of tests, which shows the test's project."""

    def page_of(mode: str = "production", **parameters: str) -> str:
        query = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"/e2e/{mode}/index.html?project={project['id']}{query}"

    return page_of


def live(window: Window) -> Window:
    until(lambda: window.snapshot()["status"] == "live", "it is live")
    return window


def open_streams(board: Board, project: Any) -> int:
    """Of this project, at the server."""
    return board.streams().get(str(project["id"]), 0)


def tickets(window: Window) -> list[str]:
    """Of the streams that were asked for."""
    return [parse_qs(urlsplit(request.url).query)["ticket"][0] for request in window.asked("GET")]


@pytest.mark.parametrize("transport", ["eventsource", "fetch"])
def test_no_token_is_ever_in_a_url(
    open_window: OpenWindow, board: Board, ada: Person, project: Any, page_of: Any, transport: str
) -> None:
    board_window = open_window("ada", f"/projects/{project['id']}/")
    agree(ada, project["id"], board_window)
    page_window = live(open_window("ada", page_of(transport=transport)))
    for window in (board_window, page_window):
        window.expect_errors(UNREACHABLE)
    board.server.restart()
    agree(ada, project["id"], board_window)
    live(page_window)
    token = board.token("ada")
    urls = [request.url for window in (board_window, page_window) for request in window.requests]
    assert any(f"/rx/projects/{project['id']}/" in url for url in urls)
    assert not [url for url in urls if token in url]
    assert f"GET /rx/projects/{project['id']}/" in board.log()
    assert token not in board.log()


@through_both
def test_each_connection_has_a_ticket_of_its_own(
    open_window: OpenWindow, front: str, board: Board, project: Any, page_of: Any
) -> None:
    window = live(open_window("ada", page_of(), at=front))
    window.expect_errors(UNREACHABLE)
    for count in (2, 3):
        window.context.set_offline(True)
        until(lambda: window.snapshot()["status"] == "stale", "it is offline")
        window.context.set_offline(False)
        live(window)
        until(lambda count=count: len(tickets(window)) >= count, "it has connected again")
    used = tickets(window)
    assert len(set(used)) == len(used)
    assert len(window.asked("POST")) >= len(used)
    # What stands in a log opens nothing any more.
    for ticket in used:
        response = board.person(None).client.get(f"/rx/projects/{project['id']}/", params={"ticket": ticket})
        assert response.status_code == 401


@through_both
def test_streams_by_fetch(
    open_window: OpenWindow, front: str, ada: Person, project: Any, page_of: Any, new_task: Any
) -> None:
    window = live(open_window("ada", page_of(transport="fetch"), at=front))
    new_task("By fetch")
    until(lambda: window.snapshot()["state"] == ada.ask("GET", f"/api/projects/{project['id']}/"), "they are the same")
    window.expect_errors(UNREACHABLE)
    window.context.set_offline(True)
    until(lambda: window.snapshot()["status"] == "stale", "it is offline")
    new_task("Unseen")
    window.context.set_offline(False)
    until(lambda: window.snapshot()["state"] == ada.ask("GET", f"/api/projects/{project['id']}/"), "they are the same")
    live(window)
    assert window.asked("POST") == []  # no ticket: the header says who it is


def test_strict_mode_opens_one_connection(open_window: OpenWindow, board: Board, project: Any, page_of: Any) -> None:
    window = live(open_window("ada", page_of("development", strict="yes")))
    assert window.page.evaluate("mounted") == 2  # React has mounted, unmounted and mounted again.
    assert len(window.asked("POST")) == 1
    assert len(window.asked("GET")) == 1
    assert open_streams(board, project) == 1


def test_components_share_a_connection_and_the_last_one_closes_it(
    open_window: OpenWindow, board: Board, project: Any, page_of: Any
) -> None:
    window = live(open_window("ada", page_of()))
    readers = window.page.evaluate("Object.keys(rendered)")
    assert {"status", "rows"} < set(readers)
    assert len(window.asked("GET")) == 1
    assert open_streams(board, project) == 1
    window.page.get_by_role("button", name="Leave").click()
    until(lambda: open_streams(board, project) == 0, "the stream has ended")
    window.page.get_by_role("button", name="Come back").click()
    live(window)
    assert open_streams(board, project) == 1


def test_leaving_for_a_moment_keeps_the_connection(
    open_window: OpenWindow, board: Board, project: Any, page_of: Any
) -> None:
    window = live(open_window("ada", page_of(grace="60000")))
    window.page.get_by_role("button", name="Leave").click()
    window.page.get_by_role("button", name="Come back").click()
    expect(window.page.get_by_role("status")).to_contain_text("live")
    assert len(window.asked("GET")) == 1
    assert open_streams(board, project) == 1


@through_both
@pytest.mark.parametrize("way", ["another page", "closing"])
def test_leaving_the_page_ends_its_stream(
    open_window: OpenWindow, front: str, board: Board, ada: Person, project: Any, way: str
) -> None:
    window = open_window("ada", f"/projects/{project['id']}/", at=front)
    agree(ada, project["id"], window)
    assert open_streams(board, project) == 1
    if way == "closing":
        window.page.close()
    else:
        window.page.get_by_role("link", name="Trajectories").click()
        window.says("Live")
    until(lambda: open_streams(board, project) == 0, "the stream has ended")

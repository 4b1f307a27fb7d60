"""Logging in through the page, and what is left on the screen when a token or a permission has been taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenWindow, through_both
from tests.e2e.serving import Board
from tests.e2e.windows import REFUSED, UNREACHABLE, Window, agree
from tests.example.conftest import Person

ENDED = "Your session has ended. Please log in again."


@pytest.fixture
def path(project: Any) -> str:
    return f"/projects/{project['id']}/"


def shows_nothing_of(window: Window, project: Any) -> None:
    """Neither on the screen, nor anywhere else in the document."""
    html = window.page.content()
    for secret in (project["name"], *(task["title"] for task in project["tasks"])):
        assert secret not in html


def test_log_in_and_out(open_window: OpenWindow, ada: Person, project: Any, path: str) -> None:
    window = open_window(None, path)
    shows_nothing_of(window, project)
    window.expect_errors(r"status of 400")
    window.enter("ada", "babbage")
    expect(window.page.get_by_role("alert")).to_have_text("Unable to log in with provided credentials.")
    window.enter("ada", "demo")
    window.says("Live")
    window.page.get_by_role("button", name="Under the hood").click()
    agree(ada, project["id"], window)
    window.page.get_by_role("button", name="Log out").click()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    shows_nothing_of(window, project)
    window.page.reload()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()


@pytest.fixture
def admin(open_window: OpenWindow) -> Window:
    window = open_window(None, "/admin/")
    window.expect_errors(r"/favicon\.ico")  # the admin names none, and Chromium asks
    window.page.get_by_label("Username").fill("admin")
    window.page.get_by_label("Password").fill("demo")
    window.page.get_by_role("button", name="Log in").click()
    expect(window.page.get_by_role("link", name="Log out").or_(window.page.get_by_text("Log out"))).to_be_visible()
    return window


def delete_token(admin: Window, token: str) -> None:
    page = admin.page
    page.get_by_role("row", name="Tokens").get_by_role("link", name="Tokens").click()
    page.get_by_role("link", name=token).click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Yes, I’m sure").click()
    expect(page.get_by_text("was deleted successfully")).to_be_visible()


@pytest.fixture
def token_of_margaret(board: Board, ada: Person, project: Any) -> Iterator[str]:
    """Of a member of the project, who has a new one after the test."""
    people = {person["username"]: person["id"] for person in ada.ask("GET", "/api/people/")}
    ada.ask("POST", "/api/memberships/", {"project": project["id"], "user_id": people["margaret"]}, 201)
    yield board.token("margaret")
    board.manage("drf_create_token", "margaret")


@through_both
def test_a_token_is_revoked_while_somebody_is_away(
    open_window: OpenWindow, admin: Window, front: str, ada: Person, project: Any, path: str, token_of_margaret: str
) -> None:
    window = open_window("margaret", path, at=front)
    window.expect_errors(UNREACHABLE, REFUSED)
    state = agree(ada, project["id"], window)
    window.context.set_offline(True)
    window.says("Reconnecting")

    delete_token(admin, token_of_margaret)
    window.context.set_offline(False)
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    expect(window.page.get_by_text(ENDED)).to_be_visible()
    shows_nothing_of(window, state)
    kept = window.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Authorization" not in kept
    assert '"board.session"' not in kept
    window.page.reload()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_write_with_a_revoked_token_ends_the_session(
    open_window: OpenWindow, board: Board, project: Any, path: str, token_of_margaret: str
) -> None:
    window = open_window("margaret", path)
    window.expect_errors(REFUSED)
    window.says("Live")
    delete = "from rest_framework.authtoken.models import Token; Token.objects.get(key=%r).delete()"
    board.manage("shell", "--command", delete % token_of_margaret)
    window.page.get_by_label("New task").fill("Too late")
    window.page.get_by_label("New task").press("Enter")
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    expect(window.page.get_by_text(ENDED)).to_be_visible()
    shows_nothing_of(window, project)


def test_a_removed_participant_keeps_nothing(
    open_window: OpenWindow, front: str, ada: Person, project: Any, path: str
) -> None:
    window = open_window("katherine", path, at=front)
    window.expect_errors(UNREACHABLE, REFUSED)
    state = agree(ada, project["id"], window)
    window.context.set_offline(True)
    window.says("Reconnecting")
    (key,) = [each["id"] for each in state["participants"] if each["username"] == "katherine"]
    ada.ask("DELETE", f"/api/memberships/{key}/", status=204)
    window.context.set_offline(False)
    expect(window.page.get_by_role("heading", name="You take no part in this project")).to_be_visible()
    for task in state["tasks"]:
        expect(window.page.get_by_text(task["title"])).to_have_count(0)
    assert window.page.evaluate("JSON.stringify(sessionStorage)").count("board.session") == 1  # She is still logged in.


@through_both
def test_a_token_is_revoked_while_the_page_is_open(
    open_window: OpenWindow, admin: Window, front: str, ada: Person, project: Any, path: str, token_of_margaret: str
) -> None:
    window = open_window("margaret", path, at=front)
    window.expect_errors(REFUSED)
    state = agree(ada, project["id"], window)
    delete_token(admin, token_of_margaret)
    expect(window.page.get_by_role("heading", name="You may not see this project any more")).to_be_visible()
    for task in state["tasks"]:
        expect(window.page.get_by_text(task["title"])).to_have_count(0)
    window.page.get_by_role("button", name="Try again").click()
    expect(window.page.get_by_role("button", name="Log in")).to_be_visible()
    expect(window.page.get_by_text(ENDED)).to_be_visible()
    shows_nothing_of(window, state)


def test_a_participant_is_removed_who_is_looking(
    open_window: OpenWindow, front: str, ada: Person, project: Any, path: str
) -> None:
    window = open_window("katherine", path, at=front)
    state = agree(ada, project["id"], window)
    owner = open_window("ada", path, at=front)
    owner.page.get_by_role("button", name="Participants: 2").click()
    owner.page.get_by_role("button", name="Remove Katherine Johnson").click()
    expect(window.page.get_by_role("heading", name="You may not see this project any more")).to_be_visible()
    for task in state["tasks"]:
        expect(window.page.get_by_text(task["title"])).to_have_count(0)
    agree(ada, project["id"], owner)

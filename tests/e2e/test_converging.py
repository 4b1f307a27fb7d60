"""Two people, two windows, one board: after every kind of change both show what the serializer returns."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenWindow, through_both
from tests.e2e.serving import Board
from tests.e2e.windows import Window, agree
from tests.example.conftest import Person

TITLES = ["Punch the cards", "Turn the handle", "Read the result"]


@pytest.fixture
def pair(open_window: OpenWindow, front: str, project: Any, ada: Person) -> tuple[Window, Window]:
    """Ada's window and Katherine's, live on the same project."""
    path = f"/projects/{project['id']}/"
    windows = open_window("ada", path, at=front), open_window("katherine", path, at=front)
    agree(ada, project["id"], *windows)
    for window in windows:
        window.says("Live")
    return windows


def order(state: Any) -> list[str]:
    return [task["title"] for task in state["tasks"]]


def drag(page: Page, card: Locator, to: Locator, *, lower_half: bool = False) -> None:
    """Drag with the mouse, as a hand does: down, on the way, over the place, up."""
    card.hover(position={"x": 200, "y": 10})
    page.mouse.down()
    box = to.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * (0.8 if lower_half else 0.2)
    page.mouse.move(x, y - 15, steps=5)
    page.mouse.move(x, y, steps=3)
    page.mouse.up()


@through_both
def test_what_one_does_the_other_sees(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    hers, others = pair
    page, key = hers.page, project["id"]

    page.get_by_label("New task").fill("Oil the wheels")
    page.get_by_label("New task").press("Enter")
    expect(others.card("Oil the wheels")).to_be_visible()
    assert order(agree(ada, key, *pair)) == [*TITLES, "Oil the wheels"]

    page.get_by_label("Done: Turn the handle").check()
    expect(others.column("Done").get_by_role("article")).to_have_count(1)
    assert [task["title"] for task in agree(ada, key, *pair)["tasks"] if task["done"]] == ["Turn the handle"]

    hers.card("Oil the wheels").get_by_role("link").click()
    dialog = page.get_by_role("dialog", name="Oil the wheels")
    dialog.get_by_label("New comment").fill("Sperm oil is best.")
    dialog.get_by_role("button", name="Send").click()
    dialog.get_by_role("button", name="engine").click()
    expect(others.card("Oil the wheels").get_by_text("engine")).to_be_visible()
    dialog.get_by_label("Due").fill("2031-12-10")
    expect(others.card("Oil the wheels").get_by_role("time")).to_have_attribute("datetime", "2031-12-10")
    dialog.get_by_label("Assigned to").select_option(label="Katherine Johnson")
    expect(others.card("Oil the wheels").get_by_title("Katherine Johnson")).to_be_visible()
    dialog.get_by_role("textbox", name="Title").fill("Oil all wheels")
    dialog.get_by_role("textbox", name="Title").press("Enter")
    expect(others.card("Oil all wheels")).to_be_visible()
    (task,) = (task for task in agree(ada, key, *pair)["tasks"] if task["title"] == "Oil all wheels")
    assert (task["due"], task["assignee"]["username"]) == ("2031-12-10", "katherine")
    assert [tag["name"] for tag in task["tags"]] == ["engine"]
    assert [comment["text"] for comment in task["comments"]] == ["Sperm oil is best."]

    page.get_by_role("dialog").get_by_role("button", name="Delete task").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(others.card("Oil all wheels")).to_have_count(0)
    expect(page.get_by_role("dialog").get_by_text("This task is gone")).to_be_visible()
    page.keyboard.press("Escape")
    assert "Oil all wheels" not in order(agree(ada, key, *pair))


def test_a_dialog_shows_what_others_write(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    reading, writing = pair
    for window in pair:
        window.card("Punch the cards").get_by_role("link").click()
    theirs = writing.page.get_by_role("dialog")
    theirs.get_by_label("New comment").fill("Two of them are bent.")
    theirs.get_by_role("button", name="Send").click()
    theirs.get_by_role("textbox", name="Notes").fill("Card 17 and card 23.")
    theirs.get_by_role("textbox", name="Notes").blur()
    dialog = reading.page.get_by_role("dialog")
    expect(dialog.get_by_text("Two of them are bent.")).to_be_visible()
    expect(dialog.get_by_role("textbox", name="Notes")).to_have_value("Card 17 and card 23.")
    agree(ada, project["id"], *pair)


def test_cards_are_dragged(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    hers, _ = pair
    drag(hers.page, hers.card("Read the result"), hers.card("Punch the cards"))
    expect(hers.column("To do").get_by_role("article").first).to_have_accessible_name("Read the result")
    assert order(agree(ada, project["id"], *pair)) == ["Read the result", "Punch the cards", "Turn the handle"]
    drag(hers.page, hers.card("Read the result"), hers.card("Punch the cards"), lower_half=True)
    expect(hers.column("To do").get_by_role("article").first).to_have_accessible_name("Punch the cards")
    assert order(agree(ada, project["id"], *pair)) == ["Punch the cards", "Read the result", "Turn the handle"]
    drag(hers.page, hers.card("Turn the handle"), hers.page.get_by_text("What gets ticked off lands here."))
    expect(hers.column("Done").get_by_role("article")).to_have_count(1)
    state = agree(ada, project["id"], *pair)
    assert [task["title"] for task in state["tasks"] if task["done"]] == ["Turn the handle"]


def test_cards_are_moved_by_keyboard(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    hers, _ = pair
    grip = hers.page.get_by_role("button", name="Move Read the result")
    cards = hers.column("To do").get_by_role("article")
    grip.focus()
    for place in (1, 0):
        hers.page.keyboard.press("ArrowUp")
        expect(cards.nth(place)).to_have_accessible_name("Read the result")
        expect(grip).to_be_focused()
    assert order(agree(ada, project["id"], *pair)) == ["Read the result", "Punch the cards", "Turn the handle"]
    hers.page.keyboard.press("ArrowRight")
    expect(hers.column("Done").get_by_role("article")).to_have_count(1)
    expect(grip).to_be_focused()
    state = agree(ada, project["id"], *pair)
    assert [task["title"] for task in state["tasks"] if task["done"]] == ["Read the result"]


def test_both_move_at_once(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    for window in pair:
        window.page.get_by_role("button", name="Move Read the result").focus()
    for window in (*pair, *pair):
        window.page.keyboard.press("ArrowUp")
    agree(ada, project["id"], *pair)


def test_a_change_in_the_admin(
    pair: tuple[Window, Window], open_window: OpenWindow, board: Board, front: str, ada: Person, project: Any
) -> None:
    window = open_window(None, f"/admin/projects/task/?project__id__exact={project['id']}", at=front)
    window.expect_errors(r"/favicon\.ico")  # the admin names none, and Chromium asks
    admin = window.page
    admin.get_by_label("Username").fill("admin")
    admin.get_by_label("Password").fill("demo")
    admin.get_by_role("button", name="Log in").click()
    admin.get_by_role("link", name="Turn the handle").click()
    admin.get_by_label("Title").fill("Turn it with care")
    admin.get_by_label("Done").check()
    admin.get_by_role("button", name="Save", exact=True).click()
    for each in pair:
        expect(each.column("Done").get_by_role("article", name="Turn it with care")).to_be_visible()
    agree(ada, project["id"], *pair)


def test_a_change_over_the_api(pair: tuple[Window, Window], ada: Person, project: Any) -> None:
    for number in range(20):
        key = project["tasks"][number % 3]["id"]
        ada.ask("PATCH", f"/api/tasks/{key}/", {"title": f"Number {number}", "position": (number * 7) % 20})
    ada.ask("PATCH", f"/api/projects/{project['id']}/", {"name": "Note H"})
    agree(ada, project["id"], *pair)

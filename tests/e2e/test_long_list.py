"""A project of 10,000 tasks: a change renders what it changes, and the page goes on answering meanwhile."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenWindow
from tests.e2e.serving import Board
from tests.e2e.windows import Window
from tests.example.conftest import Person
from tests.waiting import until

TASKS = 10_000
INSTANT = 0.1
"""Seconds of the page's thread that a change may take: what takes no longer is instantaneous to people. In CPU time, as
the browser measures it, so that a machine that is busy with other things doesn't fail the tests."""


@pytest.fixture(scope="module")
def stars(board: Board) -> int:
    """The key of the long project."""
    board.manage("seed", "--url", board.url, "--stars", str(TASKS))
    return next(
        int(project["id"])
        for project in board.person("ada").ask("GET", "/api/projects/")
        if project["name"] == "Star catalogue"
    )


@pytest.fixture
def task_ids(ada: Person, stars: int) -> list[int]:
    return [task["id"] for task in ada.ask("GET", f"/api/projects/{stars}/")["tasks"]]


@pytest.fixture
def window(open_window: OpenWindow, stars: int) -> Window:
    """The page of tests with 10,000 rows, each of which is there and reads its own task."""
    window = open_window("ada", f"/e2e/production/index.html?project={stars}")
    expect(window.page.locator("#rows > p")).to_have_count(TASKS)
    until(lambda: window.page.evaluate("JSON.stringify(rendered).includes('status')"))
    return window


def forget(page: Page) -> None:
    page.evaluate("for (const name of Object.keys(rendered)) delete rendered[name]")


def rendered(page: Page) -> dict[str, int]:
    counts: dict[str, int] = page.evaluate("rendered")
    return counts


def test_one_changed_row_renders_one_row(window: Window, ada: Person, task_ids: list[int]) -> None:
    page = window.page
    first = rendered(page)
    assert sum(name.startswith("row ") for name in first) == TASKS
    forget(page)
    for number, key in enumerate((task_ids[7], task_ids[5_000], task_ids[-1]), start=1):
        ada.ask("PATCH", f"/api/tasks/{key}/", {"title": f"A comet, after all ({number})"})
        expect(page.locator(f"#task-{key}")).to_have_text(f"A comet, after all ({number})")
        counts = rendered(page)
        # The status reads the whole snapshot; the list reads keys, which are the same.
        assert {name: count for name, count in counts.items() if name != "status"} == {f"row {key}": 1, "rows": 1}
        forget(page)


def test_what_a_row_does_not_show_renders_no_row(window: Window, ada: Person, stars: int) -> None:
    page = window.page
    forget(page)
    ada.ask("PATCH", f"/api/projects/{stars}/", {"name": "Star catalogue"})  # nothing has changed: no patch
    ada.ask("PATCH", f"/api/projects/{stars}/", {"description": "The brightest first."})
    until(lambda: rendered(page) == {"status": 1})
    ada.ask("PATCH", f"/api/projects/{stars}/", {"description": "One task per star."})
    until(lambda: rendered(page) == {"status": 2})


def test_a_row_that_goes_renders_no_other_row(window: Window, ada: Person, stars: int) -> None:
    page = window.page
    made = ada.ask("POST", "/api/tasks/", {"project": stars, "title": "Nova", "position": 1}, 201)
    expect(page.locator(f"#task-{made['id']}")).to_have_text("Nova")
    forget(page)
    ada.ask("DELETE", f"/api/tasks/{made['id']}/", status=204)
    expect(page.locator("#rows > p")).to_have_count(TASKS)
    assert [name for name in rendered(page) if name.startswith("row ")] == []


class Worked:
    """Seconds of CPU time that a page's thread has spent on its scripts, styles and layout since this was made."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._begin = self._now()

    def seconds(self) -> float:
        return self._now() - self._begin

    def _now(self) -> float:
        metrics = {each["name"]: each["value"] for each in self._session.send("Performance.getMetrics")["metrics"]}
        return float(sum(metrics[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")))


def test_patches_keep_the_page_answering(window: Window, ada: Person, task_ids: list[int]) -> None:
    changed = task_ids[::500]
    worked = Worked(window.page)
    for number, key in enumerate(changed):
        ada.ask("PATCH", f"/api/tasks/{key}/", {"title": f"Pulsar {number}"})
        expect(window.page.locator(f"#task-{key}")).to_have_text(f"Pulsar {number}")
    assert worked.seconds() / len(changed) < INSTANT


@pytest.fixture
def observed(open_window: OpenWindow, stars: int) -> Page:
    """The example's own page with the 10,000 tasks."""
    window = open_window("ada", f"/projects/{stars}/")
    window.says("Live")
    expect(window.column("To do").get_by_role("heading").first).to_contain_text("9,000")
    return window.page


def test_the_board_scrolls_and_takes_patches(observed: Page, ada: Person, task_ids: list[int]) -> None:
    page, rounds = observed, 10
    column = page.get_by_role("region", name="To do", exact=True)
    scroller = column.locator(".column-rows")
    assert 5 < column.get_by_role("article").count() < 60  # those in sight, and some beside them
    worked = Worked(page)
    for number in range(rounds):
        before = scroller.get_by_role("article").first.get_attribute("aria-label")
        scroller.evaluate("(element) => { element.scrollTop += 20_000 }")
        expect(scroller.get_by_role("article").first).not_to_have_attribute("aria-label", str(before))
        ada.ask("PATCH", f"/api/tasks/{task_ids[0]}/", {"title": f"Sirius {number}"})
    scroller.evaluate("(element) => { element.scrollTop = 0 }")
    expect(column.get_by_role("article", name=f"Sirius {rounds - 1}", exact=True)).to_be_visible()
    assert worked.seconds() / (2 * rounds) < INSTANT
    assert column.get_by_role("article").count() < 60


def test_a_card_in_sight_is_the_only_one_touched(observed: Page, ada: Person, task_ids: list[int]) -> None:
    """One patch changes the elements of one card, and those of no other."""
    page = observed
    page.evaluate(
        """() => {
          window.touched = new Set();
          new MutationObserver((changes) => {
            for (const { target } of changes) {
              const element = target instanceof Element ? target : target.parentElement;
              touched.add(element.closest("article")?.getAttribute("aria-label"));
            }
          }).observe(document.querySelector(".board"), {
            subtree: true, childList: true, characterData: true, attributes: true,
          });
        }"""
    )
    for title in ("Sirius B", "Canopus", "Rigil Kentaurus"):
        page.evaluate("touched.clear()")
        ada.ask("PATCH", f"/api/tasks/{task_ids[1]}/", {"title": title})
        expect(page.get_by_role("article", name=title, exact=True)).to_be_visible()
        # The list itself may take in another row, if the card has become lower.
        assert [card for card in page.evaluate("[...touched]") if card] == [title]

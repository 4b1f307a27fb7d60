"""What axe-core finds wrong with every page and dialog, in light and dark: nothing serious."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import building
from tests.e2e.conftest import OpenWindow
from tests.e2e.windows import UNREACHABLE, Window

SERIOUS = {"serious", "critical"}
SCHEMES = ["light", "dark"]
VIEWPORTS = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}

SETTLED = """() => Promise.allSettled(
  document.getAnimations()
    .filter((animation) => Number.isFinite(animation.effect.getComputedTiming().endTime))
    .map((animation) => animation.finished)
)"""
"""What is on its way in or out has half its colours; what never ends is not waited for."""

pytestmark = pytest.mark.parametrize("scheme", SCHEMES)


def violations(page: Page) -> list[str]:
    """The serious ones of the page as it is, each with where it is."""
    page.evaluate(SETTLED)
    page.evaluate(building.AXE.read_text(encoding="utf-8") + "; undefined")
    found: list[dict[str, Any]] = page.evaluate("axe.run(document).then(({ violations }) => violations)")
    return [
        f"{violation['id']}: {violation['help']}\n  " + "\n  ".join(node["html"] for node in violation["nodes"])
        for violation in found
        if violation["impact"] in SERIOUS
    ]


def test_axe_sees_what_is_wrong(open_window: OpenWindow, scheme: str) -> None:
    """The tests below would notice: here something is wrong."""
    page = open_window(None, color_scheme=scheme).page
    page.get_by_role("button", name="Log in").evaluate("(button) => { button.innerHTML = '' }")
    assert [violation.split(":")[0] for violation in violations(page)] == ["button-name"]


def test_log_in(open_window: OpenWindow, scheme: str) -> None:
    window = open_window(None, color_scheme=scheme)
    window.expect_errors(r"status of 400")
    assert violations(window.page) == []
    window.enter("ada", "babbage")
    expect(window.page.get_by_role("alert")).not_to_be_empty()
    assert violations(window.page) == []


@pytest.fixture
def apollo(open_window: OpenWindow, scheme: str, request: pytest.FixtureRequest) -> Window:
    viewport = VIEWPORTS[getattr(request, "param", "desk")]
    window = open_window("ada", "/projects/1/", color_scheme=scheme, viewport=viewport)
    window.says("Live")
    expect(window.card("Pack the flag")).to_be_visible()
    return window


@pytest.mark.parametrize("apollo", VIEWPORTS, indirect=True)
def test_board(apollo: Window, scheme: str) -> None:
    assert violations(apollo.page) == []


@pytest.mark.parametrize("apollo", VIEWPORTS, indirect=True)
def test_dialogs(apollo: Window, scheme: str) -> None:
    page = apollo.page
    apollo.card("Recover from alarm 1202").get_by_role("link").click()
    dialog = page.get_by_role("dialog", name="Recover from alarm 1202")
    expect(dialog.get_by_text("The numbers still agree with mine.")).to_be_visible()
    assert violations(page) == []
    dialog.get_by_role("button", name="Delete task").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Participants").click()
    expect(page.get_by_label("Invite", exact=True)).to_be_visible()
    assert violations(page) == []


def test_my_tasks(open_window: OpenWindow, scheme: str) -> None:
    window = open_window("ada", "/mine/", color_scheme=scheme)
    expect(window.page.get_by_role("list", name="My open tasks").get_by_role("article").first).to_be_visible()
    assert violations(window.page) == []


def test_when_the_connection_is_lost(apollo: Window, scheme: str) -> None:
    apollo.expect_errors(UNREACHABLE)
    apollo.context.set_offline(True)
    apollo.says("Reconnecting")
    assert violations(apollo.page) == []


def test_what_may_not_be_seen(open_window: OpenWindow, scheme: str) -> None:
    window = open_window("grace", "/projects/1/", color_scheme=scheme)
    window.expect_errors(r"status of 403")
    expect(window.page.get_by_role("heading", name="You take no part in this project")).to_be_visible()
    assert violations(window.page) == []


def test_everything_is_reached_by_keyboard(apollo: Window, scheme: str) -> None:
    """From the card's link to a changed task and back, without a mouse."""
    page = apollo.page
    link = apollo.card("Pack the flag").get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Pack the flag")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

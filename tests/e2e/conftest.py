"""The example in real Chromium: one browser and one server for the package, a context for each window."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e import building, serving
from tests.e2e.windows import Window
from tests.example.conftest import ROOT, Person
from tests.services import ON_CI, Missing, Server

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
MILLISECONDS = 20_000  # as long as tests.waiting waits
PICTURES = ROOT / ".cache" / "e2e" / "pictures"

PLAIN: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
"""What moves is drawn by the processor here, which two windows keep busy with it."""

ENTER = """
if (sessionStorage.getItem("e2e") === null) {  // once per window: who has been logged out stays so
  sessionStorage.setItem("e2e", "entered");
  localStorage.setItem("board.session", %s);
  sessionStorage.setItem("token", JSON.parse(%s).token);  // for the page of tests
  localStorage.setItem("board.hood", "true");  // the panel that shows the cursor
}
"""

FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this package last, in the order they have: while Playwright runs, its event loop runs in this thread."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)
    for item in items:
        if here in item.path.parents:
            item.add_marker("slow")  # a browser and two front ends to build come before the first one


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def do_without(reason: str) -> NoReturn:
    """A program that is not there: a skip on somebody's laptop, a failure on CI."""
    pytest.fail(reason) if ON_CI else pytest.skip(reason)


@pytest.fixture(scope="package")
def board() -> Iterator[serving.Board]:
    try:
        building.build()
    except building.Missing as missing:
        do_without(str(missing))
    with serving.board() as board:
        yield board


@pytest.fixture(scope="package")
def nginx(board: serving.Board) -> Iterator[Server]:
    try:
        with serving.nginx(board.server.port) as server:
            yield server
    except Missing as missing:
        do_without(str(missing))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(program).exists():
        do_without(f"{program} is not there: install Chromium, or name it in CHROMIUM")
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def front(request: pytest.FixtureRequest, board: serving.Board) -> str:
    """Where the browser finds the board: the server itself, or the proxy before it (see `through_both`)."""
    if getattr(request, "param", "uvicorn") == "uvicorn":
        return board.url
    return str(request.getfixturevalue("nginx").url)


through_both = pytest.mark.parametrize("front", ["uvicorn", "nginx"], indirect=True)
"""For tests in which it matters what is between browser and server."""


class OpenWindow(Protocol):
    def __call__(
        self, person: str | None, path: str = "/", *, at: str | None = None, clock: bool = False, **options: Any
    ) -> Window: ...


@pytest.fixture
def open_window(request: pytest.FixtureRequest, board: serving.Board, browser: Browser) -> Iterator[OpenWindow]:
    """Opens windows, of people who have logged in or (None) of a stranger. An error in a console fails the test."""
    windows: list[Window] = []

    def opened(
        person: str | None, path: str = "/", *, at: str | None = None, clock: bool = False, **options: Any
    ) -> Window:
        context = browser.new_context(**PLAIN | options)
        context.set_default_timeout(MILLISECONDS)
        if person is not None:
            session = {"token": board.token(person), "username": person}
            context.add_init_script(ENTER % ((json.dumps(json.dumps(session)),) * 2))
        if clock:
            context.clock.install()  # it goes on as clocks do, until it is set
        windows.append(Window(context.new_page(), at or board.url))
        return windows[-1].open(path)

    yield opened
    failed = request.node.stash.get(FAILED, False)
    for number, window in enumerate(windows):
        if failed:
            _show(window, f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')}-{number}")
        window.context.close()
    wrong = [line for window in windows for line in window.unexpected()]
    assert failed or not wrong, "\n".join(wrong)


def _show(window: Window, name: str) -> None:
    """Into pytest's report: where the window's picture is, and what its console said."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    print(f"-- {window.page.url}", *window.console, sep="\n")  # noqa: T201
    try:
        window.page.screenshot(path=PICTURES / f"{name}.png", timeout=5_000)
    except Exception as error:  # A picture is a help; what has failed is the test.
        print(f"no picture: {error}")  # noqa: T201
    else:
        print(f"picture: {PICTURES / name}.png")  # noqa: T201


@pytest.fixture
def ada(board: serving.Board) -> Person:
    return board.person("ada")


@pytest.fixture
def new_task(ada: Person, project: Any) -> Callable[..., Any]:
    """Makes a task of the test's project."""
    return lambda title, **fields: ada.ask(
        "POST", "/api/tasks/", {"project": project["id"], "title": title, **fields}, 201
    )


@pytest.fixture
def project(ada: Person) -> Any:
    """A fresh project of Ada's, of which Katherine is a member, with three tasks."""
    people = {person["username"]: person["id"] for person in ada.ask("GET", "/api/people/")}
    project = ada.ask("POST", "/api/projects/", {"name": "Note G"}, 201)
    ada.ask("POST", "/api/memberships/", {"project": project["id"], "user_id": people["katherine"]}, 201)
    for title in ("Punch the cards", "Turn the handle", "Read the result"):
        ada.ask("POST", "/api/tasks/", {"project": project["id"], "title": title}, 201)
    return ada.ask("GET", f"/api/projects/{project['id']}/")

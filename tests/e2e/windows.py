"""What a person sees: a browser window on the board, read as text, and what the serializer says it must show."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

from tests.example.conftest import Person
from tests.waiting import until

UNREACHABLE = r"net::ERR_(CONNECTION_\w+|INTERNET_DISCONNECTED|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|FAILED)"
"""What Chromium says in the console where there is no network, or nobody at its other end."""
REFUSED = r"the server responded with a status of 40[13]"

SHOWN = """() => {
  const text = (element) => element?.textContent.trim() ?? null;
  const card = (article) => ({
    title: text(article.querySelector(".card-title")),
    done: article.querySelector(".check").checked,
    tags: [...article.querySelectorAll(".tag")].map(text),
    due: article.querySelector("time")?.dateTime ?? null,
    comments: text([...article.querySelectorAll(".fact .sr-only")].at(-1)),
    assignee: article.querySelector(".card-facts .avatar")?.title ?? null,
  });
  const column = (name) => [...document.querySelectorAll(`section[aria-label="${name}"] li[data-index]`)]
    .sort((one, other) => one.dataset.index - other.dataset.index)
    .map((row) => card(row.querySelector(".card")));
  const name = document.querySelector(".page-header h1");
  return {
    name: name?.querySelector("textarea")?.value ?? text(name),
    counts: [...document.querySelectorAll(".column .count")].map(text),
    participants: text(document.querySelector(".faces > .sr-only")),
    todo: column("To do"),
    done: column("Done"),
    cursor: text(document.querySelector("[data-testid=cursor]")),
  };
}"""


def screen_of(state: Any, cursor: str) -> dict[str, Any]:
    """What `SHOWN` must find for this state of a project."""

    def card(task: Any) -> dict[str, Any]:
        comments = len(task["comments"])
        return {
            "title": task["title"],
            "done": task["done"],
            "tags": [tag["name"] for tag in task["tags"]],
            "due": task["due"],
            "comments": f"{comments} comment{'s' if comments > 1 else ''}" if comments else None,
            "assignee": task["assignee"]["name"] if task["assignee"] else None,
        }

    columns = {name: [card(task) for task in state["tasks"] if task["done"] is (name == "done")] for name in COLUMNS}
    return {
        "name": state["name"],
        "counts": [str(len(column)) for column in columns.values()],
        "participants": f"Participants: {len(state['participants'])}",
        **columns,
        "cursor": cursor,
    }


COLUMNS = ("todo", "done")


def serialized(person: Person, project: int) -> tuple[Any, str]:
    """The project's state as the channel's URL gives it in JSON, and its cursor."""
    response = person.client.get(f"/rx/projects/{project}/", headers={"Accept": "application/json"})
    assert response.status_code == 200, response.text
    return response.json(), response.headers["ETag"].strip('"')


@dataclass
class Window:
    """A window of a browser context of its own; what goes wrong in its console is remembered."""

    page: Page
    url: str
    console: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}\n{error.stack or ''}"))
        self.page.on("request", lambda request: self.requests.append(request))

    def _said(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def expect_errors(self, *patterns: str) -> None:
        """What may stand in the console, because the test brings it about."""
        self.expected += patterns

    def unexpected(self) -> list[str]:
        return [
            line
            for line in self.console
            if line.startswith(("error", "warning")) and not any(re.search(each, line) for each in self.expected)
        ]

    def open(self, path: str) -> Window:
        self.page.goto(self.url + path)
        return self

    def enter(self, name: str, password: str) -> None:
        """Log in through the page."""
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def says(self, status: str) -> None:
        """Wait until the badge in the corner says so."""
        expect(self.page.get_by_role("status", name="Connection", exact=True)).to_have_text(status)

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.page.evaluate(SHOWN)
        return shown

    def snapshot(self) -> dict[str, Any]:
        """What the channel of the page of tests shows."""
        snapshot: dict[str, Any] = json.loads(self.page.evaluate("shown()"))
        return snapshot

    def asked(self, method: str) -> list[Request]:
        """The requests to channels: GET opens a stream, POST gets a ticket."""
        return [request for request in self.requests if "/rx/" in request.url and request.method == method]

    def column(self, title: str) -> Any:
        return self.page.get_by_role("region", name=title, exact=True)

    def card(self, title: str) -> Any:
        return self.page.get_by_role("article", name=title, exact=True)


def agree(person: Person, project: int, *windows: Window) -> Any:
    """Wait until all ``windows`` show what the serializer says now, by the channel and the API; give that back."""
    wanted: list[Any] = []
    found: list[Any] = []

    def same() -> bool:
        state, cursor = serialized(person, project)
        wanted[:] = [state, *[screen_of(state, cursor)] * len(windows)]
        found[:] = [person.ask("GET", f"/api/projects/{project}/"), *(window.shown() for window in windows)]
        return found == wanted

    try:
        until(same)
    except AssertionError as late:
        for one, other in zip(found, wanted, strict=True):
            shown, right = (json.dumps(each, indent=1).splitlines() for each in (one, other))
            late.add_note("\n".join(unified_diff(shown, right, "shown", "serialized", lineterm="", n=2)))
        raise
    return found[0]

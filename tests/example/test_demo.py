"""The promise of the README's first command: `make demo`, then the printed curl lines."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.example.conftest import SECONDS, Demo, Person, Stream
from tests.services import ON_CI


@contextmanager
def watching(person: Person, path: str) -> Iterator[Stream]:
    """A person's open stream, with its first state read."""
    with person.client.stream("GET", path, headers={"Accept": "text/event-stream"}) as response:
        assert response.status_code == 200, response.read()
        stream = Stream(response.iter_lines())
        stream.read_until("snapshot")
        yield stream


def read_until(stream: Stream, holds: Callable[[Any], bool]) -> None:
    while not holds(stream.state):
        stream.read()


@contextmanager
def curl(line: str) -> Iterator[Iterator[str]]:
    """Run a command line as a person would paste it, and kill it if it hangs."""
    if shutil.which("curl") is None:
        reason = "curl is not installed"
        pytest.fail(reason) if ON_CI else pytest.skip(reason)
    with subprocess.Popen(
        shlex.split(line), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        too_late = threading.Timer(SECONDS, process.kill)
        too_late.start()
        try:
            yield iter(process.stdout.readline, "")
        finally:
            too_late.cancel()
            process.kill()


def test_the_printed_lines_work(demo: Demo, ada: Person) -> None:
    watch, change = (line.strip() for line in demo.printed.replace("\\\n", " ").splitlines() if "  curl " in line)
    state_url = f"/api/projects/{watch.rstrip('/').rsplit('/', 1)[1]}/"
    with curl(watch) as lines:
        stream = Stream(lines)
        stream.read_until("snapshot")
        assert stream.state == ada.ask("GET", state_url)
        with curl(change) as answer:
            comment = json.loads("".join(answer))
        stream.read_until("patch")
    assert comment["text"] == "Go for landing!"
    assert comment in [comment for task in stream.state["tasks"] for comment in task["comments"]]
    assert stream.state == ada.ask("GET", state_url)


def test_every_kind_of_change_arrives(ada: Person, people: dict[str, int], project: Any) -> None:
    url = f"/api/projects/{project['id']}/"
    tag = ada.ask("GET", "/api/tags/")[0]
    with watching(ada, f"/rx/projects/{project['id']}/") as stream:

        def arrives() -> None:
            expected = ada.ask("GET", url)
            read_until(stream, lambda state: state == expected)

        task = {"project": project["id"], "title": "Loom", "assignee_id": people["ada"], "tag_ids": [tag["id"]]}
        first = ada.ask("POST", "/api/tasks/", task, 201)
        arrives()
        ada.ask("POST", "/api/tasks/", task | {"title": "Cards", "position": 1}, 201)
        arrives()
        ada.ask("PATCH", f"/api/tasks/{first['id']}/", {"position": 2, "tag_ids": [], "assignee_id": None})
        arrives()
        ada.ask("POST", "/api/comments/", {"task": first["id"], "text": "Threaded."}, 201)
        arrives()
        ada.ask("PATCH", url, {"name": "Note H"})
        arrives()
        ada.ask("POST", "/api/memberships/", {"project": project["id"], "user_id": people["grace"]}, 201)
        arrives()
        ada.ask("DELETE", f"/api/tasks/{first['id']}/", status=204)
        arrives()
    assert stream.state["task_count"] == 1


def test_open_tasks_enter_and_leave(ada: Person, katherine: Person, people: dict[str, int], project: Any) -> None:
    task = {"project": project["id"], "title": "Only mine", "due": "2026-01-01"}
    with watching(ada, "/rx/open-tasks/") as mine, watching(katherine, "/rx/open-tasks/") as hers:
        made = ada.ask("POST", "/api/tasks/", task | {"assignee_id": people["ada"]}, 201)
        read_until(mine, lambda state: made in state)
        ada.ask("PATCH", f"/api/tasks/{made['id']}/", {"assignee_id": people["katherine"]})
        read_until(mine, lambda state: made["id"] not in [row["id"] for row in state])
        read_until(hers, lambda state: made["id"] in [row["id"] for row in state])
        ada.ask("PATCH", f"/api/tasks/{made['id']}/", {"done": True})
        read_until(hers, lambda state: made["id"] not in [row["id"] for row in state])


def test_the_same_url_gives_the_state_as_json(ada: Person, project: Any) -> None:
    url = f"/rx/projects/{project['id']}/"
    response = ada.client.get(url, headers={"Accept": "application/json"})
    assert response.json() == ada.ask("GET", f"/api/projects/{project['id']}/")
    again = ada.client.get(url, headers={"Accept": "application/json", "If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_a_returning_client_gets_what_it_missed(ada: Person, project: Any) -> None:
    url = f"/rx/projects/{project['id']}/"
    with watching(ada, url) as stream:
        left = stream.cursor
    ada.ask("PATCH", f"/api/projects/{project['id']}/", {"name": "While you were away"})
    with ada.client.stream("GET", url, headers={"Last-Event-ID": left}) as response:
        returned = Stream(response.iter_lines(), state=stream.state, cursor=left)
        assert returned.read() == "patch"
    assert returned.state == ada.ask("GET", f"/api/projects/{project['id']}/")


def test_who_may_not_read_gets_no_stream(stranger: Person, grace: Person, project: Any) -> None:
    url = f"/rx/projects/{project['id']}/"
    assert stranger.status("GET", url) == 401
    assert grace.status("GET", url) == 403
    assert stranger.status("GET", "/rx/open-tasks/") == 401


def test_a_project_that_is_not_there(ada: Person) -> None:
    assert ada.status("GET", "/rx/projects/999999/") == 403  # nobody learns which projects there are


def test_the_admin_and_its_style_sheets_are_served(demo: Demo) -> None:
    with httpx.Client(base_url=demo.url, trust_env=False, timeout=SECONDS) as browser:
        assert browser.get("/admin/", follow_redirects=True).status_code == 200
        assert browser.get("/static/admin/css/base.css").status_code == 200


def test_seeding_again_changes_nothing(demo: Demo, ada: Person) -> None:
    paths = ["people", "tags", "projects", "tasks", "comments", "memberships"]
    before = [ada.ask("GET", f"/api/{path}/") for path in paths]
    printed = demo.manage("seed", "--url", demo.url)
    assert [ada.ask("GET", f"/api/{path}/") for path in paths] == before
    assert printed.strip() in demo.printed


def test_the_models_and_migrations_agree(demo: Demo) -> None:
    demo.manage("makemigrations", "--check", "--dry-run")

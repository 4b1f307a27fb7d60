"""The example, really served: what `make demo` starts, and people who talk to it over HTTP only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import jsonpatch
import pytest

from tests.services import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = Path(sys.executable).parent.parent
NODE = shutil.which("npm") is not None
SECONDS = 30.0  # for what takes a fraction of one on an idle machine
BUILDING = 600.0  # for npm, which installs two packages' tools on a fresh machine


@dataclass
class Person:
    """Somebody with a token (or without one) at the REST API."""

    client: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        response = self.client.request(method, path, json=body)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    def status(self, method: str, path: str, body: Any = None) -> int:
        return self.client.request(method, path, json=body).status_code


@dataclass
class Stream:
    """An open stream, read by the rules of SSE and RFC 6902 and nothing else."""

    lines: Iterator[str]
    state: Any = None
    cursor: str = ""
    patches: list[Any] = field(default_factory=list)

    def read(self) -> str:
        """Take one event in; give back its name."""
        event, parts, cursor = "message", [], self.cursor
        for line in self.lines:
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                cursor = value
            elif name == "data":
                parts.append(value)
            elif not name and parts:
                break
            elif not name:
                event = "message"
        else:
            raise AssertionError("the stream has ended")
        self.cursor = cursor
        if event == "snapshot":
            self.state = json.loads("\n".join(parts))
        elif event == "patch":
            self.patches.append(json.loads("\n".join(parts)))
            self.state = jsonpatch.apply_patch(self.state, self.patches[-1])
        return event

    def read_until(self, wanted: str) -> None:
        while self.read() != wanted:
            pass


@dataclass
class Demo:
    """A running `make demo` and what it printed before it served."""

    url: str
    database: Path
    printed: str
    people: dict[str | None, Person] = field(default_factory=dict)

    def person(self, name: str | None) -> Person:
        """Somebody who has logged in with the seed's password; None is a stranger."""
        if name not in self.people:  # once each: the API lets nobody try passwords all day
            person = self.people[name] = Person(httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False))
            if name is not None:
                token = person.ask("POST", "/api/token/", {"username": name, "password": "demo"})["token"]
                person.client.headers["Authorization"] = f"Token {token}"
        return self.people[name]

    def manage(self, *arguments: str) -> str:
        """Run one of Django's commands on the demo's database, from another process."""
        command = [sys.executable, "manage.py", *arguments]
        environment = os.environ | {"BOARD_DATABASE": str(self.database)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        done = subprocess.run(command, cwd=ROOT / "example", env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    if NODE:
        subprocess.run(["make", "--silent", "example/frontend/dist/index.html"], cwd=ROOT, timeout=BUILDING, check=True)
    database = tmp_path_factory.mktemp("demo") / "board.sqlite3"
    port = free_port()
    # The packages are there, or this test would not run: leave the installing out (-o).
    command = ["make", "-o", f"{VENV}/.demo", "demo", f"VENV={VENV}", f"PORT={port}"]
    environment = os.environ | {"BOARD_DATABASE": str(database), "PYTHONUNBUFFERED": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    environment.pop("MAKEFLAGS", None)
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        served = Demo(f"http://127.0.0.1:{port}", database, _until_served(process))
        yield served
        for person in served.people.values():
            person.client.close()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(SECONDS)


def _until_served(process: subprocess.Popen[str]) -> str:
    """What the demo prints until it listens; afterwards its output is read on and forgotten."""
    assert process.stdout is not None
    too_late = threading.Timer(SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    too_late.start()
    printed = ""
    for line in process.stdout:
        printed += line
        if "Uvicorn running on" in line:
            break
    else:
        pytest.fail(f"make demo did not come up:\n{printed}")
    too_late.cancel()
    threading.Thread(target=_read_on, args=(process.stdout,), daemon=True).start()
    return printed


def _read_on(output: IO[str]) -> None:
    """Keep the pipe from filling up, until the other end closes it."""
    with output:
        for _ in output:
            pass


@pytest.fixture
def ada(demo: Demo) -> Person:
    """Owns Apollo, is a member of Compiler."""
    return demo.person("ada")


@pytest.fixture
def grace(demo: Demo) -> Person:
    """Owns Compiler, has no part in Apollo."""
    return demo.person("grace")


@pytest.fixture
def katherine(demo: Demo) -> Person:
    """Is a member of Apollo, a guest of Compiler."""
    return demo.person("katherine")


@pytest.fixture
def stranger(demo: Demo) -> Person:
    return demo.person(None)


@pytest.fixture
def people(ada: Person) -> dict[str, int]:
    """Everybody's key by name."""
    return {person["username"]: person["id"] for person in ada.ask("GET", "/api/people/")}


@pytest.fixture
def project(ada: Person, people: dict[str, int]) -> Any:
    """A fresh project of Ada's with Katherine as its guest, so that tests don't meet in the seed's."""
    project = ada.ask("POST", "/api/projects/", {"name": "Note G"}, 201)
    guest = {"project": project["id"], "user_id": people["katherine"], "role": "guest"}
    ada.ask("POST", "/api/memberships/", guest, 201)
    return ada.ask("GET", f"/api/projects/{project['id']}/")

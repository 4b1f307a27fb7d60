"""Runs the example in processes of their own: uvicorn, nginx in front of it, a cable that can go dead between two."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx

from tests.e2e import building
from tests.example.conftest import ROOT, SECONDS, Demo, Person
from tests.services import Missing, Server, free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""
"""Nothing about buffering, which is on by default: the header of the answer must be enough."""


class Board(Demo):
    """The example, seeded, served by a uvicorn that can be killed and started again."""

    def __init__(self, server: Server, database: Path, log: Path) -> None:
        super().__init__(f"http://127.0.0.1:{server.port}", database, printed="")
        self.server = server
        self._log = log

    def token(self, name: str) -> str:
        """As the seed has made it: the API lets nobody try passwords all day."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            query = "SELECT key FROM authtoken_token JOIN auth_user ON auth_user.id = user_id WHERE username = ?"
            (token,) = database.execute(query, [name]).fetchone()
            return str(token)

    def person(self, name: str | None) -> Person:
        if name is not None and name not in self.people:
            headers = {"Authorization": f"Token {self.token(name)}"}
            client = httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False, headers=headers)
            self.people[name] = Person(client)
        return super().person(name)

    def log(self) -> str:
        """What uvicorn has written so far, its access log included."""
        return self._log.read_text(errors="replace")

    def streams(self) -> dict[str, int]:
        """How many streams the server has open, by the key of the project that they show."""
        response = httpx.get(f"{self.url}/e2e/streams", trust_env=False)
        streams: dict[str, int] = response.raise_for_status().json()
        return streams


class _Uvicorn(Server):
    """Ready when the application answers: the port is bound some time before."""

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/favicon.ico", trust_env=False).status_code < 500
        except httpx.TransportError:
            return False


@contextmanager
def board() -> Iterator[Board]:
    """The example with a database of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rxsse-board-")))
        port, database = free_port(), folder / "board.sqlite3"
        settings = [f"BOARD_DATABASE={database}", f"RXSSE_E2E_PAGES={building.BUILT}", f"PYTHONPATH={ROOT}"]
        # Without the settings that these tests themselves run with.
        environment = ["env", "-u", "DJANGO_SETTINGS_MODULE", *settings, "PYTHONUNBUFFERED=1"]
        command = [sys.executable, "-m", "uvicorn", "tests.e2e.site:application", "--app-dir", str(ROOT / "example")]
        server = _Uvicorn([*environment, *command, "--host", "127.0.0.1", "--port", str(port)], port, folder)
        served = Board(server, database, folder / "log")
        served.manage("migrate", "--verbosity", "0")
        served.manage("seed", "--url", served.url)
        stack.callback(server.stop)
        server.start()
        yield served
        for person in served.people.values():
            person.client.close()


@contextmanager
def nginx(upstream: int) -> Iterator[Server]:
    """nginx in front of the server at port ``upstream``; raises `Missing`."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise Missing("no nginx: apt-get install nginx")
    with tempfile.TemporaryDirectory(prefix="rxsse-nginx-") as name:
        port, folder = free_port(), Path(name)
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
        server = Server([program, "-c", str(configuration), "-p", name, "-e", str(folder / "early")], port, folder)
        server.url = f"http://127.0.0.1:{port}"
        try:
            server.start()
            yield server
        finally:
            server.stop()


class _Wire:
    """One connection through a cable, and whether it still carries anything."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.ends = (near, far)
        self.dead = False
        self.streams = False
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while chunk := source.recv(65536):
                self.streams |= b"content-type: text/event-stream" in chunk.lower()
                if not self.dead:
                    target.sendall(chunk)
            if not self.dead:
                target.shutdown(socket.SHUT_WR)
        except OSError:  # the other end is gone, or the cable was taken away
            return

    def close(self) -> None:
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes whoever reads from it
            end.close()


class Cable:
    """Passes connections on to a port, until it is cut: then those that exist stay open and carry nothing any more.

    What a laptop finds when it wakes up, or a phone that has changed its network. New connections work.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._wires: list[_Wire] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, idle_ones_too: bool = False) -> None:
        """Silence the streams. Idle connections are closed, as browsers do with theirs when they hear of it."""
        for wire in self._wires:
            if wire.streams or idle_ones_too:
                wire.dead = True
            else:
                wire.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._wires:
            wire.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # it was closed
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # nobody is at the other end
                near.close()
            else:
                self._wires.append(_Wire(near, far))


@contextmanager
def cable(port: int) -> Iterator[Cable]:
    laid = Cable(port)
    try:
        yield laid
    finally:
        laid.close()

"""The processes of a benchmark: a database of its own, a server, a writer, and clients as bare as can be."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

START_SECONDS = 60.0


@contextmanager
def site(vendor: str, backends: str) -> Iterator[str]:
    """Set Django up on an empty database of ``vendor``; gives the token of its one user.

    ``backends``: "services" (Redis and MongoDB) or "embedded". Everything is in the environment, for other processes.
    """
    name = f"benchmark_{secrets.token_hex(4)}"
    with _database(vendor, name) as database:
        os.environ.update(
            BENCHMARK_VENDOR=vendor,
            BENCHMARK_DATABASE=database,
            BENCHMARK_BACKENDS=backends,
            BENCHMARK_PREFIX=name,
            DJANGO_SETTINGS_MODULE="benchmarks.board.settings",
        )
        import django

        django.setup()
        from django.contrib.auth.models import User
        from django.core.management import call_command
        from django.db import connections
        from rest_framework.authtoken.models import Token

        call_command("migrate", verbosity=0)  # first, because the board's tables refer to theirs
        call_command("migrate", run_syncdb=True, verbosity=0)
        try:
            yield Token.objects.create(user=User.objects.create(username="reader")).key
        finally:
            connections.close_all()


@contextmanager
def _database(vendor: str, name: str) -> Iterator[str]:
    if vendor == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield os.path.join(folder, f"{name}.sqlite3")
        return
    import psycopg

    with psycopg.connect("dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield name
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def populate(rows: int) -> list[int]:
    """A project with ``rows`` tasks; gives its key and theirs, in order."""
    from datetime import date, timedelta

    from django.contrib.auth.models import User

    from benchmarks.board.models import Project, Task

    people = list(User.objects.all()[:20])
    people += [User.objects.create(username=f"person-{secrets.token_hex(4)}") for _ in range(20 - len(people))]
    project = Project.objects.create(name=f"with {rows} tasks")
    tasks = Task.objects.bulk_create(
        Task(
            project=project,
            title=f"Task number {n}",
            position=n,
            due=date(2026, 1, 1) + timedelta(days=n % 365),
            assignee=people[n % 20],
        )
        for n in range(rows)
    )
    _analyze()
    return [project.pk, *(task.pk for task in tasks)]


def _analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


class Server:
    """uvicorn in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "uvicorn", "benchmarks.board.asgi:application", "--log-level", "warning"]
        command += ["--backlog", "4096", "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(command)

    def __enter__(self) -> Server:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/queries/")
                return self
            except (OSError, HTTPException):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start; its output is above") from None
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def get(self, path: str) -> Any:
        """What a JSON view answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


class Writer:
    """`benchmarks.board.writer`."""

    def __enter__(self) -> Writer:
        command = [sys.executable, "-m", "benchmarks.board.writer"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the writer did not start; its output is above")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def do(self, command: str) -> dict[str, float]:
        """Run one command; when it began and ended, in seconds of the machine's monotonic clock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        times: dict[str, float] = json.loads(self._process.stdout.readline())
        return times


class Client:
    """A connection that keeps what it receives and understands none of it."""

    def __init__(self, port: int, path: str, token: str, accept: str = "text/event-stream") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self.received = b""
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n"
            f"Accept: {accept}\r\nConnection: close\r\n\r\n".encode()
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def until(self, text: bytes) -> float:
        """Read until ``text`` has arrived, and forget everything before its end; when that was."""
        while True:
            place = self.received.find(text)
            if place >= 0:
                self.received = self.received[place + len(text) :]
                return time.monotonic()
            self._read(65_536)

    def until_event_ends(self, size: int) -> None:
        """Read at least ``size`` bytes, and on to the end of an event."""
        parts, length = [self.received], len(self.received)
        while length < size or not parts[-1].endswith(b"\n\n\r\n"):
            part = self._socket.recv(262_144)
            if not part:
                raise RuntimeError(f"the connection ended: {parts[0][:500]!r}")
            parts.append(part)
            length += len(part)
        self.received = b"".join(parts)

    def until_end(self) -> None:
        """Read until the server closes the connection."""
        parts = [self.received]
        while part := self._socket.recv(262_144):
            parts.append(part)
        self.received = b"".join(parts)

    def _read(self, size: int) -> None:
        part = self._socket.recv(size)
        if not part:
            raise RuntimeError(f"the connection ended: {self.received[:500]!r}")
        self.received += part

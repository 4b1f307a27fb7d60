"""Pushpin, servers behind it and an owner beside them, on the database of the test that starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any

from django.db import connection as database

from tests import services
from tests.services import Missing, Server, die_with_parent, free_port
from tests.waiting import until

SITE = "tests.guarding.site_settings"


class Process:
    """A process of the site that can be killed and started again."""

    def __init__(self, environment: dict[str, str], *command: str) -> None:
        self._environment = os.environ | environment
        self._command = [sys.executable, *command]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=partial(die_with_parent, signal.SIGKILL),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def wait_for_a_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended before it said anything; its errors are above"
        return line

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()

    def stop(self) -> int:
        """SIGTERM; the status with which it ends."""
        if self.runs:
            self._process.terminate()
        status = self._process.wait(20)
        self._close()
        return status


class Site:
    """What a test of held streams sees: the proxy's port, and everything behind it."""

    def __init__(self, pushpin: Server, settings: dict[str, Any], servers: list[Process], ports: list[int]) -> None:
        self.port = pushpin.port
        self.pushpin = pushpin
        self.settings = settings
        self.servers = servers
        self.ports = ports
        self.owner: Process | None = None
        self._stack = ExitStack()

    def start_owner(self) -> Process:
        owner = Process(environment_of(self.settings), "-m", "django", "rxsse_owner")
        self._stack.callback(owner.kill)
        assert "Publishing" in owner.wait_for_a_line()
        return owner

    def close(self) -> None:
        self._stack.close()


def environment_of(settings: dict[str, Any]) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": SITE,
        "RXSSE_TEST_SITE_DATABASE": str(database.settings_dict["NAME"]),
        "RXSSE_TEST_SITE_SETTINGS": json.dumps(settings),
    }


@contextmanager
def site(settings: dict[str, Any], *, servers: int = 1, wsgi: bool = False, owner: bool = True) -> Iterator[Site]:
    """Servers over ``settings`` behind a Pushpin, which tries them in order."""
    ports = [free_port() for _ in range(servers)]
    with ExitStack() as stack:
        try:
            pushpin, url = stack.enter_context(services.pushpin_server([f"* {targets(ports)}"]))
        except Missing:
            services.do_without("pushpin")
        settings = settings | {"GRIP_URL": url}
        processes = []
        for port in ports:
            uvicorn = ["-m", "uvicorn", "--factory", "rxsse.asgi:get_asgi_application", "--port", str(port)]
            command = ["-m", "tests.grip.wsgi", str(port)] if wsgi else [*uvicorn, "--log-level", "warning"]
            processes.append(Process(environment_of(settings), *command))
            stack.callback(processes[-1].kill)
        for process, port in zip(processes, ports, strict=True):
            until(lambda port=port, process=process: not process.runs or answers(port), "the server's start", 60)
            assert process.runs
        found = Site(pushpin, settings, processes, ports)
        stack.callback(found.close)
        if owner:
            found.owner = found.start_owner()
        yield found


def targets(ports: list[int]) -> str:
    return " ".join(f"127.0.0.1:{port}" for port in ports)


def answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/nothing/")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()


def fetch(port: int, url: str, headers: dict[str, str], method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """A whole answer, for what is not a stream."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, url, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()

"""Pushpins, servers behind them and an owner beside them; and a client that comes back. For a whole module of tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import redis
from django.db import connection as database

from rxsse.wire import RESERVED
from tests import services
from tests.conformance.client import Action, Client, Parser
from tests.services import Missing, die_with_parent, free_port
from tests.waiting import SECONDS, until

RELAY = """
import sys, threading
from tests.reliability.relay import Relay
print(Relay(int(sys.argv[1])).port, flush=True)
threading.Event().wait()
"""
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
    def runs(self) -> bool:
        return self._process.poll() is None

    def wait_for_a_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "it ended before it said anything; its errors are above"
        return line

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> int:
        """SIGTERM; the status with which it ends."""
        self._process.terminate()
        return self._end()

    def _end(self) -> int:
        assert self._process.stdout is not None
        status = self._process.wait(20)
        self._process.stdout.close()
        return status


class Site:
    """What a test of held streams sees: the proxies' ports, and everything behind them."""

    def __init__(self, settings: dict[str, Any], stack: ExitStack) -> None:
        """Two Pushpins, one before a uvicorn and one before a WSGI server; the first is published to by a relay."""
        self._stack = stack
        direct, by_wsgi = free_port(), free_port()
        try:
            self.pushpin, first = stack.enter_context(services.pushpin_server([f"* 127.0.0.1:{direct}"]))
            self.before_wsgi, second = stack.enter_context(services.pushpin_server([f"* 127.0.0.1:{by_wsgi}"]))
        except Missing:
            services.do_without("pushpin")
        control = str(urlsplit(first).port)
        self.settings = settings
        self.relay = self._start(stack, "-c", RELAY, control)
        first = first.replace(control, self.relay.wait_for_a_line().strip(), 1)
        self.settings = settings | {"GRIP_URL": f"{first} {second}"}
        self.direct = direct
        uvicorn = ["-m", "uvicorn", "--factory", "rxsse.asgi:get_asgi_application", "--port", str(direct)]
        self.server = self._start(stack, *uvicorn, "--log-level", "warning")
        self.wsgi = self._start(stack, "-m", "tests.grip.wsgi", str(by_wsgi))
        self.owner = self._start(stack, "-m", "django", "rxsse_owner")
        self.owner.wait_for_a_line()
        for process, port in ((self.server, direct), (self.wsgi, by_wsgi)):
            until(lambda process=process, port=port: not process.runs or answers(port), "a server's start", 60)
            assert process.runs

    def _start(self, stack: ExitStack, *command: str) -> Process:
        environment = {
            "DJANGO_SETTINGS_MODULE": SITE,
            "RXSSE_TEST_SITE_DATABASE": str(database.settings_dict["NAME"]),
            "RXSSE_TEST_SITE_SETTINGS": json.dumps(self.settings),
        }
        process = Process(environment, *command)
        stack.callback(process.kill)
        return process

    def another_owner(self) -> Process:
        owner = self._start(self._stack, "-m", "django", "rxsse_owner")
        owner.wait_for_a_line()
        return owner

    def entrance(self, kind: str) -> int:
        return (self.before_wsgi if kind == "wsgi" else self.pushpin).port

    def wait_until_published(self, topic_name: str) -> None:
        """Until the owner has said that it publishes the topic."""
        prefix = self.settings["PREFIX"]
        with redis.Redis.from_url(self.settings["REDIS_URL"], decode_responses=True) as client:

            def published() -> bool:
                owner = client.get(f"{prefix}:grip:owner")
                return bool(owner and client.sismember(f"{prefix}:grip:topics:{owner}", topic_name))

            until(published, f"{topic_name} is published")

    def wait_until_asked_again(self, topic_name: str) -> None:
        """Until the proxy has come back to the only stream of the topic."""
        held = f"{self.settings['PREFIX']}:grip:held"
        with redis.Redis.from_url(self.settings["REDIS_URL"], decode_responses=True) as client:

            def until_when() -> float:
                entries = [json.loads(text) for text in client.hvals(held) if json.loads(text)[1] == topic_name]
                return entries[0][5] if entries else 0.0

            until(until_when, "it is held")
            first = until_when()
            until(lambda: until_when() > first, "the proxy asks again")


@contextmanager
def sited(settings: dict[str, Any]) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(settings, stack)


def answers(port: int) -> bool:
    with suppress(OSError):
        return fetch(port, "/nothing/", {})[0] == 404
    return False


def fetch(port: int, url: str, headers: dict[str, str], method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    """A whole answer, of what is not a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, url, headers=headers)
        response = connection.getresponse()
        return response.status, {name.lower(): text for name, text in response.headers.items()}, response.read()
    finally:
        connection.close()


class Returning:
    """A client that reconnects from its own cursor, and notes every patch that is not the next one."""

    def __init__(self, port: int, url: str, headers: str) -> None:
        self.client = Client()
        self.complaints: list[str] = []
        self.connects = 0
        self.names: list[str] = []
        self.told: list[str] = []
        """What the application's events said."""
        self._port, self._url = port, url
        self._headers = dict(line.split(": ", 1) for line in headers.strip().split("\r\n"))
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None

    def __enter__(self) -> Returning:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def until(self, condition: Callable[[Any], object], what: str) -> None:
        """Read, and come back, until ``condition(state)`` holds."""
        deadline = time.monotonic() + 2 * SECONDS
        while self.client.state is None or not condition(self.client.state):
            assert time.monotonic() < deadline, f"not {what}: {self.client.state}, after {self.names[-9:]}"
            try:
                self._read()
            except (OSError, http.client.HTTPException):
                self._leave()
                time.sleep(0.1)
        assert not self.complaints, self.complaints

    def _read(self) -> None:
        if self._response is None:
            cursor = {} if self.client.cursor is None else {"Last-Event-ID": self.client.cursor}
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            self._connection.request("GET", self._url, headers=self._headers | cursor)
            response = self._connection.getresponse()
            if response.status != 200:
                raise OSError(response.status)
            self._response, self._parser = response, Parser()
            self.connects += 1
            self.client.connected()
        chunk = self._response.read1(65_536)
        if not chunk:
            self._leave()
        for event in self._parser.feed(chunk):
            action = self.client.receive(event)
            self.names.append(event.name)
            if event.name not in RESERVED:
                self.told.append(event.data)
            if event.name == "patch" and action is not Action.APPLY:
                self.complaints.append(f"{action.value} {event} at {self.client.cursor}")
            if action in (Action.RECONNECT, Action.STOP):
                self._leave()
                return

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._response is not None:
            self._response.close()
        self._connection = self._response = None

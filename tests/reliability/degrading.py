"""Asks servers how they are while something is broken, and reads their logs; knows not what was broken."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from tests.reliability.course import RelayedServer

PARTS = frozenset({"database", "feed", "cache", "broker"})
NAMED = {
    "database": r"OperationalError|database",
    "feed": "Redis|The feed",
    "broker": "Redis|fan-out",
    "cache": "MongoDB",
}
"""How the log names what fails, apart from what `rxsse.health` itself logs."""

PAUSE = 0.1
"""Seconds between two askings of a server."""

ANSWER_SECONDS = 10.0
"""Seconds that an answer may take: three parts that do not answer take BACKEND_TIMEOUT (2 s) each."""

WELL_SECONDS = 20.0
"""Seconds after the end of an outage in which all has to be called well."""


class Watch:
    """Asks every server for ``/health/`` all the time; a context manager, at whose end all has to be well again."""

    def __init__(self, servers: Iterable[RelayedServer], expected: frozenset[str], logged: frozenset[str]) -> None:
        """``expected`` parts are to be called unavailable, and those of ``logged`` in the log as well."""
        self.expected, self.logged = expected, logged
        self._servers = list(servers)
        self._said: dict[RelayedServer, set[str]] = {server: set() for server in self._servers}
        self._well: dict[RelayedServer, float] = {}
        self._from = {server: server.output.tell() for server in self._servers}
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(server,), daemon=True) for server in self._servers]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                mended = time.monotonic()
                until(
                    lambda: min(self._well.get(each, 0.0) for each in self._servers) > mended, self._tell, WELL_SECONDS
                )
        finally:
            self._ending.set()
            for thread in self._threads:
                thread.join(2 * ANSWER_SECONDS)

    def until_said(self, only: RelayedServer | None = None) -> None:
        """Return when every server (or this one) has called unavailable all that is expected, and a log names it."""
        concerned = [only] if only else self._servers
        until(lambda: all(self.expected <= self._said[each] for each in concerned), self._tell, WELL_SECONDS)
        # In one of them: a server whose last reader has left needs nothing, and says nothing.
        until(lambda: self.logged <= self._logged_by(concerned), lambda: self._tell_logged(concerned), WELL_SECONDS)

    def _tell(self) -> str:
        return f"{sorted(self.expected)} called unavailable, then nothing; said were {list(self._said.values())}"

    def _tell_logged(self, concerned: Iterable[RelayedServer]) -> str:
        return f"{sorted(self.logged)} in a log; there were {sorted(self._logged_by(concerned))}"

    def _logged_by(self, concerned: Iterable[RelayedServer]) -> set[str]:
        return set[str]().union(*map(self._logged, concerned))

    def _logged(self, server: RelayedServer) -> set[str]:
        with open(server.output.name, errors="replace") as log:
            log.seek(self._from[server])
            lines = [line for line in log if not line.startswith("health: ")]
        return {part for part, name in NAMED.items() if any(re.search(name, line) for line in lines)}

    def _ask_on(self, server: RelayedServer) -> None:
        while not self._ending.wait(PAUSE):
            began = time.monotonic()
            parts = ask(server.port)
            if parts is None:
                continue
            self._said[server] |= {part for part, state in parts.items() if state != "ok"}
            if set(parts.values()) == {"ok"}:
                self._well[server] = began


def ask(port: int) -> dict[str, str] | None:
    """What a server answers; None where it doesn't."""
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/")
        response = connection.getresponse()
        body = response.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    assert response.status in (200, 503), body
    found: dict[str, str] = json.loads(body)
    assert found.keys() == PARTS
    assert (response.status == 200) == (set(found.values()) == {"ok"})
    return found

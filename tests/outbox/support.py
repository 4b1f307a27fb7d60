"""A server without Redis or MongoDB, a client that notes when it hears, and writers that are processes of their own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from threading import Lock, Thread
from typing import Any

from tests import services
from tests.conformance.client import Client, Parser
from tests.convergence.fleet import free_port, own_postgresql, own_sqlite
from tests.waiting import until

START = """
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from tests.domain.models import Account, Ledger
ledger = Ledger.objects.create(name="one")
Account.objects.bulk_create([Account(ledger=ledger, amount=amount) for amount in (400, 300)])
Token.objects.create(user=User.objects.create_user("ada"), key="ada")
"""

SHELL = """
import sys, time, django
django.setup()
from tests.domain.models import Account, Ledger
for line in sys.stdin:
    exec(line)
    print(time.time(), flush=True)
"""


class Site:
    """A database of its own, and the environment in which every process meets it."""

    def __init__(self, vendor: str, address: str) -> None:
        self.vendor, self.address = vendor, address
        self.environment = os.environ | {
            "RXSSE_TEST_DATABASE": vendor,
            "RXSSE_CONVERGENCE_DATABASE": address,
            "RXSSE_CONVERGENCE_PREFIX": "unused",
            "RXSSE_CONVERGENCE_FLAVOUR": "outbox",
            "DJANGO_SETTINGS_MODULE": "tests.convergence.settings",
        }

    def run(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run ``code`` in a process that has set up Django, to its end."""
        return subprocess.run(
            [sys.executable, "-c", f"import django; django.setup()\n{code}"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def write(self, code: str) -> str:
        """Run ``code`` where it must not fail; what it printed."""
        done = self.run(f"from tests.domain.models import Account, Ledger\n{code}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def shell(self) -> Iterator[Callable[[str], float]]:
        """Gives a function that has another process execute a line; it returns when that was done, by `time.time`."""
        process = subprocess.Popen(
            [sys.executable, "-c", SHELL],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None

        def execute(line: str) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            return float(process.stdout.readline())

        try:
            yield execute
        finally:
            process.communicate(timeout=20)

    @contextmanager
    def sql(self) -> Iterator[Any]:
        """A function that executes a statement as another program would, which has never heard of Django."""
        if self.vendor == "postgresql":
            import psycopg

            with psycopg.connect(f"dbname={self.address}", autocommit=True) as connection:
                yield connection.execute
        else:
            import sqlite3

            with closing(sqlite3.connect(self.address, isolation_level=None, timeout=20)) as plain:
                yield plain.execute


@contextmanager
def site(vendor: str) -> Iterator[Site]:
    make = own_postgresql if vendor == "postgresql" else own_sqlite
    with make(f"rxsse_{os.getpid()}_{time.monotonic_ns()}") as address:
        made = Site(vendor, address)
        made.write(START)
        yield made


@contextmanager
def server(environment: Mapping[str, str]) -> Iterator[Server]:
    """A real uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.convergence.asgi:application", "--log-level", "warning"]
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], env=environment)

    def answers() -> bool:
        assert process.poll() is None
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                connection.request("GET", "/nothing/")
                connection.getresponse().read()
            return True
        except OSError:
            return False

    try:
        until(answers, seconds=services.START_SECONDS)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)


class Server:
    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self._process = port, process

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)


class Watcher:
    """Follows one URL as `curl -N` does, and notes when each event came."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {"Accept": "text/event-stream", "Authorization": "Token ada"}
        self._connection.request("GET", path, headers=headers)
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        self._lock = Lock()
        self._client = Client()
        self._client.connected()
        self.heard: list[tuple[float, str]] = []
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()
        until(lambda: self.state is not None)

    @property
    def state(self) -> Any:
        with self._lock:
            return self._client.state

    @property
    def patches(self) -> list[float]:
        """When each patch came, by `time.time`."""
        return [at for at, name in self.heard if name == "patch"]

    def _read(self) -> None:
        parser = Parser()
        try:
            while chunk := self._response.read1(65_536):
                for event in parser.feed(chunk):
                    with self._lock:
                        self._client.receive(event)
                        self.heard.append((time.time(), event.name))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            return  # closed

    def close(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(2)
        self._thread.join(10)
        self._connection.close()

"""Starts and stops the processes of a run: servers, writers, a database of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from random import Random
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO

from tests import services

START_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A uvicorn process that can be killed and started again on its port."""

    output: IO[bytes] | None = None
    """Where it says what is wrong; None: where this process does."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "tests.convergence.asgi:application", "--log-level", "warning"]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self.port)],
            stderr=self.output,
            preexec_fn=partial(services.die_with_parent, signal.SIGKILL),
        )

    def wait(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/nothing/")
                connection.getresponse().read()
                connection.close()
                return
            except (OSError, HTTPException):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("a server did not start; its output is above") from None
                time.sleep(0.05)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("a server did not end within ten seconds of SIGTERM") from None


class OwnerProcess:
    """Publishes what a proxy sends to clients; can be killed and started again."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "django", "rxsse_owner"],
            stdout=subprocess.PIPE,
            preexec_fn=partial(services.die_with_parent, signal.SIGKILL),
        )

    def wait(self) -> None:
        """Return when it publishes."""
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError("the owner did not start; its output is above")

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> None:
        self._process.terminate()
        self._end()

    def _end(self) -> None:
        assert self._process.stdout is not None
        self._process.wait(10)
        self._process.stdout.close()


class WriterProcess:
    """A process that writes when told to."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.convergence.writer"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=partial(services.die_with_parent, signal.SIGKILL),
        )
        self._expect("ready")

    def begin(self, count: int, seed: int, kind: str) -> None:
        """Start ``count`` transactions; returns at once."""
        self._pipe(self._process.stdin).write(f"{count} {seed} {kind}\n")
        self._pipe(self._process.stdin).flush()

    def finish(self) -> int:
        """Wait for them; how many were rolled back because of others."""
        return int(self._expect("done").split()[1])

    def stop(self) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(10)

    def _expect(self, word: str) -> str:
        line = self._pipe(self._process.stdout).readline()
        if not line.startswith(word):
            raise RuntimeError(f"a writer said {line!r} instead of {word!r}; its output is above")
        return line

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


class WriterThread:
    """Has a server write, in requests of its own, when told to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._thread: Thread | None = None
        self._lost = 0
        self._failure: Exception | None = None

    def begin(self, count: int, seed: int, kind: str) -> None:
        """Start ``count`` transactions; returns at once."""
        self._lost = 0
        self._thread = Thread(target=self._write, args=(count, Random(seed), kind), daemon=True)
        self._thread.start()

    def finish(self) -> int:
        """Wait for them; how many were rolled back because of others, or died with the server."""
        assert self._thread is not None
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._lost

    def stop(self) -> None:
        """Nothing is left to stop."""

    def _write(self, count: int, rng: Random, kind: str) -> None:
        try:
            while count > 0:
                in_request = rng.random() < 0.3
                size = 1 if in_request else min(count, rng.randint(1, 6))
                count -= size
                path = "write-in-request" if in_request else "write"
                self._lost += self._post(f"/{path}/?count={size}&seed={rng.getrandbits(32)}&kind={kind}", size)
        except Exception as error:
            self._failure = error

    def _post(self, url: str, size: int) -> int:
        request = HTTPConnection("127.0.0.1", self._port, timeout=START_SECONDS)
        try:
            request.request("POST", url)
            response = request.getresponse()
            answer = response.read(2000).decode()
        except (OSError, HTTPException):
            time.sleep(0.1)  # the server was killed
            return size
        finally:
            request.close()
        if response.status == 403:
            return size
        if response.status != 200:
            raise RuntimeError(f"{url}: {response.status} {answer}")
        return int(answer)


@contextmanager
def own_database(flavour: str, vendor: str) -> Iterator[None]:
    """A database of the run's own, in the environment for every process; deleted afterwards."""
    name = f"rxsse_{secrets.token_hex(4)}"
    make = own_postgresql if vendor == "postgresql" else own_sqlite
    with make(name) as address:
        os.environ.update(
            RXSSE_TEST_DATABASE=vendor,
            RXSSE_CONVERGENCE_DATABASE=address,
            RXSSE_CONVERGENCE_PREFIX=name,
            RXSSE_CONVERGENCE_FLAVOUR=flavour,
            DJANGO_SETTINGS_MODULE="tests.convergence.settings",
        )
        yield


@contextmanager
def own_sqlite(name: str) -> Iterator[str]:
    with TemporaryDirectory(prefix=name) as folder:
        yield os.path.join(folder, "db.sqlite3")


@contextmanager
def own_postgresql(name: str) -> Iterator[str]:
    import psycopg

    with psycopg.connect("dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield name
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class Fleet:
    """Several servers, and several writers: processes of their own, or threads of the only server."""

    def __init__(self, servers: int, writers: int, embedded: bool, proxied: bool = False) -> None:
        """``proxied``: clients come through a Pushpin, which holds their streams; an owner publishes to it."""
        self._stack = ExitStack()
        ports = [free_port() for _ in range(servers)]
        self.hosts: list[str] = []
        self.owners: list[OwnerProcess] = []
        if proxied:
            self.hosts = [f"s{number}.test" for number in range(servers)]
            # Each host is another server first, and any of the others when that is dead.
            turns = [ports[number:] + ports[:number] for number in range(servers)]
            routes = [
                f"{host} {' '.join(f'127.0.0.1:{port}' for port in turn)}"
                for host, turn in zip(self.hosts, turns, strict=True)
            ]
            pushpin, url = self._stack.enter_context(services.pushpin_server(routes))
            self._entrances = [pushpin.port]
            os.environ["RXSSE_CONVERGENCE_GRIP_URL"] = url
            self.owners.append(OwnerProcess())
        else:
            self._entrances = ports
        self.servers = [ServerProcess(port) for port in ports]
        for server in [*self.servers, *self.owners]:
            server.wait()
        port = self.servers[0].port
        self.writers = [WriterThread(port) if embedded else WriterProcess() for _ in range(writers)]

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    @property
    def entrances(self) -> list[int]:
        """Where clients connect."""
        return self._entrances

    def check_held(self) -> None:
        """Where there is a proxy, it is the one that holds the streams, and an owner publishes for them."""
        if self.hosts:
            import redis

            with redis.Redis.from_url(os.environ["RXSSE_TEST_REDIS_URL"]) as client:
                prefix = os.environ["RXSSE_CONVERGENCE_PREFIX"]
                assert client.hlen(f"{prefix}:grip:held") > 0, "no stream is held"
                assert list(client.scan_iter(f"{prefix}:grip:topics:*")), "no topic is published"

    def write(self, count: int, rng: Random, money: bool) -> None:
        for writer in self.writers:
            writer.begin(count, rng.randint(0, 2**32), "money" if money else "all")

    def wait(self) -> int:
        return sum(writer.finish() for writer in self.writers)

    def replace_a_server(self, rng: Random) -> None:
        """Kill one, as the kernel would, and start it again."""
        server = rng.choice([*self.servers, *self.owners])
        server.kill()
        server.start()
        server.wait()

    def stop(self) -> None:
        for writer in self.writers:
            writer.stop()
        for server in [*self.servers, *self.owners]:
            server.stop()
        self._stack.close()

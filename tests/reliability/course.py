"""One run: servers, writers, clients and a save() that is timed, through one fault after another."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.client import HTTPException
from random import Random
from tempfile import NamedTemporaryFile
from typing import IO, Any

from django.contrib.auth.models import User
from django.db import Error, InterfaceError, OperationalError, connection, connections

from tests.convergence.fleet import ServerProcess, WriterProcess
from tests.convergence.processes import Report, _Run
from tests.convergence.reader import Reader
from tests.convergence.subjects import any_subject
from tests.reliability.degrading import Watch
from tests.reliability.faults import DEGRADES, FAULTS, UNHEARD
from tests.reliability.relay import Relay
from tests.reliability.relay_setup import through

BATCH = 4


@dataclass(slots=True)
class Outcome:
    """What one fault did. Seconds; ``returns`` are connects of clients that were connected before."""

    fault: str
    clients: int
    returns: int
    refusals: int
    snapshots: int
    transactions: int
    exact_after: float
    slowest_save: float
    failed_saves: int
    refused_saves: Counter[str]
    rss: int
    kept_rss: int

    def __str__(self) -> str:
        refused = "".join(f"; {number} x {what}" for what, number in self.refused_saves.most_common())
        return (
            f"{self.fault}: {self.clients} clients exact {self.exact_after:.1f} s after the writers paused, "
            f"{self.returns} returns, {self.refusals} refusals, {self.snapshots} snapshots, "
            f"{self.transactions} transactions, slowest save {1000 * self.slowest_save:.0f} ms, "
            f"{self.failed_saves} saves failed, {self.refused_saves.total()} refused by the database{refused}, "
            f"servers' memory {self.rss // 1024} MB, {self.kept_rss // 1024} MB of it in servers that no fault ends"
        )


class RelayedServer(ServerProcess):
    """A server with relays of its own to Redis and MongoDB."""

    def __init__(self, relays: tuple[Relay, Relay], output: IO[bytes]) -> None:
        self.relays = relays
        self.output: IO[bytes] = output
        super().__init__()

    def start(self) -> None:
        through(self.relays)
        super().start()

    def wait(self) -> None:
        try:
            super().wait()
        except RuntimeError as error:
            with open(self.output.name, errors="replace") as log:
                raise RuntimeError(f"a server did not start:\n{log.read()[-3000:]}") from error

    @property
    def process(self) -> Any:
        return self._process


class PatientReader(Reader):
    """Counts being refused while something is broken, instead of complaining of it."""

    refusals = 0

    def run(self) -> None:
        while not self._stopping.is_set() and not self.gone:
            before = len(self.complaints)
            try:
                self._connect()
            except (OSError, HTTPException, Error):
                self.refusals += 1
            finally:
                connection.close()
            if self.complaints[before:] and self.complaints[-1].startswith(("500 ", "503 ")):
                self.complaints.pop()
                self.refusals += 1
            self._stopping.wait(0.1)


def _row() -> User:
    return User.objects.create(username=f"saved-{secrets.token_hex(8)}")


def refusal(error: Error) -> str:
    """SQLSTATE (``-----``: the connection was lost or none made) and the first line of what the database said."""
    state = getattr(error.__cause__, "sqlstate", None) or "-----"
    return f"{state} {next(iter(str(error).splitlines()), '')}"


CONFLICTS = ("40P01", "40001")
"""What a database answers to transactions that were in each other's way: deadlock and serialization failure."""


AWAY = ("-----", "57P", "08")
"""And where it was shut down, or the connection with it was lost."""


def explained(said: str, fault: str) -> bool:
    """Whether a refusal is what the writers' own conflicts, or a database that was away, lead to."""
    return said.startswith(CONFLICTS) or (fault.startswith("database_") and said.startswith(AWAY))


class Saving(threading.Thread):
    """Saves a watched row again and again, and times it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.slowest = 0.0
        self.failed = 0
        """How often something else than the database made a save fail."""
        self.refused: Counter[str] = Counter()
        """SQLSTATE and first line of what the database refused, and how often."""
        self._row = _row()
        self._ending = threading.Event()

    def run(self) -> None:
        count = 0
        while not self._ending.wait(0.02):
            count += 1
            self._row.first_name = str(count)
            began = time.monotonic()
            try:
                self._row.save(update_fields=["first_name"])
            except (OperationalError, InterfaceError) as error:  # restarted, or its own answer to conflicts of writers
                self.refused[refusal(error)] += 1
                connection.close()
            except Error:  # a writer has deleted the row
                with suppress(OperationalError, InterfaceError):
                    self._row = _row()
            except Exception:
                self.failed += 1
            else:
                self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()

    def end(self) -> None:
        self._ending.set()
        self.join(30)


def _output() -> IO[bytes]:
    return NamedTemporaryFile(prefix="rxsse-server-", suffix=".log")


class Course(_Run):
    """Everything that runs; a context manager. The database is there, and Django set up with the first relays."""

    lease_seconds = 2.0

    def __init__(
        self,
        stack: ExitStack,
        own: tuple[Any, Any, Any],
        relays: list[Any],
        seed: int,
        readers: int,
        writers: int,
        *,
        kept: int = 0,
        pace: float = 0.0,
    ) -> None:
        """``kept``: so many servers are never ended by a fault. ``pace``: seconds between two batches of a writer."""
        from rest_framework.authtoken.models import Token

        from tests.convergence.writes import readers as users

        self.redis, self.mongo, self.postgresql = own
        self.relays = relays
        self.report = Report()
        self._rng = Random(seed)
        self._tokens = {user.pk: Token.objects.create(user=user).key for user in users()}
        self._count = readers
        self._kept = kept
        self._pace = pace
        self._readers: list[Any] = []
        self._fleet: Any = self
        self.servers: list[RelayedServer] = []
        for pair in relays[2:]:
            self.servers.append(RelayedServer(pair, stack.enter_context(_output())))
            stack.callback(self.servers[-1].kill)
        for server in self.servers:
            server.wait()
        self.of_one_writer = relays[1]
        self._writers = []
        for number in range(writers):
            through(relays[0] if number else relays[1])
            self._writers.append(WriterProcess())
        through(relays[0])
        for writer in self._writers:
            stack.callback(writer._process.kill)
        stack.callback(self.close)

    @property
    def ports(self) -> list[int]:
        return [server.port for server in self.servers]

    @property
    def mortal(self) -> list[RelayedServer]:
        """The servers that faults may end."""
        return self.servers[self._kept :]

    def any_server(self) -> RelayedServer:
        """One that somebody reads at: another one has nothing to lose, and nothing to say of what it can't reach."""
        read = {reader.port for reader in self._readers}
        return self._rng.choice([server for server in self.mortal if server.port in read] or self.mortal)

    def _inviting(self) -> list[int]:
        """The half of the servers with the fewest streams, one of which a balancer would choose."""
        streams = Counter(reader.port for reader in self._readers)
        return sorted(self.ports, key=lambda port: streams[port])[: max(2, len(self.ports) // 2)]

    def outage(self, seconds: float, only: RelayedServer | None = None) -> None:
        """Let ``seconds`` pass, and more until the servers (or this one) have said what is wrong."""
        time.sleep(seconds)
        self._watch.until_said(only)

    def close(self) -> None:
        for reader in self._readers:
            reader.stop()
        for reader in self._readers:
            reader.join(20)
        connections.close_all()

    def endure(self, name: str, seconds: float, writing_for: float = 0.0) -> Outcome:
        """Break something while everybody writes; returns when every client shows what the serializer returns.

        Writers pause when it is mended, or ``writing_for`` seconds after it has begun.
        """
        began = time.monotonic()
        self._recruit()
        self._connected()
        clients = list(self._readers)
        before = [(reader.connects, reader.snapshots, reader.refusals) for reader in clients]
        transactions = self.report.transactions
        saving, quiet = Saving(), threading.Event()
        saving.start()
        writing = [threading.Thread(target=self._write, args=(writer, quiet), daemon=True) for writer in self._writers]
        for thread in writing:
            thread.start()
        try:
            self._break(name, seconds)
            time.sleep(max(0.0, began + writing_for - time.monotonic()))
        finally:
            quiet.set()
            for thread in writing:
                thread.join(60)
            saving.end()
            connections.close_all()  # the database may be another one by now
        paused = time.monotonic()
        for reader in clients:
            self._settle(reader)
        exact_after = time.monotonic() - paused
        memory = list(map(self._memory, self.servers))
        after = [(reader.connects, reader.snapshots, reader.refusals) for reader in clients]
        returns, snapshots, refusals = (
            sum(new[index] - old[index] for old, new in zip(before, after, strict=True)) for index in range(3)
        )
        unexplained = [said for said in saving.refused if not explained(said, name)]
        assert not unexplained, f"{name}: saves were refused with {unexplained}"
        User.objects.filter(pk=saving._row.pk).delete()
        return Outcome(
            name, len(clients), returns, refusals, snapshots, self.report.transactions - transactions, exact_after,
            saving.slowest, saving.failed, saving.refused, sum(memory), sum(memory[: self._kept]),
        )  # fmt: skip

    def _break(self, name: str, seconds: float) -> None:
        """Returns when it is mended, and every server says so."""
        expected = DEGRADES.get(name, frozenset())
        logged = frozenset() if name in UNHEARD else expected
        with Watch(self.servers, expected, logged) as self._watch:
            FAULTS[name](self, seconds)

    def _recruit(self) -> None:
        while len(self._readers) < self._count:
            subject = any_subject(self._rng)
            if subject is not None:
                seed = self._rng.randint(0, 2**32)
                reader = PatientReader(subject, self._tokens[subject.user_id], self._inviting, seed)
                reader.start()
                self._readers.append(reader)

    def _connected(self) -> None:
        """Wait for everybody's first snapshot, so that the fault meets open streams."""
        deadline = time.monotonic() + 20
        while not all(reader.gone or reader.snapshots for reader in self._readers):
            assert time.monotonic() < deadline, "some clients got no snapshot"
            time.sleep(0.02)

    def _write(self, writer: WriterProcess, quiet: threading.Event) -> None:
        while not quiet.is_set():
            with self._lock:
                seed = self._rng.randint(0, 2**32)
                self.report.transactions += BATCH
            writer.begin(BATCH, seed, "all")
            writer.finish()
            quiet.wait(self._pace)

    _lock = threading.Lock()

    @staticmethod
    def _memory(server: RelayedServer) -> int:
        """Resident kilobytes."""
        with open(f"/proc/{server.process.pid}/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

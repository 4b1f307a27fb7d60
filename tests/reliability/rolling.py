"""``python -m tests.reliability.rolling --clients 10000``: four servers are restarted one after the other, under load.

Beside servers (``python -m tests.services …``). Every client has to be told ``bye``, to come back within the time that
it was told, and to be given the patches that it missed; at the end it has to show what the serializer returns. The
limit of open files has to be above half of the clients.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any

from tests import services

SERVERS, CROWDS, TOPICS = 4, 2, 20
WRITES_PER_SECOND = 4.0
BACK_SECONDS = 600.0
"""Seconds until everybody has to be back, beyond what a client was told to wait: letting 10,000 in takes its time."""

STEADY_SECONDS = 10.0
"""Seconds in which the reads of the database are counted while nobody comes or goes."""

TABLES = ("domain_task", "domain_comment", "domain_watch", "authtoken_token")
"""Whose reads are counted: of the anchor, of two that its state takes rows from, and of what lets a client in."""


class CrowdProcess:
    """Clients in a process of their own."""

    def __init__(self, **wanted: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.crowd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=partial(services.die_with_parent, signal.SIGKILL),
        )
        self._tell(wanted)

    def ask(self, asked: object) -> dict[str, Any]:
        self._tell(asked)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "a crowd has ended; its output is above"
        found: dict[str, Any] = json.loads(line)
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _tell(self, said: object) -> None:
        assert self._process.stdin is not None
        print(json.dumps(said), file=self._process.stdin, flush=True)


class Writing(threading.Thread):
    """Changes one watched row after the other, at a steady pace."""

    def __init__(self, keys: list[Any]) -> None:
        super().__init__(daemon=True)
        self.count = 0
        self._keys = keys
        self._ending = threading.Event()

    def run(self) -> None:
        from django.db import connection

        from tests.domain.models import Task

        for number in count():
            if self._ending.wait(1 / WRITES_PER_SECOND):
                break
            Task.objects.filter(pk=self._keys[number % len(self._keys)]).update(title=f"Title {number}")
            self.count += 1
        connection.close()

    def end(self) -> None:
        self._ending.set()
        self.join(30)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.rolling", description=__doc__)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument(
        "--retry", type=int, default=10_000, help="RETRY_MILLISECONDS: back after one to three times that"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ.update(
        RXSSE_TEST_DATABASE="postgresql",
        RXSSE_ROLLING_RETRY=str(options.retry),
        DJANGO_SETTINGS_MODULE="tests.reliability.rolling_settings",
    )
    with ExitStack() as stack:
        _run(stack, options.clients, options.retry / 1000)
    return 0


def _run(stack: ExitStack, clients: int, retry: float) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.convergence.fleet import ServerProcess

    call_command("migrate", run_syncdb=True, verbosity=0)
    keys, token = _populate()
    servers = []
    for _ in range(SERVERS):
        servers.append(ServerProcess())
        stack.callback(servers[-1].kill)
    for server in servers:
        server.wait()
    writing = Writing(keys)
    writing.start()
    stack.callback(writing.end)
    began = time.monotonic()
    crowds = []
    for number in range(CROWDS):
        share = clients // CROWDS + (number < clients % CROWDS)
        wanted = {"ports": [server.port for server in servers], "paths": [f"/rx/tasks/{key}/" for key in keys]}
        crowds.append(CrowdProcess(**wanted, token=token, clients=share, seed=number, retry=retry))
        stack.callback(crowds[-1].kill)
    told = [crowd.answer() for crowd in crowds]
    assert sum(each["open"] for each in told) == clients
    print(f"{clients} clients open after {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
    steady = Reads(writing)
    time.sleep(STEADY_SECONDS)
    print(f"while nothing happens: {steady}", flush=True)
    during, restarted = Reads(writing), time.monotonic()
    for server in servers:
        _restart(server)
    _wait_for_all(crowds, clients, restarted + BACK_SECONDS + 3 * retry)
    print(f"while servers restarted, until all were back: {during}", flush=True)
    writing.end()
    expected = {f"/rx/tasks/{key}/": _state(key) for key in keys}
    _report([crowd.ask({"expected": expected}) for crowd in crowds], clients, retry)


def _populate() -> tuple[list[Any], str]:
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from tests.domain.models import Board, Task, Team

    reader = User.objects.create(username="reader")
    board = Board.objects.create(slug="rolling", code="R", title="Rolling", team=Team.objects.create(name="red"))
    tasks = [Task.objects.create(board=board, title="Title", position=number) for number in range(TOPICS)]
    for task in tasks:
        task.comments.create(author=reader, text="seen")
    return [task.pk for task in tasks], Token.objects.create(user=reader).key


def _state(key: Any) -> Any:
    from rest_framework.renderers import JSONRenderer

    from tests.domain.models import Task
    from tests.domain.serializers import TaskSerializer

    return json.loads(JSONRenderer().render(TaskSerializer(Task.objects.get(pk=key)).data))


class Reads:
    """How often PostgreSQL has looked into tables since this was made, and how many writes there were."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._from = writing.count, _scans()

    def __str__(self) -> str:
        writes, scans = self._from
        now = _scans()
        per_table = ", ".join(f"{now[name] - scans[name]} of {name}" for name in TABLES)
        return f"{self._writing.count - writes} writes; reads: {per_table}"


def _scans() -> dict[str, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables")
        return dict(cursor.fetchall())


def _restart(server: Any) -> None:
    began = time.monotonic()
    server.stop()
    stopped = time.monotonic()
    server.start()
    server.wait()
    print(f"a server stopped in {stopped - began:.1f} s, was back after {time.monotonic() - began:.1f} s", flush=True)


def _wait_for_all(crowds: list[CrowdProcess], clients: int, deadline: float) -> None:
    while True:
        told = [crowd.ask("report") for crowd in crowds]
        byes = sum(len(each["byes"]) for each in told)
        if byes >= clients and sum(each["open"] for each in told) == clients:
            return
        assert time.monotonic() < deadline, f"not all are back: {[(each['open'], each['complaints']) for each in told]}"
        time.sleep(1)


def _report(told: list[dict[str, Any]], clients: int, retry: float) -> None:
    """Say what the clients have met; raises `AssertionError` where a promise was broken."""
    byes = [bye / 1000 for each in told for bye in each["byes"]]
    returns = [moment for each in told for moment in each["returns"]]
    sums = {name: sum(each[name] for each in told) for name in ("patches", "first", "again", "refused", "exact")}
    complaints = sum((Counter(each["complaints"]) for each in told), Counter[str]())
    per_second = Counter(int(moment - min(returns)) for moment in returns)
    spread = max(returns) - min(returns)
    pace, busiest = len(returns) / spread, max(per_second.values())
    print(
        f"{len(byes)} byes, told to wait {min(byes):.1f} to {max(byes):.1f} s; "
        f"{len(returns)} returns in {spread:.0f} s: "
        f"{pace:.0f} a second, {busiest} in the busiest; {sums['refused']} tried another server; "
        f"{sums['patches']} patches, {sums['again']} snapshots to clients that had one, "
        f"{sums['exact']} of {clients} exact; complaints: {dict(complaints)}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    assert not complaints
    assert sums["exact"] == clients
    assert min(byes) >= retry
    assert max(byes) <= 3 * retry


if __name__ == "__main__":
    sys.exit(main())

"""From a change to its client: `python -m benchmarks.latency [--rounds 200]`, beside real servers.

One client, a list of 100 rows, one change at a time. Measured from the call of `save()` (so the
commit is part of it) to the client having received the patch: with the writer in a process of its
own, through PostgreSQL, Redis and MongoDB; with everything in one process, on the embedded
default; and, beside the former in the same server, django-eventstream's `send_event` through
Redis, which neither writes nor reads a database.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks.board.processes import Client, Server, Writer, populate, site
from benchmarks.side_by_side import machine, quantile

ROWS = 100
PAUSE = 0.01
"""Seconds between two changes: each is alone, and derived alone."""

Times = list[tuple[float, float]]
"""Seconds from the beginning and from the end of `save()` to the arrival."""


class Path:
    """One way from a change to a client."""

    def __init__(self, client: Client, write: Callable[[str], dict[str, float]]) -> None:
        self._client = client
        self._write = write
        self._count = 0
        self.times: Times = []

    def measure(self) -> None:
        self._count += 1
        title = f"change-{self._count}-"
        written = self._write(title)
        arrived = self._client.until(title.encode())
        self.times.append((arrived - written["begin"], arrived - written["end"]))

    def report(self, name: str) -> None:
        whole = [begin for begin, _ in self.times]
        after = [end for _, end in self.times]
        print(
            f"{name:34} {statistics.median(whole) * 1e3:7.2f} {quantile(whole, 0.9) * 1e3:7.2f} "
            f"{quantile(whole, 0.99) * 1e3:7.2f} {statistics.median(after) * 1e3:13.2f}"
        )


def through_services(rounds: int) -> None:
    with site("postgresql", "services") as token:
        project, task, *_ = populate(ROWS)
        with Server() as server, Writer() as writer:
            with (
                Client(server.port, f"/rx/projects/{project}/tasks/", token) as client,
                Client(server.port, "/events/", token) as peer,
            ):
                client.until(b"event: snapshot")
                peer.until(b"stream-open")
                ours = Path(client, lambda title: writer.do(f"save {task} {title}"))
                theirs = Path(peer, lambda title: writer.do(f"send {title}"))
                _run([ours, theirs], rounds)
                ours.report("PostgreSQL, Redis, MongoDB")
                theirs.report("django-eventstream, Redis")


def in_one_process(rounds: int, vendor: str) -> None:
    with site(vendor, "embedded") as token:
        project, task, *_ = populate(ROWS)
        with Server() as server, Client(server.port, f"/rx/projects/{project}/tasks/", token) as client:
            client.until(b"event: snapshot")
            path = Path(client, lambda title: server.get(f"/write/{task}/{title}/"))
            _run([path], rounds)
            path.report(f"embedded, {vendor}")


def _run(paths: list[Path], rounds: int) -> None:
    for count in (20, rounds):
        for path in paths:
            path.times.clear()
        for number in range(count):
            for path in paths if number % 2 else reversed(paths):
                path.measure()
                time.sleep(PAUSE)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--only", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.only == "services":
        through_services(given.rounds)
    elif given.only:
        in_one_process(given.rounds, given.only)
    else:
        print(machine())
        print(f"{'milliseconds':34} {'p50':>7} {'p90':>7} {'p99':>7} {'p50 of commit':>13}", flush=True)
        for part in ("services", "postgresql", "sqlite"):  # Django takes its settings once: a process for each
            command = [sys.executable, "-m", "benchmarks.latency", "--rounds", str(given.rounds), "--only", part]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

"""From a change to its client: `python -m benchmarks.latency [--rounds 200]`, beside real servers.

One client, a list of 100 rows, one change at a time. Measured from the call of `save()` (so the
commit is part of it) to the client having received the patch: with the writer in a process of its
own, through PostgreSQL, Redis and MongoDB; with everything in one process, on the embedded
default; and, beside the former in the same server, django-eventstream's `send_event` through
Redis, which neither writes nor reads a database; and the floor: the same statements, one after
the other in one process, with no Django, no rxsse and no client.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.board.processes import Client, Server, Writer, populate, site
from benchmarks.side_by_side import machine, quantile, ratio

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


class Floor:
    """What the servers alone take: write and announce, read the row in a transaction, append (an update), publish."""

    def __init__(self, task: int) -> None:
        import psycopg
        import pymongo
        import redis

        self._task = task
        self._postgresql = psycopg.connect(dbname=os.environ["BENCHMARK_DATABASE"], autocommit=True)
        self._redis = redis.Redis.from_url(os.environ["RXSSE_TEST_REDIS_URL"])
        mongo: pymongo.MongoClient[Any] = pymongo.MongoClient(os.environ["RXSSE_TEST_MONGO_URL"])
        database = mongo.get_default_database()
        name = f"floor.{os.getpid()}.topics"
        self._topics = database.get_collection(name, write_concern=pymongo.WriteConcern("majority"))
        self._topics.insert_one({"_id": "topic", "head": 0})
        self._count = 0
        self.times: Times = []

    def measure(self) -> None:
        self._count += 1
        begin = time.monotonic()
        self._redis.xadd("floor", {"prepared": b"." * 200}, maxlen=1000)
        self._postgresql.execute("UPDATE board_task SET title = %s WHERE id = %s", [f"f-{self._count}", self._task])
        self._redis.xadd("floor", {"committed": b"." * 200}, maxlen=1000)
        end = time.monotonic()
        for statement in (
            "BEGIN ISOLATION LEVEL REPEATABLE READ",
            "SELECT 1",
            f"SELECT * FROM board_task WHERE id = {self._task}",
            "SELECT * FROM auth_user WHERE id = 1",
            "COMMIT",
        ):
            self._postgresql.execute(statement)
        change = {"$set": {"head": self._count}, "$push": {"tail": {"$each": [{"patch": b"." * 80}], "$slice": -16}}}
        self._topics.update_one({"_id": "topic", "head": self._count - 1}, change)
        self._redis.publish("floor", b"." * 200)
        arrived = time.monotonic()
        self.times.append((arrived - begin, arrived - end))


def report(name: str, times: Times) -> None:
    whole = [begin for begin, _ in times]
    after = [end for _, end in times]
    print(
        f"{name:34} {statistics.median(whole) * 1e3:7.2f} {quantile(whole, 0.9) * 1e3:7.2f} "
        f"{quantile(whole, 0.99) * 1e3:7.2f} {statistics.median(after) * 1e3:14.2f}",
        flush=True,
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
                floor = Floor(task)
                _run([ours, floor, theirs], rounds)
                report("PostgreSQL, Redis, MongoDB", ours.times)
                report("the same statements alone", floor.times)
                report("django-eventstream, Redis", theirs.times)
                print(f"{ratio([t for t, _ in ours.times], [t for t, _ in floor.times]):.1f} x the statements alone")


def in_one_process(rounds: int, vendor: str) -> None:
    with site(vendor, "embedded") as token:
        project, task, *_ = populate(ROWS)
        with Server() as server, Client(server.port, f"/rx/projects/{project}/tasks/", token) as client:
            client.until(b"event: snapshot")
            path = Path(client, lambda title: server.get(f"/write/{task}/{title}/"))
            _run([path], rounds)
            report(f"embedded, {vendor}", path.times)


def _run(paths: Sequence[Path | Floor], rounds: int) -> None:
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
        print(f"{'milliseconds':34} {'p50':>7} {'p90':>7} {'p99':>7} {'p50 committed':>14}", flush=True)
        for part in ("services", "postgresql", "sqlite"):  # Django takes its settings once: a process for each
            command = [sys.executable, "-m", "benchmarks.latency", "--rounds", str(given.rounds), "--only", part]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

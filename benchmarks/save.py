"""What a write costs its writer: `python -m benchmarks.save [--rounds 300] [--pause 2] [--write KIND ...]
[DATABASE ...]`.

The same writes bare (capture not installed), unwatched (installed, nobody watches the model), and
watched, in one process and interleaved, on each database; watched through the feed of one process,
through the outbox and through Redis, where RXSSE_TEST_REDIS_URL names one. Times are per write: the median, and
"quiet" the 10 % quantile, which other work on the machine disturbs least.

``postgresql`` is a server of the benchmark's own that waits for the disk at every commit, as in
production: the bar holds there. ``careless`` is the tests' server, which never does (`fsync=off`):
it shows what rxsse adds where the write itself costs hardly anything.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.board.processes import populate, site
from benchmarks.side_by_side import interleave, machine, quantile, ratio
from tests.services import postgresql_server

DATABASES = ("sqlite", "postgresql", "careless")
BATCH = 5  # writes per sample: enough to outweigh the clock, too few to be interrupted by other processes
PAUSE = 2.0  # milliseconds before each, as between requests: what readers do with the last one is not the writer's cost
QUIET = 0.1  # the quantile of the samples that hardly anything else on the machine has disturbed

Switch = Callable[[], None]


@contextmanager
def switches() -> Iterator[dict[str, Switch]]:
    """How to get from any case to each. Who watches listens in this process, or with Redis in another one."""
    from benchmarks.board.models import Task
    from rxsse import capture, feeds
    from rxsse.conf import Settings
    from rxsse.deriving.inbox import Inbox
    from rxsse.rows import label_of

    label = label_of(Task)
    memory = Settings()
    opened = {"unwatched": feeds.create(memory), "watched": feeds.create(memory)}
    opened["unwatched, outbox"] = feeds.create(Settings(OUTBOX=True))
    opened["watched, outbox"] = feeds.create(Settings(OUTBOX=True))
    watching = feeds.create(Settings(OUTBOX=True))
    others = [_listening("", label)]
    if url := os.environ.get("RXSSE_TEST_REDIS_URL"):
        for name in ("unwatched, Redis", "watched, Redis"):
            prefix = f"save-{secrets.token_hex(4)}"
            opened[name] = feeds.create(Settings(REDIS_URL=url, PREFIX=prefix))
            if name.startswith("watched"):
                others.append(_listening(prefix, label))
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline(), "the process that watches has failed"
    inbox = Inbox()
    mailboxes = {"watched": inbox.mailbox(frozenset({label}), lambda: None)}
    opened["watched"].listen(inbox)
    opened["watched"].watch([label])

    def installed(name: str) -> Switch:
        def switch() -> None:
            capture.install()
            capture.connect(lambda: opened[name])
            if "outbox" in name:  # both in one database, where somebody watches or nobody does
                watching.watch([label] if name.startswith("watched") else [])
                opened[name].watch([])  # asks again
            if name in mailboxes:
                mailboxes[name].open()  # forgets what the last sample wrote

        return switch

    try:
        yield {"bare": capture.uninstall} | {name: installed(name) for name in opened}
    finally:
        capture.disconnect()
        for other in others:
            other.communicate()  # the end of its input is its end
        for feed in (*opened.values(), watching):
            feed.close()


def _listening(prefix: str, label: str) -> subprocess.Popen[bytes]:
    """Another process that watches, through Redis where there is a ``prefix``."""
    command = [sys.executable, "-m", "benchmarks.save", "--listen", prefix, label]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def listen(prefix: str, label: str) -> None:
    """Be the process that watches, until the standard input ends."""
    import django

    django.setup()
    from rxsse import feeds
    from rxsse.conf import Settings
    from rxsse.deriving.inbox import Inbox

    redis = Settings(REDIS_URL=os.environ["RXSSE_TEST_REDIS_URL"], PREFIX=prefix) if prefix else None
    feed = feeds.create(redis or Settings(OUTBOX=True))
    inbox = Inbox()
    feed.listen(inbox)
    time.sleep(feed.watch([label] if prefix else []))
    print("watching", flush=True)
    sys.stdin.read()
    feed.close()


def writes() -> dict[str, Callable[[], object]]:
    """One of each kind."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from benchmarks.board.models import Task

    project, *keys = populate(200)
    task = Task.objects.get(pk=keys[0])
    user = User.objects.first()
    tasks = list(Task.objects.filter(pk__in=keys[:10]))

    def create_and_delete() -> None:
        Task.objects.create(project_id=project, title="new", position=0, due=task.due, assignee=user).delete()

    def ten() -> None:
        with transaction.atomic():
            for other in tasks:
                other.save()

    def alone() -> None:
        with transaction.atomic():
            task.save()

    return {
        "save": task.save,
        "save in atomic": alone,
        "10 saves in atomic": ten,
        "create, delete": create_and_delete,
        "update() by key": lambda: Task.objects.filter(pk=keys[5]).update(title="x"),
        "update() of 200": lambda: Task.objects.filter(project_id=project).update(title="x"),
    }


def queries(write: Callable[[], object]) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as context:
        write()
    return len(context)


def sample(switch: Switch, write: Callable[[], object], pause: float) -> Callable[[], float]:
    def run() -> float:
        switch()
        write()  # finds the caches of what was replaced empty, and what the case before left to be done under way
        seconds = 0.0
        for _ in range(BATCH):
            time.sleep(pause)
            begin = time.perf_counter()
            write()
            seconds += time.perf_counter() - begin
        return seconds / BATCH

    return run


@contextmanager
def server(database: str) -> Iterator[str]:
    """Start what ``database`` needs beyond the servers there are; its vendor."""
    if database != "postgresql":
        yield "postgresql" if database == "careless" else database
        return
    with postgresql_server(durable=True) as durable:
        os.environ.update(durable.environment)
        yield database


def measure(database: str, rounds: int, pause: float, kinds: list[str]) -> None:
    """Measure ``kinds`` of writes (none: all) on one database, in this process."""
    with server(database) as vendor, site(vendor, "embedded"), switches() as cases:
        print(f"{database}, {pause:g} ms between writes: {machine()}")
        heads = [f"{head:>9}" for head in ("median µs", "x of bare", "quiet µs", "x of bare", "queries")]
        print(f"{'write':20} {'case':18}", *heads)
        for kind, write in writes().items():
            if kinds and kind not in kinds:
                continue
            samples = {name: sample(switch, write, pause / 1_000) for name, switch in cases.items()}
            interleave(samples, 3)  # what is loaded and cached once
            results = interleave(samples, rounds)
            for name, switch in cases.items():
                switch()
                columns = [statistics.median(results[name]) * 1e6, ratio(results[name], results["bare"])]
                quiet, bare = quantile(results[name], QUIET), quantile(results["bare"], QUIET)
                columns += [quiet * 1e6, quiet / bare]
                numbers = " ".join(
                    f"{number:9.{digits}f}" for number, digits in zip(columns, (0, 2, 0, 2), strict=True)
                )
                print(f"{kind:20} {name:18} {numbers} {queries(write):9}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("databases", nargs="*", metavar="DATABASE", help=", ".join(DATABASES))
    options.add_argument("--rounds", type=int, default=300)
    options.add_argument("--pause", type=float, default=PAUSE, help="milliseconds before each write; 0: back to back")
    options.add_argument("--write", action="append", default=[], metavar="KIND", help="only these, as in the table")
    options.add_argument("--listen", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.listen:
        listen(*given.listen)
        return
    if len(given.databases) == 1:
        measure(given.databases[0], given.rounds, given.pause, given.write)
        return
    more = [f"--rounds={given.rounds}", f"--pause={given.pause}", *(f"--write={kind}" for kind in given.write)]
    for database in given.databases or DATABASES:  # Django takes its settings once: a process for each
        subprocess.run([sys.executable, "-m", "benchmarks.save", database, *more], check=True)


if __name__ == "__main__":
    main()

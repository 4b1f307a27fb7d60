"""One changed row in a long list: `python -m benchmarks.derive [--rows 10000] [--rounds 100] [VENDOR ...]`.

Derives the same change in a list of 100 rows and in a long one, both where the list is nested in
its parent and where it is the anchor; beside it, what comparing whole states costs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.board.processes import populate, site
from benchmarks.side_by_side import interleave, machine, milliseconds, ratio

SHORT = 100
VENDORS = ("sqlite", "postgresql")


class Case:
    """One topic, one of whose rows changes at each call."""

    def __init__(self, channel: Any, rows: list[int]) -> None:
        from django.contrib.auth.models import User

        from rxsse.deriving.derivation import Derivation, Dirt
        from rxsse.runtime import Tap

        project, *self._tasks = rows
        self._random = Random(7)
        self._derivation = Derivation(channel.topic(User.objects.get(username="reader"), {"project_id": project}))
        self._derivation.refresh(lambda: Dirt(whole=True))
        self._derivation.take()
        self._derivation.encode()
        self._tap = Tap(self._derivation.labels, self._derivation.alias)
        self._tap.take()
        self.sizes: list[int] = []

    def __call__(self) -> float:
        from benchmarks.board.models import Task
        from rxsse import patches
        from rxsse.deriving.derivation import Dirt

        task = Task.objects.get(pk=self._random.choice(self._tasks))
        task.title = f"Title {self._random.random()}"
        self._tap.take()  # what the other cases wrote
        task.save()
        changes, whole = self._tap.take()
        begin = time.perf_counter()
        self._derivation.refresh(lambda: Dirt(changes, whole))
        patch = patches.encode(self._derivation.take())
        taken = time.perf_counter() - begin
        operations = json.loads(patch)
        assert [operation["value"] for operation in operations] == [task.title], operations
        self.sizes.append(len(patch))
        return taken


class Whole:
    """The peer: serialize everything, have `jsonpatch` compare it with what was there."""

    def __init__(self, project: int) -> None:
        self._project = project
        self._state = self._serialize()

    def _serialize(self) -> Any:
        from rest_framework.renderers import JSONRenderer

        from benchmarks.board.channels import TaskSerializer
        from benchmarks.board.models import Task

        tasks = Task.objects.filter(project_id=self._project).select_related("assignee")
        return json.loads(JSONRenderer().render(TaskSerializer(tasks, many=True).data))

    def __call__(self) -> float:
        import jsonpatch

        from benchmarks.board.models import Task

        task = Task.objects.filter(project_id=self._project)[7]
        task.title = f"Title {time.monotonic()}"
        task.save()
        begin = time.perf_counter()
        state = self._serialize()
        patch = jsonpatch.make_patch(self._state, state)
        taken = time.perf_counter() - begin
        assert len(patch.patch) == 1
        self._state = state
        return taken


def measure(vendor: str, long: int, rounds: int) -> None:
    """Measure on one database, in this process."""
    with site(vendor, "embedded"):
        from benchmarks.board.channels import ProjectChannel, TasksChannel

        cases: dict[str, Callable[[], float]] = {}
        for shape, channel in (("nested", ProjectChannel), ("anchor", TasksChannel)):
            for rows in (SHORT, long):
                cases[f"{shape} {rows}"] = Case(channel, populate(rows))
        interleave(cases, 10)  # what is loaded and cached once
        results = interleave(cases, rounds)
        peers: dict[str, Callable[[], float]] = {f"whole {rows}": Whole(populate(rows)[0]) for rows in (SHORT, long)}
        results |= interleave(peers, 3)
        print(f"{vendor}: {machine()}")
        print(f"{'list':14} {'median ms':>9} {'p90 ms':>9} {f'x of {SHORT}':>9} {'patch bytes':>12}")
        for name, times in results.items():
            base = results[f"{name.split()[0]} {SHORT}"]
            case = cases.get(name)
            size = str(max(case.sizes)) if isinstance(case, Case) else ""
            print(f"{name:14} {milliseconds(times)} {ratio(times, base):9.2f} {size:>12}")
        for shape in ("nested", "anchor"):
            whole = statistics.median(results[f"whole {long}"]) / statistics.median(results[f"{shape} {long}"])
            print(f"{shape} {long}: {whole:.0f} times faster than comparing whole states")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("vendors", nargs="*", metavar="VENDOR", help=", ".join(VENDORS))
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=100)
    given = options.parse_args()
    if len(given.vendors) == 1:
        measure(given.vendors[0], given.rows, given.rounds)
        return
    for vendor in given.vendors or VENDORS:  # Django takes its settings once: a process for each
        command = [sys.executable, "-m", "benchmarks.derive", vendor]
        command += ["--rows", str(given.rows), "--rounds", str(given.rounds)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

"""Fan-out to many clients on one topic: `python -m benchmarks.fanout [--clients 1000] [--rounds 3] [PATH ...]`.

Server on one core, load client (C, compiled at the start) on another. Every round measures
every path once, so that a busy machine is unfair to all alike; printed are medians, and ratios
to the raw ASGI application of the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fanout_server import PATHS

HERE = Path(__file__).parent
WARM = 50
"""Clients of an earlier load: what is loaded and grown once is not a connection's memory."""


def compile_load(folder: str) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("the load client is written in C: install gcc")
    program = os.path.join(folder, "fanout_load")
    subprocess.run([compiler, "-O2", "-o", program, str(HERE / "fanout_load.c")], check=True)
    return program


class Process:
    """A child on one core that answers lines with lines."""

    def __init__(self, core: int, *command: str) -> None:
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE.parent,
        )

    def read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return line.strip()

    def ask(self, command: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return json.loads(self.read())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def measure(path: str, load: str, clients: int, events: int, rate: float) -> dict[str, float]:
    cores = sorted(os.sched_getaffinity(0))
    server = Process(cores[0], sys.executable, "-m", "benchmarks.fanout_server", path)
    port = server.read()
    warm = Process(cores[-1], load, port, "/s/", str(WARM))
    warm.read()
    server.ask("run 5 10")
    warm.stop()
    server.ask("run 5 10")
    before = server.ask("measure")
    crowd = Process(cores[-1], load, port, "/s/", str(clients))
    crowd.read()
    idle = server.ask("run 1 1")  # waits a moment, so that finished requests are cleared away
    server.ask("run 10 10")
    crowd.ask("report")
    start = server.ask("measure")
    end = server.ask(f"run {events} {rate}")
    seen = crowd.ask("report")
    crowd.stop()
    server.stop()
    return {
        "p50": seen["p50"],
        "p99": seen["p99"],
        "cpu": (end["cpu"] - start["cpu"]) * 1e6 / (events * clients),
        "kb": (idle["kb"] - before["kb"]) / clients,
        "threads": idle["threads"],
        "delivered": 100 * seen["events"] / (events * clients),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("paths", nargs="*", metavar="PATH", help=", ".join(PATHS))
    options.add_argument("--clients", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--events", type=int, default=100)
    options.add_argument("--rate", type=float, default=20.0)
    given = options.parse_args()
    paths = given.paths or list(PATHS)
    rounds: dict[str, list[dict[str, float]]] = {path: [] for path in paths}
    with tempfile.TemporaryDirectory() as folder:
        load = compile_load(folder)
        for _ in range(given.rounds):
            for path in paths:
                rounds[path].append(measure(path, load, given.clients, given.events, given.rate))
    print(f"{given.clients} clients, {given.events} events at {given.rate:g}/s, medians of {given.rounds} rounds")
    print(f"{'path':12} {'p50 ms':>8} {'p99 ms':>8} {'us CPU/delivery':>16} ", end="")
    print(f"{'x raw':>6} {'KB/idle':>8} {'threads':>8} {'arrived %':>10}")
    for path in paths:
        middle = {key: statistics.median(each[key] for each in rounds[path]) for key in rounds[path][0]}
        ratio = ""
        if "raw" in rounds:
            # Of the same round: the machine's mood cancels out.
            each = [mine["cpu"] / raw["cpu"] for mine, raw in zip(rounds[path], rounds["raw"], strict=True)]
            ratio = f"{statistics.median(each):.2f}"
        print(
            f"{path:12} {middle['p50']:8.1f} {middle['p99']:8.1f} {middle['cpu']:16.2f} {ratio:>6} "
            f"{middle['kb']:8.1f} {middle['threads']:8.0f} {middle['delivered']:10.1f}"
        )


if __name__ == "__main__":
    main()

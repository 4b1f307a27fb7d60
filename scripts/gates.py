"""Runs every gate and every test one after the other, then sums up; knows the tools, not the code.

Exits nonzero where any of them failed. ``--lint`` leaves the tests out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

LINT = {
    "style (ruff)": ["ruff", "check", "."],
    "types (mypy --strict)": ["mypy"],
    "floors (import-linter)": ["lint-imports", "--no-logo"],
}

# Everything runs on SQLite, and everything but these again on PostgreSQL. They meet no database of the tests' own;
# tests/thirdparty starts a run of its own inside, which would drop the database of the one around it.
WITHOUT_DATABASE = [
    "tests/brokers",
    "tests/caches",
    "tests/conformance",
    "tests/example",
    "tests/feeds",
    "tests/test_conf.py",
    "tests/test_cursors.py",
    "tests/test_messages.py",
    "tests/test_patches.py",
    "tests/test_project.py",
    "tests/test_protocol.py",
    "tests/test_subscription.py",
    "tests/test_wire.py",
    "tests/thirdparty",
]


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    passed: bool
    seconds: float
    closing: str
    """The last line that the tool printed: a test runner's own count."""


def whole_floors() -> list[str]:
    """The modules of floors 0 to 2, as drawn in pyproject.toml, as file patterns: every branch of them is tested."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    return [f"rxsse/{name.strip(' ()')}.py" for layer in layers[-3:] for name in layer.split(":")]


def run(name: str, command: Sequence[str], **environment: str) -> Result:
    """Run one tool with its output going through."""
    print(f"\n== {name}", flush=True)
    begin = time.monotonic()
    closing = ""
    with subprocess.Popen(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            closing = line.strip() or closing
    return Result(name, process.returncode == 0, time.monotonic() - begin, closing)


def pytest(name: str, options: Iterable[str], **environment: str) -> Result:
    return run(name, ["coverage", "run", "-m", "pytest", "--color=no", *options], **environment)


def tests() -> list[Result]:
    run("coverage: forget the last run", ["coverage", "erase"])
    results = [pytest("tests on SQLite", [])]
    if "PGHOST" in os.environ:
        others = [f"--ignore={path}" for path in WITHOUT_DATABASE]
        results.append(pytest("tests on PostgreSQL", others, RXSSE_TEST_DATABASE="postgresql"))
    run("coverage", ["coverage", "combine", "--quiet"])
    run("coverage, all floors", ["coverage", "report"])
    floors = ",".join(whole_floors())
    whole = ["coverage", "report", f"--include={floors}", "--fail-under=100"]
    return [*results, run("coverage, every branch of floors 0 to 2", whole)]


def sum_up(results: Sequence[Result]) -> int:
    print("\n== summary")
    for result in results:
        print(f"{'ok    ' if result.passed else 'FAILED'} {result.seconds:6.1f} s  {result.name}")
    counts = [result.closing for result in results if result.name.startswith("tests on")]
    if counts and "PGHOST" not in os.environ:
        print("left out      tests on PostgreSQL: no server (`python -m tests.services` starts one)")
    print(*counts, sep="\n")
    return 0 if all(result.passed for result in results) else 1


def main(arguments: Sequence[str]) -> int:
    results = [run(name, command) for name, command in LINT.items()]
    if "--lint" not in arguments:
        results += tests()
    return sum_up(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

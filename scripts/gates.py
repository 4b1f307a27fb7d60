"""Runs every gate and every test, four at once, then sums up; knows the tools, not the code.

Most tests wait for servers most of the time, so four at once keep two cores busy.
What a gate prints is shown when it is done. Exits nonzero where any of them failed. ``--lint`` leaves
the tests out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

LOGS = ROOT / ".cache" / "gates"
SHOWING = threading.Lock()

EXAMPLE = ROOT / "example"
FRONT_ENDS = {"the runtime": ROOT / "frontend_runtime", "the example's page": EXAMPLE / "frontend"}

LINT = {
    "style (ruff)": ["ruff", "check", "."],
    "types (mypy --strict)": ["mypy"],
    "floors (import-linter)": ["lint-imports", "--no-logo"],
}

# The page in a browser, against servers that bring their own database.
IN_CHROMIUM = "tests/e2e"
CONVERGENCE = "tests/convergence"
FAULTS = "tests/reliability"
# What tries servers from outside, whatever their database: apart, in two parts of about one length.
PROXIED = ["tests/grip", "tests/hostile"]
OUTSIDE = [
    *PROXIED,
    "tests/eventstream/test_processes.py",
    "tests/outbox/test_processes.py",
    "tests/proxies",
    "tests/tickets/test_processes.py",
]

# What meets every branch of floors 0 to 2. Counting branches doubles what a test costs, so it is done for these only.
RULES = [
    "tests/conformance",
    "tests/deriving/test_fields_by_reader.py",
    "tests/grip/test_checks.py",
    "tests/test_audience.py",
    "tests/test_channels.py",
    "tests/test_checks.py",
    "tests/test_conf.py",
    "tests/test_cursors.py",
    "tests/test_limits.py",
    "tests/test_messages.py",
    "tests/test_patches.py",
    "tests/test_probes.py",
    "tests/test_redis_clients.py",
    "tests/test_relations.py",
    "tests/test_rows.py",
    "tests/test_sequences.py",
    "tests/test_subscription.py",
    "tests/test_testing.py",
    "tests/test_tree.py",
    "tests/test_wire.py",
]

# What runs other programs: Node's, `make demo`, other people's test suites.
PROGRAMS = ["tests/codegen", "tests/example", "tests/thirdparty"]

# Everything else runs on SQLite, and all but these again on PostgreSQL. They meet no database of the tests' own,
# bring one of each kind, or ask what no database has a say in: how a view answers, what is counted, which tests ran.
ONCE = [
    "tests/brokers",
    "tests/caches",
    "tests/conformance",
    "tests/convergence/test_embedded.py",
    "tests/convergence/test_outbox.py",
    "tests/convergence/test_processes.py",
    "tests/deriving/test_hearing.py",
    "tests/eventstream",
    "tests/feeds/test_awareness.py",
    "tests/feeds/test_lines.py",
    "tests/feeds/test_memory.py",
    "tests/feeds/test_redis_faults.py",
    "tests/inside",
    "tests/outbox/test_uncaptured.py",
    "tests/presence",
    "tests/streaming",
    "tests/test_asgi.py",
    "tests/test_checks.py",
    "tests/test_conf.py",
    "tests/test_cursors.py",
    "tests/test_limits.py",
    "tests/test_messages.py",
    "tests/test_patches.py",
    "tests/test_probes.py",
    "tests/test_project.py",
    "tests/test_protocol.py",
    "tests/test_redis_clients.py",
    "tests/test_signing.py",
    "tests/test_subscription.py",
    "tests/test_views.py",
    "tests/test_wire.py",
    "tests/tickets",
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


def run(name: str, command: Sequence[str | Path], folder: Path = ROOT, **environment: str) -> Result:
    """Run one tool to its end, then show what it printed; meanwhile that grows in a file of its own."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log"
    print(f"-- {name} … (in {log.relative_to(ROOT)})", flush=True)
    begin = time.monotonic()
    with log.open("w") as output:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    printed = log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    result = Result(name, ended.returncode == 0, time.monotonic() - begin, lines[-1] if lines else "")
    with SHOWING:
        print(f"\n== {name}\n{printed}", end="", flush=True)
    return result


def python(name: str, *command: str, folder: Path = ROOT, **environment: str) -> Result:
    """Run one of the tools that are installed beside this Python."""
    return run(name, [BIN / command[0], *command[1:]], folder, **environment)


def pytest(name: str, *options: str, **environment: str) -> Result:
    return python(name, "pytest", "--color=no", *options, **environment)


def lint() -> list[Result]:
    generated = python(
        "the example's generated TypeScript", "python", "manage.py", "makefrontend", "--check", folder=EXAMPLE
    )
    return [*(python(name, *command) for name, command in LINT.items()), generated]


def on_postgresql() -> list[Result]:
    if "PGHOST" not in os.environ:
        return []
    others = [f"--ignore={path}" for path in (IN_CHROMIUM, FAULTS, *OUTSIDE, *PROGRAMS, *ONCE)]
    return [pytest("tests on PostgreSQL", *others, RXSSE_TEST_DATABASE="postgresql")]


def on_sqlite() -> list[Result]:
    others = [f"--ignore={path}" for path in (IN_CHROMIUM, CONVERGENCE, FAULTS, *OUTSIDE, *PROGRAMS, *RULES)]
    return [pytest("tests on SQLite", *others)]


def rules() -> list[Result]:
    """The tests of floors 0 to 2, and whether they meet every branch of these."""
    python("coverage: forget the last run", "coverage", "erase")
    passed = python("tests of the rules", "coverage", "run", "-m", "pytest", "--color=no", *RULES)
    python("coverage", "coverage", "combine", "--quiet")
    floors = f"--include={','.join(whole_floors())}"
    whole = python("coverage, every branch of floors 0 to 2", "coverage", "report", floors, "--fail-under=100")
    return [passed, whole]


def from_outside() -> list[Result]:
    return [pytest("tests from outside", *(path for path in OUTSIDE if path not in PROXIED))]


def behind_proxies() -> list[Result]:
    # What has its place among the rules already is left out here.
    others = [f"--ignore={path}" for path in RULES if path.startswith(tuple(PROXIED))]
    return [pytest("tests of held and of hostile streams", *PROXIED, *others)]


def front_ends() -> list[Result]:
    """The checks and the tests of the two packages in TypeScript."""
    if not all((folder / "node_modules").is_dir() for folder in FRONT_ENDS.values()):
        return []  # no Node: `make` has said so, and ended there on CI
    results = []
    for name, folder in FRONT_ENDS.items():
        results.append(run(f"checks of {name}", ["npm", "run", "--silent", "check"], folder))
        results.append(run(f"tests of {name}", ["npm", "test", "--silent"], folder))
    return results


# In the order in which they begin, the longest first: none is left alone at the end for long.
TESTS: list[Callable[[], list[Result]]] = [
    lambda: [*lint(), *front_ends(), pytest("tests in Chromium", IN_CHROMIUM)],
    lambda: [pytest("tests of convergence", CONVERGENCE)],
    on_sqlite,
    on_postgresql,
    from_outside,
    behind_proxies,
    lambda: [pytest("tests of programs", *PROGRAMS)],
    rules,
    lambda: [pytest("tests of faults", FAULTS)],
]


def tests() -> list[Result]:
    with ThreadPoolExecutor(4) as pool:
        return [result for begun in [pool.submit(job) for job in TESTS] for result in begun.result()]


def sum_up(results: Sequence[Result]) -> int:
    print("\n== summary")
    for result in results:
        print(f"{'ok    ' if result.passed else 'FAILED'} {result.seconds:6.1f} s  {result.name}")
    counts = [result.closing for result in results if result.name.startswith("tests")]
    if counts and "PGHOST" not in os.environ:
        print("left out      tests on PostgreSQL: no server (`python -m tests.services` starts one)")
    print(*counts, sep="\n")
    return 0 if all(result.passed for result in results) else 1


def main(arguments: Sequence[str]) -> int:
    return sum_up(lint() if "--lint" in arguments else tests())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

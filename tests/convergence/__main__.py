"""Long runs: ``python -m tests.convergence [--steps N] [--seed N] [--flavour FLAVOUR] [--database VENDOR] [--money]``.

Six flavours: "in-process" (through rxsse.testing), "embedded" (one server with neither Redis nor MongoDB, which
writes as well), "outbox" (two such servers, three writers, who meet in the database only), "processes" (three servers,
three writers), "durable" (the same with an outbox), "grip" (the same behind a Pushpin that holds the streams, with
a worker that publishes). What is needed of Redis, MongoDB and PostgreSQL is started where the environment names none.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys

SERVICES = ("RXSSE_TEST_REDIS_URL", "RXSSE_TEST_MONGO_URL", "PGHOST")
FLAVOURS = ("in-process", "embedded", "outbox", "processes", "durable", "grip")
EVERYTHING = ("processes", "durable", "grip")
"""Those that need Redis, MongoDB and PostgreSQL."""
STEPS_PER_EXAMPLE = 100


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.convergence", description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10_000, help="rules or transactions of each flavour")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="repeats a run")
    parser.add_argument("--flavour", choices=(*FLAVOURS, "all"), default="all")
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite", help="of flavours embedded and outbox"
    )
    parser.add_argument("--money", action="store_true", help="writers only move money: no revision may change its sum")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # unwinds, which stops servers and deletes databases
    print(f"seed {options.seed}", flush=True)
    if options.flavour == "all":
        common = ["--steps", str(options.steps), "--seed", str(options.seed), "--database", options.database]
        return max([_again([*common, "--flavour", flavour]) for flavour in FLAVOURS])
    if options.flavour == "in-process":
        return _in_process(options.steps, options.seed)
    vendor = "postgresql" if options.flavour in EVERYTHING else options.database
    needed = SERVICES if options.flavour in EVERYTHING else SERVICES[2:] if vendor == "postgresql" else ()
    if not all(os.environ.get(name) for name in needed):
        return _again(sys.argv[1:], "-m", "tests.services", sys.executable)
    from tests.convergence import processes

    report = processes.run(options.steps, options.seed, flavour=options.flavour, vendor=vendor, money=options.money)
    print(f"{options.flavour} on {vendor}: {report}", flush=True)
    return 0


def _again(arguments: list[str], *through: str) -> int:
    return subprocess.call([sys.executable, *through, "-m", "tests.convergence", *arguments])


def _in_process(steps: int, seed: int) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.db import connection
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis import seed as seeded
    from hypothesis.stateful import run_state_machine_as_test

    from tests.convergence.machine import Convergence

    connection.creation.create_test_db(verbosity=0)
    try:
        examples = max(1, steps // STEPS_PER_EXAMPLE)
        seeded(seed)(Convergence)
        run_state_machine_as_test(
            Convergence,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS_PER_EXAMPLE,
                deadline=None,
                database=None,
                # Shrinking a hundred steps takes longer than reading them.
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    print(f"in-process: {examples} examples of up to {STEPS_PER_EXAMPLE} steps, all equal", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.reliability.soak --seconds 3600 --fault-every 20``: one fault after another, exact after each."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import time
from contextlib import ExitStack
from random import Random
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reliability.course import Course


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--fault-every", type=float, default=20, help="seconds from the start of a fault to the next")
    parser.add_argument("--outage", type=float, default=5, help="seconds that a fault lasts")
    parser.add_argument("--once", nargs="*", help="these faults (or all), once each, and without a pause")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--members", type=int, default=1, help="of MongoDB; of several, for faults without relays")
    parser.add_argument("--kept", type=int, default=0, help="so many of the servers are ended by no fault")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two batches of a writer")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {options.seed}", flush=True)
    with ExitStack() as stack:
        _run(options, stack)
    return 0


def _run(options: argparse.Namespace, stack: ExitStack) -> None:
    import django

    # Settings are read when Django is set up: what they name has to run by then.
    from tests.reliability import relay_setup

    own, relays = relay_setup.prepare(stack, options.servers, options.members)
    django.setup()
    from django.core.management import call_command

    from tests.convergence import writes
    from tests.reliability.course import Course
    from tests.reliability.faults import FAULTS

    call_command("migrate", run_syncdb=True, verbosity=0)
    writes.populate()
    course = Course(
        stack, own, relays, options.seed, options.readers, options.writers, kept=options.kept, pace=options.pace
    )
    if options.once is not None:
        for name in options.once or FAULTS:
            print(course.endure(name, options.outage), flush=True)
        return
    _soak(course, options)


def _soak(course: Course, options: argparse.Namespace) -> None:
    """Write at one pace all the time, but for the comparison after each fault."""
    from tests.reliability.faults import FAULTS

    rng, end = Random(options.seed), time.monotonic() + options.seconds
    kept: list[int] = []
    while time.monotonic() < end:
        began = time.monotonic()
        outcome = course.endure(rng.choice(list(FAULTS)), options.outage, 0.9 * options.fault_every)
        print(outcome, flush=True)
        kept.append(outcome.kept_rss)
        time.sleep(max(0.0, began + options.fault_every - time.monotonic()))
    warm, last = kept[len(kept) // 4 :][:10], kept[-10:]
    print(
        f"{len(kept)} faults, every client exact after each; memory of {options.kept} servers that lived through all: "
        f"median {median(warm) / 1024:.0f} MB after a quarter of the time, {median(last) / 1024:.0f} MB at the end"
    )


if __name__ == "__main__":
    sys.exit(main())

"""A writer process: reads ``count seed kind`` lines, runs that many random transactions, answers ``done lost``."""

from __future__ import annotations

import sys
from random import Random

import django


def main() -> None:
    django.setup()
    from django.db import Error, connection

    from tests.convergence import transactions, writes

    print("ready", flush=True)
    for line in sys.stdin:
        count, seed, kind = line.split()
        chosen = [writes.move_money] if kind == "money" else writes.WRITES
        rng = Random(int(seed))
        lost = 0
        for _ in range(int(count)):
            try:
                transactions.run(rng, chosen)
            except Error:
                lost += 1  # another writer was there first: rolled back, as in any application
        connection.close()
        print(f"done {lost}", flush=True)


if __name__ == "__main__":
    main()

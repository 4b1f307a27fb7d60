"""A writer process: reads ``count seed kind`` lines, runs that many random transactions, answers ``done lost``."""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    from django.db import connection

    from tests.convergence import transactions

    print("ready", flush=True)
    for line in sys.stdin:
        count, seed, kind = line.split()
        lost = transactions.course(int(count), int(seed), kind)
        connection.close()
        print(f"done {lost}", flush=True)


if __name__ == "__main__":
    main()

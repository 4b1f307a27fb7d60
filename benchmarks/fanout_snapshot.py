"""A hot snapshot against the same bytes as a static response: `python -m benchmarks.fanout_snapshot`.

Both come from one Django site under `rxsse.asgi`; fetches alternate, each on a connection of its
own, timed from the request to the last byte of the state. Printed are medians and their ratio.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import time

from benchmarks.fanout import Process

END = b"]}"
"""The last bytes of the state, which occur nowhere else in it."""


def fetch(port: int, path: str) -> tuple[float, int]:
    """Milliseconds until the whole state has arrived, and bytes received."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        size, tail = 0, b""
        while END not in tail:
            got = connection.recv(1 << 18)
            size += len(got)
            tail = tail[-1:] + got
        return (time.perf_counter() - start) * 1e3, size


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--fetches", type=int, default=100)
    given = options.parse_args()
    os.environ["FANOUT_ROWS"] = str(given.rows)
    cores = sorted(os.sched_getaffinity(0))
    server = Process(cores[0], sys.executable, "-m", "benchmarks.fanout_server", "rxsse")
    os.sched_setaffinity(0, {cores[-1]})
    port = int(server.read())
    took: dict[str, list[float]] = {"/s/": [], "/static/": []}
    for number in range(given.fetches + 5):
        for path, times in took.items():
            milliseconds, size = fetch(port, path)
            if number >= 5:  # the first ones warm up
                times.append(milliseconds)
    server.stop()
    stream, static = (statistics.median(times) for times in took.values())
    print(f"{given.rows} rows, {size / 1e6:.2f} MB, medians of {given.fetches} fetches")
    print(f"snapshot {stream:.2f} ms, static response {static:.2f} ms, ratio {stream / static:.2f}")


if __name__ == "__main__":
    main()

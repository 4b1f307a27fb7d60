"""A hot snapshot: `python -m benchmarks.snapshot [--rows 10000] [--rounds 60]`, beside a real PostgreSQL.

Served as a stream's first event and as JSON, beside the same bytes as a static response of a view
with the same authentication, all from one server process. A new connection each time, from
`connect()` to the last byte.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from benchmarks.board.processes import Client, Server, populate, site
from benchmarks.side_by_side import interleave, machine, milliseconds, ratio


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=60)
    given = options.parse_args()
    with site("postgresql", "embedded") as token:
        project, *_ = populate(given.rows)
        with Server() as server:
            topic, static = f"/rx/projects/{project}/tasks/", f"/static/{project}/"
            with Client(server.port, static, token, "application/json") as client:
                client.until_end()
            state = client.received.split(b"\r\n\r\n", 1)[1]

            def document(path: str) -> Callable[[], float]:
                def get() -> float:
                    begin = time.perf_counter()
                    with Client(server.port, path, token, "application/json") as client:
                        client.until_end()
                        taken = time.perf_counter() - begin
                    assert len(client.received) > len(state)
                    return taken

                return get

            def stream() -> float:
                begin = time.perf_counter()
                with Client(server.port, topic, token) as client:
                    client.until_event_ends(len(state))
                    taken = time.perf_counter() - begin
                assert b"event: snapshot" in client.received[:2000]
                return taken

            with Client(server.port, topic, token) as reader:  # keeps the topic hot
                reader.until_event_ends(len(state))
                with Client(server.port, topic, token, "application/json") as client:
                    client.until_end()
                assert json.loads(client.received.split(b"\r\n\r\n", 1)[1]) == json.loads(state)
                cases = {"static": document(static), "json": document(topic), "stream": stream}
                interleave(cases, 5)
                results = interleave(cases, given.rounds)
    print(machine())
    print(f"{given.rows} rows, {len(state) / 1e6:.2f} MB; medians of {given.rounds} rounds")
    print(f"{'served as':10} {'median ms':>9} {'p90 ms':>9} {'x static':>9}")
    for name, times in results.items():
        print(f"{name:10} {milliseconds(times)} {ratio(times, results['static']):9.2f}")


if __name__ == "__main__":
    main()

"""A crowd at a cold topic: `python -m benchmarks.stampede [--clients 1000] [--rows 1000]`, beside real servers.

All clients connect at once to a topic that nobody has read: how often is the database read, and
when has everybody the snapshot? Beside it, the same crowd at a static response of the same bytes
behind the same authentication, and at a view that reads the rows for each. These two are answered
by Django alone, which opens a database connection for each request: those that the database has
none left for are refused with 500.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import time

from benchmarks.board.processes import Server, populate, site
from benchmarks.side_by_side import machine, quantile


async def _connect(port: int, request: bytes, size: int, go: asyncio.Event) -> float | None:
    """Seconds, from when all were told to go, until ``size`` bytes and their event's end were there; None: refused."""
    await go.wait()
    begin = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    length, tail = 0, b""
    while length < size or not tail.endswith(b"\r\n"):
        part = await reader.read(262_144)
        if not part:
            break
        length += len(part)
        tail = part[-4:]
    taken = time.perf_counter() - begin
    writer.transport.abort()
    return taken if length >= size else None


async def crowd(clients: int, port: int, path: str, token: str, accept: str, size: int) -> list[float]:
    """Have everybody connect at once; the seconds until they had everything, of all who were not refused."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\nAccept: {accept}\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
    go = asyncio.Event()
    waiting = [asyncio.create_task(_connect(port, request, size, go)) for _ in range(clients)]
    go.set()
    return [taken for taken in await asyncio.gather(*waiting) if taken is not None]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=1000)
    options.add_argument("--rows", type=int, default=1000)
    options.add_argument("--backends", choices=("services", "embedded"), default="services")
    given = options.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with site("postgresql", given.backends) as token:
        project, *_ = populate(given.rows)
        size = _size(project)
        print(machine())
        print(f"{given.clients} clients at once, {given.rows} rows, {size / 1e3:.0f} kB, {given.backends}")
        print(f"{'served as':10} {'first s':>8} {'median s':>9} {'last s':>8} {'SELECTs of tasks':>17} {'refused':>8}")
        stream, document = "text/event-stream", "application/json"
        topic = f"/rx/projects/{project}/tasks/"
        for name, path, accept in (
            ("stream", topic, stream),
            ("json", topic, document),
            ("static", f"/static/{project}/", document),
            ("naive", f"/naive/{project}/", document),
        ):
            with Server() as server:  # a new one each time: nothing is hot
                before = server.get("/queries/")["queries"]
                times = asyncio.run(crowd(given.clients, server.port, path, token, accept, size))
                read = server.get("/queries/")["queries"] - before
            print(
                f"{name:10} {min(times):8.2f} {quantile(times, 0.5):9.2f} {max(times):8.2f} {read:17} "
                f"{given.clients - len(times):8}",
                flush=True,
            )


def _size(project: int) -> int:
    from benchmarks.board.urls import state_of

    return len(state_of(project))


if __name__ == "__main__":
    main()

"""What Pushpin needs for a stream that it holds: memory, and CPU for each delivery. ``python -m benchmarks.held``.

The origin is as bare as can be, so that only the proxy is measured: its four processes are asked before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.grip.proxies import Proxies, content
from rxsse.wire import patch, retry, snapshot
from tests.services import free_port, pushpin_server

CHANNELS = "rxsse-s-topic; prev-id={}, rxsse-l-topic, rxsse-r-{}"
NUMBERS = count()
DOCUMENT = b'[{"op":"replace","path":"/tasks/17/title","value":"%s"}]' % (b"x" * 100)
TICKS = os.sysconf("SC_CLK_TCK")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One held response for each request; who asks again is known by his query."""
    whole = retry(2000) + snapshot(Cursor("e", 0), b"{}")
    with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        while request := await reader.readuntil(b"\r\n\r\n"):
            path = request.split(b" ")[1].decode()
            left = re.search(rb"last-id=([^\r\n,;]+)", request)
            place, body = (left[1].decode(), b"") if left else ("e.0", whole)
            query = path if "grip=" in path else f"?grip={next(NUMBERS)}"
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n"
            hold = f"Grip-Hold: stream\r\nGrip-Channel: {CHANNELS.format(place, query.split('=')[1])}\r\n"
            writer.write(f"{head}{hold}Grip-Link: <{query}>; rel=next; timeout=900\r\n\r\n".encode() + body)
            await writer.drain()


async def stream(port: int, seen: list[int], opened: asyncio.Semaphore) -> None:
    async with opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /rx/ HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n")
        await reader.readuntil(b"event: snapshot")
        seen[0] += 1
    while chunk := await reader.read(65_536):
        seen[1] += chunk.count(b"event: patch")


def cost(runner: int) -> tuple[float, float]:
    """Resident kilobytes and seconds of CPU of the runner's children."""
    kilobytes = seconds = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == runner:
                    seconds += (int(fields[11]) + int(fields[12])) / TICKS
                    kilobytes += int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1024
    return kilobytes, seconds


async def measure(streams: int, events: int, rate: float) -> None:
    origin = await asyncio.start_server(answer, "127.0.0.1", free_port(), backlog=1024)
    target = origin.sockets[0].getsockname()[1]
    with pushpin_server([f"* 127.0.0.1:{target}"]) as (server, url):
        assert server.pid is not None
        (proxy,) = Proxies(Settings(GRIP_URL=url)).connect()
        before, _ = cost(server.pid)
        seen, opened = [0, 0], asyncio.Semaphore(50)
        tasks = [asyncio.create_task(stream(server.port, seen, opened)) for _ in range(streams)]
        while seen[0] < streams and not all(task.done() for task in tasks):
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)  # Pushpin asks once more about a second after a stream's beginning
        idle, start = cost(server.pid)
        began = time.monotonic()
        for revision in range(1, events + 1):
            item = content(
                "rxsse-s-topic", patch(Cursor("e", revision), DOCUMENT), f"e.{revision}", f"e.{revision - 1}"
            )
            await asyncio.to_thread(proxy.publish, [item])
            await asyncio.sleep(max(0.0, began + revision / rate - time.monotonic()))
        while seen[1] < streams * events and time.monotonic() - began < 120:
            await asyncio.sleep(0.1)
        loaded, end = cost(server.pid)
        print(f"{streams} streams, {events} events at {rate:g}/s, load {os.getloadavg()[0]:.1f}")
        print(f"  {(idle - before) / streams:.1f} KB each when idle, {(loaded - before) / streams:.1f} KB after")
        each = 1e6 * (end - start) / max(1, seen[1])
        print(f"  {each:.1f} us CPU per delivery; {seen[1]} of {streams * events} arrived")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    origin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--rate", type=float, default=5.0)
    options = parser.parse_args()
    asyncio.run(measure(options.streams, options.events, options.rate))


if __name__ == "__main__":
    main()

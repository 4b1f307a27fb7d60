"""A process full of clients, which say what they were told; started by `tests.reliability.rolling`.

Reads lines of JSON and answers each with one: the crowd to be (`Wanted`), then ``"report"`` as often as one likes, then
``{"expected": {path: state}}``: everybody has to show it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, TypedDict

from tests.conformance.client import Action, Client, Event, Parser

AT_ONCE = 64
"""Connections that are being made at the same time, to begin with."""

EXACT_SECONDS = 120.0
"""Seconds until everybody has to show what is expected."""


class Wanted(TypedDict):
    """What a crowd is to be. ``retry``: seconds before it returns where no ``bye`` was said."""

    ports: list[int]
    paths: list[str]
    token: str
    clients: int
    seed: int
    retry: float


@dataclass(slots=True)
class Told:
    """What the clients of a crowd were told; times are monotonic seconds, in any order."""

    open: int = 0
    patches: int = 0
    first: int = 0
    again: int = 0
    """Snapshots to clients that had a state."""
    byes: list[int] = field(default_factory=list)
    """Milliseconds of each ``bye``."""
    returns: list[float] = field(default_factory=list)
    """When clients came back that had been told ``bye``."""
    refused: int = 0
    """Connections that were refused, or closed before an answer, so that another server was tried."""
    complaints: dict[str, int] = field(default_factory=dict)
    """What must not happen, and how often it did."""
    exact: int = 0

    def complain(self, of: str) -> None:
        self.complaints[of] = self.complaints.get(of, 0) + 1


class Crowd:
    """Clients of random paths at random servers."""

    def __init__(self, wanted: Wanted) -> None:
        self.told = Told()
        self.ports, self.retry, self.token = wanted["ports"], wanted["retry"], wanted["token"]
        self.rng = Random(wanted["seed"])
        paths = wanted["paths"]
        self.members = [Member(self, paths[number % len(paths)]) for number in range(wanted["clients"])]
        self.opening = asyncio.Semaphore(AT_ONCE)

    async def assemble(self) -> None:
        """Return when everybody has a state."""
        self._tasks = [asyncio.create_task(member.live()) for member in self.members]
        while any(member.client.cursor is None for member in self.members):
            await asyncio.sleep(0.1)

    async def agree(self, expected: dict[str, Any]) -> None:
        """Return when everybody shows what is expected, or when it is too late for that."""
        deadline = time.monotonic() + EXACT_SECONDS
        while time.monotonic() < deadline:
            self.told.exact = sum(member.client.state == expected[member.path] for member in self.members)
            if self.told.exact == len(self.members):
                return
            await asyncio.sleep(0.2)


class Member:
    """One client: connects, is told to go, waits as long as it was told, comes back with its cursor."""

    def __init__(self, crowd: Crowd, path: str) -> None:
        self.path = path
        self.client = Client()
        self._crowd = crowd
        self._told = crowd.told

    async def live(self) -> None:
        async with self._crowd.opening:
            reader, writer = await self._dial()
            await self._first_event(reader)
        while True:
            await self._read(reader)
            writer.transport.abort()
            said, self.client.retry = self.client.retry, None
            if said is None:
                self._told.complain("closed without bye")
            await asyncio.sleep(self._crowd.retry if said is None else said / 1000)
            self._told.returns.append(time.monotonic())
            reader, writer = await self._dial()

    async def _first_event(self, reader: asyncio.StreamReader) -> None:
        while self.client.cursor is None and (chunk := await _chunk(reader)):
            self._take(chunk)

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Until some server has said 200: a balancer would pass over one that is away."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._crowd.rng.choice(self._crowd.ports))
            except OSError:
                self._told.refused += 1
                await asyncio.sleep(0.05)
                continue
            try:
                writer.write(self._request())
                head = await reader.readuntil(b"\r\n\r\n")
            except (OSError, asyncio.IncompleteReadError):
                head = b""
            if head.startswith(b"HTTP/1.1 200 "):
                self._parser = Parser()
                self.client.connected()
                self._told.open += 1
                return reader, writer
            writer.transport.abort()
            if head:
                self._told.complain(head.split(b"\r\n")[0].decode())
            self._told.refused += 1
            await asyncio.sleep(0.05)

    def _request(self) -> bytes:
        resumed = f"Last-Event-ID: {self.client.cursor}\r\n" if self.client.cursor else ""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\nConnection: close\r\n"
            f"Authorization: Token {self._crowd.token}\r\n{resumed}\r\n"
        ).encode()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while chunk := await _chunk(reader):
                self._take(chunk)
        except (OSError, asyncio.IncompleteReadError):
            self._told.complain("cut off")
        self._told.open -= 1

    def _take(self, chunk: bytes) -> None:
        for event in self._parser.feed(chunk):
            self._told_of(event)

    def _told_of(self, event: Event) -> None:
        told, client = self._told, self.client
        if client.retry is not None:
            told.complain(f"{event.name} after bye")
        had = client.state is not None
        action = client.receive(event)
        if event.name == "bye":
            told.byes.append(client.retry or 0)
        elif event.name == "snapshot":
            told.again += had
            told.first += not had
        elif event.name == "patch" and action is Action.APPLY:
            told.patches += 1
        elif event.name != "mark":
            told.complain(f"{event.name}: {action.value}")


async def _chunk(reader: asyncio.StreamReader) -> bytes:
    """The next of a chunked body; empty at its end."""
    size = int((await reader.readuntil(b"\r\n")).decode(), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def main() -> None:
    loop = asyncio.get_running_loop()
    crowd = Crowd(json.loads(sys.stdin.readline()))
    await crowd.assemble()
    while True:
        print(json.dumps(asdict(crowd.told)), flush=True)
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        asked = json.loads(line)
        if asked != "report":
            await crowd.agree(asked["expected"])


if __name__ == "__main__":
    asyncio.run(main())

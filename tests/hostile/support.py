"""A server in a process of its own, bystanders who must notice nothing, and raw sockets from addresses of all kinds."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from math import inf
from typing import Any

from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from tests.domain.models import Profile
from tests.hostile.site import MARKER, SECRET
from tests.serving import served
from tests.streaming.support import DEADLINE, Connection
from tests.waiting import until

HERE = "127.0.0.1"
"""Where bystanders come from."""

THERE = "127.0.0.66"
"""Where hostile clients come from: all of 127.0.0.0/8 is this machine."""


class Site:
    """A running server process."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sockets(self) -> int:
        """How many sockets it has open."""
        folder = f"/proc/{self.pid}/fd"
        found = 0
        for name in os.listdir(folder):
            with suppress(FileNotFoundError):  # closed since it was listed
                found += os.readlink(f"{folder}/{name}").startswith("socket:")
        return found


@contextmanager
def site(*options: str, database_name: str | None = None, **settings: Any) -> Iterator[Site]:
    """Serve the site with ``settings`` as ``RXSSE``; ``options`` are uvicorn's."""
    options = ("--no-access-log", *options)
    module = "tests.hostile.site_settings"
    with served(module, settings, *options, database_name=database_name, log_level="critical") as found:
        yield Site(found.port, found.pid)


def make_profile(name: str, bio: str = "0 ") -> Profile:
    """A user and what belongs to him."""
    user = User.objects.create(username=name)  # without a password: hashing one takes longer than all the rest
    return Profile.objects.create(user=user, bio=bio)


def by_token(profile: Profile) -> str:
    return f"Authorization: Token {Token.objects.get_or_create(user=profile.user)[0].key}\r\n"


class Raw:
    """One request from an address of one's choice, and what came back: as much as fits, or the first of a stream."""

    def __init__(self, port: int, target: str, address: str = THERE, headers: str = "", method: str = "GET") -> None:
        self.socket = dial(port, address)
        self._method = method
        self._answer = b""
        self._ended = False
        with suppress(ConnectionError):  # what it was told meanwhile can be read all the same
            self.socket.sendall(f"{method} {target} HTTP/1.1\r\nHost: t\r\n{headers}\r\n".encode())

    @property
    def answer(self) -> str:
        """Read until there is a whole answer, or a stream's first event of state, or the end."""
        while not self._ended and not self._is_whole():
            got = b""
            with suppress(ConnectionError):
                got = self.socket.recv(65_536)
            self._ended = not got
            self._answer += got
        found = self._answer.decode(errors="replace")
        assert MARKER not in found
        return found

    def _is_whole(self) -> bool:
        head, gap, body = self._answer.partition(b"\r\n\r\n")
        if not gap or self._method == "HEAD":
            return bool(gap)
        if b"text/event-stream" in head:
            return re.search(rb"event: (snapshot|patch|gone|bye|revoked)\r?\n(.+\n)*\r?\n", body) is not None
        length = re.search(rb"content-length: (\d+)", head.lower())
        return length is not None and len(body) >= int(length[1])

    @property
    def status(self) -> int:
        """0: closed without an answer."""
        words = self.answer.split(" ", 2)
        return int(words[1]) if len(words) > 1 else 0

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}: (.*?)\r$", self.answer, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""

    @property
    def body(self) -> str:
        return self.answer.partition("\r\n\r\n")[2]

    def close(self) -> None:
        self.socket.close()


def dial(port: int, address: str, buffer: int = 0) -> socket.socket:
    """A connection from ``address``; ``buffer``: bytes that its kernel takes in before it is read."""
    found = socket.socket()
    if buffer:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    found.settimeout(DEADLINE)
    try:
        found.bind((address, 0))
        found.connect(("127.0.0.1", port))
    except OSError:
        found.close()
        raise
    return found


def fetch(port: int, target: str, address: str = THERE, headers: str = "", method: str = "GET") -> Raw:
    """A whole answer; its connection is closed."""
    raw = Raw(port, target, address, headers, method)
    assert SECRET not in raw.answer
    raw.close()
    return raw


class Bystanders:
    """Readers of a state that is written all the time; from each other and from hostile clients they notice nothing."""

    def __init__(self, port: int, profile: Profile, readers: int = 3, size: int = 10) -> None:
        self.port = port
        self.profile = profile
        self.size = size
        self.written: list[float] = []
        """When each number had been written; the first is 1."""
        self.worst = 0.0
        """Seconds that a write took to be seen by all, at most."""
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []
        self.streams = [Connection(port, f"/open/{profile.pk}/") for _ in range(readers)]
        self._seen: list[list[tuple[int, float]]] = [[] for _ in range(readers)]
        self._threads = [threading.Thread(target=self._guarded, args=(self._write,))]
        for number in range(readers):
            self._threads.append(threading.Thread(target=self._guarded, args=(self._read, number)))

    def __enter__(self) -> Bystanders:
        for stream in self.streams:
            stream.until(lambda client: client.state is not None, "the snapshot")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * DEADLINE)
        for stream in self.streams:
            stream.close()
        if kind is None:
            assert not self._failures, self._failures
            assert not any(thread.is_alive() for thread in self._threads)
            self._check()

    @property
    def seen_by_all(self) -> int:
        """The number that every reader has been shown by now."""
        return min(seen[-1][0] if seen else 0 for seen in self._seen)

    def wait_for_writes(self, number: int) -> None:
        """Until so many more have been written: time by what happens, not by the clock."""
        target = len(self.written) + number
        until(lambda: len(self.written) >= target or self._failures, "the writes", 2 * DEADLINE)

    def _guarded(self, run: Any, *given: Any) -> None:
        try:
            run(*given)
        except BaseException as error:
            self._failures.append(error)

    def _write(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        while not self._stopping.is_set():
            connection.request("GET", f"/write/{self.profile.pk}/?n={len(self.written) + 1}&size={self.size}")
            connection.getresponse().read()
            self.written.append(time.monotonic())
            self._stopping.wait(0.02)  # a pace that leaves the machine to others
        connection.close()

    def _read(self, number: int) -> None:
        stream = self.streams[number]
        stream.socket.settimeout(0.2)  # to see whether there is more to come
        while True:
            shown, _, rest = stream.client.state["bio"].partition(" ")
            assert int(shown) == 0 or len(rest) == self.size
            self._seen[number].append((int(shown), time.monotonic()))
            if self._stopping.is_set() and not self._threads[0].is_alive() and int(shown) == len(self.written):
                return
            try:
                assert stream.receive(), f"a bystander's stream was closed after {stream.client.events[-2:]}"
            except TimeoutError:
                late = time.monotonic() - (self.written or [inf])[-1]
                assert late < DEADLINE, f"{shown} is shown, {len(self.written)} was written {late:.0f} s ago"

    def _check(self) -> None:
        for seen, stream in zip(self._seen, self.streams, strict=True):
            assert set(stream.client.names) <= {"snapshot", "patch", "mark"}, stream.client.names
            numbers = [number for number, _ in seen]
            assert numbers == sorted(numbers)
            assert numbers[-1] == len(self.written)
            position = 0
            for number, written in enumerate(self.written, 1):
                while seen[position][0] < number:
                    position += 1
                self.worst = max(self.worst, seen[position][1] - written)

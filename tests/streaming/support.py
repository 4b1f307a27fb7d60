"""A real source in memory, a real server, and naive clients, for the tests of the serving side."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import jsonpatch
import uvicorn

from rxsse.cursors import Cursor
from rxsse.exceptions import Gone
from rxsse.messages import Topic
from rxsse.source import Sink

DEADLINE = 20.0
"""Seconds that any condition is waited for before the test fails."""


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """Poll ``condition`` until it is true and return what it gave."""
    limit = time.monotonic() + DEADLINE
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        threading.Event().wait(0.005)
    raise AssertionError(f"{what} did not come true in {DEADLINE:.0f} s")


class Log:
    """A topic's history, kept whole: every state and every patch of every epoch."""

    def __init__(self, state: Any = None) -> None:
        self.epoch = "e1"
        self.first = 0
        self.states: dict[Cursor, bytes] = {Cursor("e1", 0): json.dumps(state or {"n": 0}).encode()}
        self.patches: list[bytes] = []

    @property
    def head(self) -> Cursor:
        return Cursor(self.epoch, self.first + len(self.patches))


class LogSource:
    """A `Source` over `Log`s. Futures are answered on the spot unless `held`; then by `release`."""

    def __init__(self, **logs: Log) -> None:
        self.logs = logs
        self.sinks: dict[str, list[Sink]] = {}
        self.calls: list[tuple[str, str]] = []
        self.failing: dict[str, Exception] = {}
        self.trimmed: dict[str, int] = {}
        self.held: list[Callable[[], None]] | None = None
        self.lock = threading.RLock()

    # --- Source --------------------------------------------------------------------------

    def activate(self, topic: Topic, sink: Sink) -> Future[Cursor]:
        def answer() -> Cursor:
            log = self._log(topic)
            self.sinks.setdefault(topic.anchor, []).append(sink)
            return log.head

        return self._answer("activate", topic, answer)

    def deactivate(self, topic: Topic, sink: Sink) -> None:
        with self.lock:
            self.calls.append(("deactivate", topic.anchor))
            if sink in self.sinks.get(topic.anchor, []):
                self.sinks[topic.anchor].remove(sink)

    def snapshot(self, topic: Topic) -> Future[tuple[Cursor, bytes]]:
        def answer() -> tuple[Cursor, bytes]:
            log = self._log(topic)
            return log.head, log.states[log.head]

        return self._answer("snapshot", topic, answer)

    def since(self, topic: Topic, cursor: Cursor) -> Future[list[bytes] | None]:
        def answer() -> list[bytes] | None:
            log = self._log(topic)
            oldest = self.trimmed.get(topic.anchor, log.first)
            if cursor.epoch != log.epoch or not oldest <= cursor.revision <= log.head.revision:
                return None
            return log.patches[cursor.revision - log.first :]

        return self._answer("since", topic, answer)

    # --- what happens to the database ----------------------------------------------------

    def patch(self, anchor: str, *operations: dict[str, Any]) -> Cursor:
        """Append a revision and tell it."""
        with self.lock:
            log = self.logs[anchor]
            state = jsonpatch.apply_patch(json.loads(log.states[log.head]), list(operations))
            body = json.dumps(operations, separators=(",", ":")).encode()
            log.patches.append(body)
            log.states[log.head] = json.dumps(state).encode()
            for sink in list(self.sinks.get(anchor, [])):
                sink.patched(self.topic(anchor), log.head, body)
            return log.head

    def set(self, anchor: str, value: Any, path: str = "/n") -> Cursor:
        return self.patch(anchor, {"op": "replace", "path": path, "value": value})

    def begin(self, anchor: str, epoch: str, reason: str = "unknown-epoch") -> None:
        """Start a new epoch at the present state and tell it."""
        with self.lock:
            log = self.logs[anchor]
            state = log.states[log.head]
            log.epoch, log.first, log.patches = epoch, 10, []
            log.states[log.head] = state
            for sink in list(self.sinks.get(anchor, [])):
                sink.began(self.topic(anchor), log.head, reason)

    def delete(self, anchor: str) -> None:
        with self.lock:
            del self.logs[anchor]
            for sink in list(self.sinks.get(anchor, [])):
                sink.gone(self.topic(anchor))

    def tell(self, anchor: str, method: str, *given: Any) -> None:
        """Call ``method`` of every sink of the topic."""
        with self.lock:
            for sink in list(self.sinks.get(anchor, [])):
                getattr(sink, method)(self.topic(anchor), *given)

    def release(self) -> None:
        """Answer what was held, in order, and hold nothing from now on."""
        with self.lock:
            held, self.held = self.held or [], None
            for answer in held:
                answer()

    def count(self, call: str) -> int:
        return sum(1 for made, _ in self.calls if made == call)

    @staticmethod
    def topic(anchor: str) -> Topic:
        return Topic("tests", anchor)

    def _log(self, topic: Topic) -> Log:
        if topic.anchor not in self.logs:
            raise Gone(topic.anchor)
        return self.logs[topic.anchor]

    def _answer(self, call: str, topic: Topic, answer: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self.lock:
            self.calls.append((call, topic.anchor))
            try:
                if call in self.failing:
                    raise self.failing[call]
                # Found now and said later: as old as the protocol between source and sink allows.
                resolve = partial(future.set_result, answer())
            except Exception as error:
                resolve = partial(future.set_exception, error)
            if self.held is None:
                resolve()
            else:
                self.held.append(resolve)
        return future


class NaiveClient:
    """Reads a stream as the specification of Server-Sent Events says, and applies patches with `jsonpatch`.

    Strict about the protocol: a patch that is not the next, or after a reset, is an error.
    """

    def __init__(self, cursor: str | None = None, state: Any = None) -> None:
        self.events: list[tuple[str, Any]] = []
        self.state = state
        self.last_id = cursor or ""
        self.retry: int | None = None
        self.lost = state is None
        self.ended = False
        self._buffer = b""

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def feed(self, chunk: bytes) -> None:
        self._buffer += chunk
        while b"\n\n" in self._buffer:
            block, self._buffer = self._buffer.split(b"\n\n", 1)
            name, body, identity = "message", [], None
            for line in block.decode().split("\n"):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    body.append(value)
                elif field == "id":
                    identity = value
                elif field == "retry":
                    self.retry = int(value)
            if identity is not None:
                previous, self.last_id = self.last_id, identity
            else:
                previous = self.last_id
            if body:
                self._dispatch(name, json.loads("\n".join(body)), previous)

    def _dispatch(self, name: str, body: Any, previous: str) -> None:
        assert not self.ended, f"{name} after the last event"
        self.events.append((name, body))
        if name == "snapshot":
            self.state, self.lost = body, False
        elif name == "patch":
            assert not self.lost, "a patch without a state to apply it to"
            assert str(Cursor.parse(previous).next()) == self.last_id, f"{self.last_id} after {previous}"
            self.state = jsonpatch.apply_patch(self.state, body)
        elif name == "reset":
            self.lost = True
        elif name == "mark":
            assert body["cursor"] is None or body["cursor"] == self.last_id
        elif name in ("bye", "revoked", "gone"):
            self.ended = True


class Connection:
    """A raw HTTP/1.1 connection to a stream."""

    def __init__(self, port: int, path: str, *, headers: str = "", method: str = "GET", buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", port))
        self.client = NaiveClient()
        self.head = b""
        self.closed = False
        self.complete = False
        self._raw = b""
        self.request(path, headers=headers, method=method)

    def request(self, path: str, *, headers: str = "", method: str = "GET") -> None:
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n".encode())

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True
        self.socket.close()

    @property
    def status(self) -> int:
        return int(self.head.split(b" ", 2)[1])

    def receive(self, size: int = 65_536) -> bool:
        """Read once and feed the client; False at the end of the connection."""
        try:
            got = self.socket.recv(size)
        except ConnectionError:
            got = b""
        if not got:
            self.closed = True
            return False
        self._raw += got
        if not self.head:
            if b"\r\n\r\n" not in self._raw:
                return True
            self.head, self._raw = self._raw.split(b"\r\n\r\n", 1)
        self._read_chunks()
        return True

    def _read_chunks(self) -> None:
        while not self.complete and b"\r\n" in self._raw:
            length, rest = self._raw.split(b"\r\n", 1)
            size = int(length, 16)
            if len(rest) < size + 2:
                return
            self.client.feed(rest[:size])
            self._raw = rest[size + 2 :]
            self.complete = size == 0

    def ask(self, path: str) -> str:
        """Send another request on the same connection and return its whole answer, which is short."""
        self.request(path)
        answer = b""
        while not answer.endswith((b"plain", b"\r\n0\r\n\r\n")):
            got = self.socket.recv(65_536)
            assert got, "the connection was closed"
            answer += got
        return answer.decode()

    def until(self, condition: Callable[[NaiveClient], Any], what: str = "") -> NaiveClient:
        """Read until ``condition`` holds for the client."""
        while not condition(self.client):
            if not self.receive():
                raise AssertionError(
                    f"the connection ended before {what or 'the condition'}: {self.client.events[-3:]}"
                )
        return self.client

    def until_end(self) -> NaiveClient:
        """Read until the response is complete or the connection closed."""
        while not self.complete and self.receive():
            pass
        return self.client


@contextmanager
def serving(application: Any, **options: Any) -> Iterator[tuple[int, uvicorn.Server]]:
    """Serve ``application`` with uvicorn in a thread, on a free port of 127.0.0.1."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(application, log_level="warning", **{"lifespan": "on", **options})
    server = uvicorn.Server(config)
    ended: Future[None] = Future()

    def run() -> None:
        try:
            server.run(sockets=[listening])
            ended.set_result(None)
        except BaseException as error:
            ended.set_exception(error)

    thread = threading.Thread(target=run, name="tests-uvicorn", daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or ended.done(), "the server's start")
        yield listening.getsockname()[1], server
    finally:
        server.should_exit = True
        ended.result(DEADLINE)
        thread.join(DEADLINE)
        listening.close()


def threads() -> int:
    return threading.active_count()


def resident() -> int:
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

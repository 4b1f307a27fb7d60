"""Streams over real sockets from a real uvicorn: hand-over, slow clients, a thousand clients, shutdown."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.test import override_settings

from rxsse.asgi import get_asgi_application
from tests.streaming import site
from tests.streaming.support import Connection, Log, NaiveClient, resident, serving, threads, wait_until

ROOT = Path(__file__).parents[2]


LOOPS = {"httptools": "uvloop", "h11": "asyncio"}
"""Which event loop each of uvicorn's two protocols is tried on."""


@pytest.fixture(params=list(LOOPS))
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def fresh_log() -> Iterator[None]:
    site.source.logs = {"a": Log()}
    site.source.failing.clear()
    site.source.trimmed.clear()
    site.source.calls.clear()
    yield
    site.source.held = None


@pytest.fixture
def rxsse_settings() -> dict[str, Any]:
    return {}


@pytest.fixture
def port(rxsse_settings: dict[str, Any], protocol: str) -> Iterator[int]:
    with (
        override_settings(ROOT_URLCONF="tests.streaming.site", MIDDLEWARE=[], RXSSE=rxsse_settings),
        serving(get_asgi_application(), http=protocol, loop=LOOPS[protocol]) as (port, _),
    ):
        yield port


def configured(**settings: Any) -> Any:
    return pytest.mark.parametrize("rxsse_settings", [settings])


def only_httptools() -> Any:
    return pytest.mark.parametrize("protocol", ["httptools"])


def streams() -> int:
    return sum(len(hub.streams) for hub in site.hubs._hubs if not hub.loop.is_closed())


def blocked() -> int:
    return sum(len(hub.blocked) for hub in site.hubs._hubs if not hub.loop.is_closed())


class TestHandOver:
    def test_snapshot_and_patches(self, port: int) -> None:
        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state == {"n": 0})
            for n in range(1, 4):
                site.source.set("a", n)
            client = connection.until(lambda client: client.state == {"n": 3})
            assert client.retry == 2000
            assert connection.status == 200
            head = connection.head.lower()
            assert b"content-type: text/event-stream\r\n" in head
            assert b"cache-control: no-cache, no-transform" in head
            assert b"set-cookie: seen=yes" in head

    def test_the_request_is_finished_while_the_stream_is_open(self, port: int) -> None:
        finished = []

        def note(**_: Any) -> None:
            finished.append(threading.get_ident())

        request_finished.connect(note)
        try:
            with Connection(port, "/s/a/") as connection:
                connection.until(lambda client: client.state)
                assert len(finished) == 1
        finally:
            request_finished.disconnect(note)

    def test_nothing_of_the_request_is_kept(self, port: int) -> None:
        from django.core.handlers.asgi import ASGIRequest

        from rxsse.streaming.response import StreamResponse

        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state)
            gc.collect()
            kept = [each for each in gc.get_objects() if type(each) in (ASGIRequest, StreamResponse)]
            assert not kept

    def test_resume(self, port: int) -> None:
        for n in range(1, 4):
            site.source.set("a", n)
        with Connection(port, "/s/a/", headers="Last-Event-ID: e1.1\r\n") as connection:
            connection.client = NaiveClient("e1.1", {"n": 1})
            connection.until(lambda client: client.state == {"n": 3})
            assert connection.client.names == ["patch", "patch"]

    def test_a_connection_is_reused_after_its_stream_has_ended(self, port: int) -> None:
        with Connection(port, "/s/nothing/") as connection:
            assert connection.until_end().names == ["gone"]
            assert connection.complete
            assert "plain" in connection.ask("/plain/")

    def test_head_gets_headers_and_no_stream(self, port: int) -> None:
        with Connection(port, "/s/a/", method="HEAD") as connection:
            while not connection.head:
                connection.receive()
            assert connection.status == 200
            assert b"text/event-stream" in connection.head
            assert "plain" in connection.ask("/plain/")
        assert not site.source.calls

    def test_a_client_that_leaves_is_forgotten(self, port: int) -> None:
        for _ in range(3):
            with Connection(port, "/s/a/") as connection:
                connection.until(lambda client: client.state)
                assert streams() == 1
            wait_until(lambda: streams() == 0, "the end of the stream")

    def test_clients_that_leave_before_their_stream_starts(self, port: int) -> None:
        for _ in range(50):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.sendall(b"GET /s/a/ HTTP/1.1\r\nHost: t\r\n\r\n")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
            raw.close()
        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state)
            wait_until(lambda: streams() == 1, "the end of the other streams")

    @configured(MARK_SECONDS=0.2)
    def test_a_pipelined_request_does_not_keep_a_closed_stream(self, port: int) -> None:
        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state)
            connection.request("/plain/")
            site.source.set("a", 1)
            connection.until(lambda client: client.state == {"n": 1})
        wait_until(lambda: streams() == 0, "the end of the stream")

    def test_http_1_0(self, port: int) -> None:
        raw = socket.create_connection(("127.0.0.1", port))
        raw.settimeout(20)
        raw.sendall(b"GET /s/nothing/ HTTP/1.0\r\n\r\n")
        answer = b""
        while got := raw.recv(65_536):
            answer += got
        raw.close()
        assert b"event: gone" in answer

    def test_other_views_are_djangos(self, port: int) -> None:
        with Connection(port, "/nowhere/") as connection:
            while not connection.head:
                connection.receive()
            assert connection.status == 404


class TestSlowClients:
    WIDE = "x" * 20_000

    @configured(WRITE_TIMEOUT=0.5)
    def test_a_client_that_never_reads_is_cut_off_and_delays_nobody(self, port: int) -> None:
        with Connection(port, "/s/a/", buffer=4096) as deaf, Connection(port, "/s/a/") as good:
            good.until(lambda client: client.state)
            wait_until(lambda: streams() == 2, "both streams")
            for n in range(60):
                site.source.set("a", self.WIDE + str(n))
                good.until(lambda client, n=n: client.state == {"n": self.WIDE + str(n)})
            wait_until(lambda: streams() == 1, "the end of the deaf stream")
            site.source.set("a", 1)
            good.until(lambda client: client.state == {"n": 1})
            assert not deaf.complete

    @configured(SEND_BUFFER=20_000)
    def test_the_kernel_buffers_no_more_than_configured(self, port: int) -> None:
        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state)
            (stream,) = [stream for hub in site.hubs._hubs for stream in hub.streams]
            sock = stream._cycle.transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * 20_000  # Linux doubles what it is given

    @configured(WRITE_TIMEOUT=60, RING_LENGTH=10)
    def test_a_client_that_was_slow_is_resumed(self, port: int) -> None:
        with Connection(port, "/s/a/", buffer=4096) as slow:
            wait_until(lambda: streams() == 1, "the stream")
            wait_until(lambda: site.source.set("a", self.WIDE) and blocked(), "the client to block")
            for n in range(60):
                site.source.set("a", n)
            slow.until(lambda client: client.state == {"n": 59})
            assert set(slow.client.names) <= {"snapshot", "patch", "reset"}

    @configured(WRITE_TIMEOUT=60)
    def test_a_byte_at_a_time(self, port: int) -> None:
        with Connection(port, "/s/a/", buffer=4096) as slow, Connection(port, "/s/a/") as good:
            good.until(lambda client: client.state)
            for n in range(30):
                site.source.set("a", n)
                slow.receive(1)
                good.until(lambda client, n=n: client.state == {"n": n})
            while slow.client.state != {"n": 29}:
                slow.receive(1)

    @configured(WRITE_TIMEOUT=60)
    def test_memory_is_bounded_by_the_connection_not_by_what_was_missed(self, port: int) -> None:
        wide = b'"%s"' % (b"x" * 20_000)
        deaf = [Connection(port, "/s/a/", buffer=4096) for _ in range(20)]
        wait_until(lambda: streams() == 20, "the streams")
        wait_until(lambda: site.source.tell("a", "message", "wide", wide) or blocked() == 20, "all to block")
        for _ in range(300):  # fill the ring, which is bounded by bytes
            site.source.tell("a", "message", "wide", wide)
        before = resident()
        for _ in range(3_000):
            site.source.tell("a", "message", "wide", wide)
        with Connection(port, "/s/a/") as good:
            good.until(lambda client: client.state)
        assert blocked() == 20
        assert resident() - before < 30_000_000  # 60 MB were said, to 20 clients
        for connection in deaf:
            connection.close()
        wait_until(lambda: streams() == 0, "the end of the streams")

    @configured(WRITE_TIMEOUT=60)
    def test_a_large_snapshot_is_not_copied_for_every_client(self, port: int) -> None:
        site.source.logs["a"] = Log({"rows": ["y" * 1_000] * 8_000})
        with Connection(port, "/s/a/") as good:
            good.until(lambda client: client.state)
            before = resident()
            deaf = [Connection(port, "/s/a/", buffer=4096) for _ in range(20)]
            wait_until(lambda: blocked() == 20, "all to block")
            assert resident() - before < 40_000_000  # 20 copies would be 160 MB
            for connection in deaf:
                connection.close()

    @configured(WRITE_TIMEOUT=60)
    def test_revoking_cuts_a_client_off_in_the_middle_of_an_event(self, port: int) -> None:
        site.source.logs["a"] = Log({"rows": ["y" * 1_000] * 8_000})
        with Connection(port, "/s/a/?user=ann", buffer=4096) as deaf:
            wait_until(blocked, "the client to block")
            site.hubs.revoke(lambda identity: identity == "ann", "token")
            wait_until(lambda: streams() == 0, "the end of the stream")
            assert deaf.until_end().state is None


class TestManyClients:
    @only_httptools()
    def test_a_thousand_clients_at_once(self, port: int) -> None:
        with Connection(port, "/s/a/") as first:
            first.until(lambda client: client.state)
        site.source.calls.clear()
        before = threads()
        crowd = [Connection(port, "/s/a/") for _ in range(1_000)]
        for connection in crowd:
            connection.until(lambda client: client.state == {"n": 0})
        assert threads() <= before + 4  # Django's own, for synchronous views; none per connection
        assert site.source.count("activate") == 0
        for n in range(1, 4):
            site.source.set("a", n)
        for connection in crowd:
            connection.until(lambda client: client.state == {"n": 3})
            connection.close()
        wait_until(lambda: streams() == 0, "the end of the streams")


class TestShutdown:
    @configured(RETRY_MILLISECONDS=100)
    def test_closing_the_hubs_says_bye(self, port: int) -> None:
        with Connection(port, "/s/a/") as connection:
            connection.until(lambda client: client.state)
            site.hubs.close()
            client = connection.until_end()
            assert client.names == ["snapshot", "bye"]
            assert 100 <= (client.retry or 0) <= 300

    def test_a_server_in_a_thread_ends_streams_when_it_is_told_to_exit(self, protocol: str) -> None:
        with override_settings(ROOT_URLCONF="tests.streaming.site", MIDDLEWARE=[]):
            with serving(get_asgi_application(), http=protocol, loop=LOOPS[protocol]) as (port, server):
                with Connection(port, "/s/a/") as connection:
                    connection.until(lambda client: client.state)
                    server.should_exit = True
                    assert connection.until_end().names[-1] == "bye"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.parametrize("http", ["httptools", "h11"])
    def test_a_signal_ends_streams_and_uvicorn(self, number: signal.Signals, http: str) -> None:
        with in_a_process("--http", http) as (process, port):
            deaf = Connection(port, "/s/a/", buffer=4096)
            with Connection(port, "/s/a/") as connection:
                connection.until(lambda client: client.state)
                for n in range(100):
                    with Connection(port, f"/change/a/?n={'9' * 7_000}{n}") as change:
                        change.receive()
                connection.until(lambda client: client.last_id == "e1.100")
                process.send_signal(number)
                assert connection.until_end().names[-1] == "bye"
            assert process.wait(20) in (0, -number, 128 + number)
            deaf.close()

    def test_a_maximum_of_requests_ends_streams_and_uvicorn(self) -> None:
        with in_a_process("--limit-max-requests", "3") as (process, port):
            with Connection(port, "/s/a/") as connection:
                connection.until(lambda client: client.state)
                for _ in range(3):
                    with Connection(port, "/plain/") as plain:
                        plain.receive()
                assert connection.until_end().names[-1] == "bye"
            assert process.wait(20) == 0


def in_a_process(*options: str, **settings: Any) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def running() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            command = [sys.executable, "-m", "uvicorn", "--factory", "tests.streaming.site:application"]
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.streaming.site_settings",
                "RXSSE_TEST_SETTINGS": json.dumps(settings),
            }
            process = subprocess.Popen(
                [*command, "--fd", str(listening.fileno()), "--log-level", "warning", *options],
                pass_fds=[listening.fileno()],
                cwd=ROOT,
                env=environment,
            )
            try:
                yield process, listening.getsockname()[1]
            finally:
                process.kill()
                process.wait()

    return running()

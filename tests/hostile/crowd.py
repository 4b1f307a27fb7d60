"""Opens very many connections at one server and says what that costs: `python -m tests.hostile.crowd`.

``--connections N`` (10,000): streams, streams with a limit, then connections that never ask for anything. Needs
``ulimit -n`` above N.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

ADDRESSES = 8
"""Addresses that the crowd comes from."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    number = parser.parse_args().connections
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with tempfile.TemporaryDirectory() as folder:
        name = str(Path(folder, "crowd.sqlite3"))
        _prepare(name)
        _measure(name, number)


def _prepare(name: str) -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = name
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)


def _measure(name: str, number: int) -> None:
    from tests.hostile.support import Bystanders, Site, dial, make_profile, site

    def silent(server: Site, n: int) -> socket.socket:
        return dial(server.port, f"127.0.4.{1 + n % ADDRESSES}", 4_096)

    def stream(server: Site, n: int) -> socket.socket:
        found = silent(server, n)
        found.settimeout(120)
        found.sendall(f"GET /open/{profile.pk}/ HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        received = b""
        while b"event: snapshot" not in received and b" 429 " not in received:
            got = found.recv(4_096)
            assert got, "closed without an answer"
            received += got
        if b" 429 " in received:
            found.close()
        return found

    for what, limits, come in (
        ("streams", {}, stream),
        ("streams, 100 per address", {"STREAMS_PER_ADDRESS": 100}, stream),
        ("silent connections", {}, silent),
    ):
        profile = make_profile(what)
        with site(database_name=name, **limits) as server:
            with Bystanders(server.port, profile) as others:
                others.wait_for_writes(20)
                before, began = server.resident(), time.monotonic()
                with ThreadPoolExecutor(16) as pool:
                    crowd = list(pool.map(lambda n: come(server, n), range(number)))  # noqa: B023
                seconds = time.monotonic() - began
                others.wait_for_writes(20)
                more = server.resident() - before
                let_in = [each for each in crowd if each.fileno() >= 0]
                for each in let_in:
                    each.close()
                others.wait_for_writes(20)
            kept = more / max(1, len(let_in)) / 1_000
            print(
                f"{what}: {number} in {seconds:.0f} s, {len(let_in)} let in, {more / 1e6:.0f} MB more "
                f"({kept:.1f} KB each), bystanders {others.worst:.2f} s late at most",
                flush=True,
            )


if __name__ == "__main__":
    main()

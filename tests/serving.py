"""A uvicorn process on the database of the test that starts it; knows the settings' form, not what is served."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any, NamedTuple

from django.db import connection as database

from tests.services import die_with_parent, free_port
from tests.waiting import until


class Served(NamedTuple):
    port: int
    pid: int


@contextmanager
def served(
    module: str, settings: dict[str, Any], *options: str, database_name: str | None = None, log_level: str = "warning"
) -> Iterator[Served]:
    """Serve with ``module`` as Django's settings and ``settings`` as ``RXSSE``; ``options`` are uvicorn's."""
    port = free_port()
    environment = {
        "DJANGO_SETTINGS_MODULE": module,
        "RXSSE_TEST_SITE_DATABASE": database_name or str(database.settings_dict["NAME"]),
        "RXSSE_TEST_SITE_SETTINGS": json.dumps(settings),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "rxsse.asgi:get_asgi_application"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--log-level", log_level, *options],
        env=os.environ | environment,
        preexec_fn=partial(die_with_parent, signal.SIGKILL),
    )
    try:
        until(lambda: process.poll() is not None or _answers(port), "the server's start", 60)
        assert process.poll() is None
        yield Served(port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/nothing/")
        return connection.getresponse().status == 404
    except OSError:
        return False
    finally:
        connection.close()

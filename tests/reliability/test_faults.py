"""A few seconds of each fault, while everybody writes and reads."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests import services
from tests.reliability.faults import FAULTS

pytestmark = [pytest.mark.services, pytest.mark.slow]
SERVERS = 3
MEMORY_BOUND_MB = SERVERS * 250
"""A server has some 80 at first, and 125 with 16 clients after a run through all."""
SAVE_BOUND_MS = 2_000
"""ANNOUNCE_TIMEOUT, twice (before and after the commit), and what PostgreSQL and a loaded machine add."""


@pytest.fixture(scope="module")
def said() -> str:
    """What one run through all faults has printed; it fails where a client is not exact again, or shows too much."""
    command = [sys.executable, "-m", "tests.reliability.soak", "--once", "--outage", "1", "--servers", str(SERVERS)]
    try:
        with services.mongo_server():
            pass
    except services.Missing as missing:
        if services.ON_CI:
            raise
        pytest.skip(str(missing))
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_everybody_is_exact_again(said: str, fault: str) -> None:
    line = next(line for line in said.splitlines() if line.startswith(f"{fault}: "))
    assert "clients exact" in line
    found = re.search(r"slowest save (\d+) ms, (\d+) saves failed.*servers' memory (\d+) MB", line)
    assert found is not None
    slowest, failed, memory = map(int, found.groups())
    assert failed == 0
    assert memory < MEMORY_BOUND_MB
    if not fault.startswith("database_"):
        assert slowest < SAVE_BOUND_MS

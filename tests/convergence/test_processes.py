"""A short run with three servers and three writers at once, over Redis, MongoDB and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests import services
from tests.convergence.__main__ import SERVICES

pytestmark = pytest.mark.services


def run(*arguments: str, flavour: str = "processes") -> str:
    missing = [name for name in SERVICES if not os.environ.get(name)]
    if missing:
        services.do_without(missing[0])
    done = subprocess.run(
        [sys.executable, "-m", "tests.convergence", "--flavour", flavour, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_many_processes_agree() -> None:
    assert "all equal" in run("--steps", "110")


def test_no_revision_splits_a_transaction() -> None:
    """Writers only move money between accounts; readers check the sum at every revision."""
    assert "all equal" in run("--steps", "110", "--money")


@pytest.mark.slow
def test_clients_of_a_proxy_agree() -> None:
    """Pushpin holds the streams, a worker publishes; servers and that worker die."""
    if shutil.which("pushpin") is None:
        services.do_without("pushpin")
    assert "all equal" in run("--steps", "48", flavour="grip")

"""A short run with two servers and three writers that meet in the database only: neither Redis nor MongoDB."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import services
from tests.convergence.__main__ import SERVICES


def run(*arguments: str, flavour: str = "outbox") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.convergence", "--flavour", flavour, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def vendor(request: pytest.FixtureRequest) -> str:
    if request.param == "postgresql" and not os.environ.get("PGHOST"):
        services.do_without("PGHOST")
    return str(request.param)


def test_processes_that_share_a_database_agree(vendor: str) -> None:
    assert "all equal" in run("--steps", "110", "--database", vendor)


@pytest.mark.services
def test_no_revision_splits_a_transaction_of_another_process() -> None:
    """Nothing is said before a commit, and the sum is right at every revision: a snapshot says what it holds."""
    if not os.environ.get("PGHOST"):
        services.do_without("PGHOST")
    assert "all equal" in run("--steps", "110", "--money", "--database", "postgresql")


@pytest.mark.services
def test_what_redis_and_mongodb_carry_agrees_with_it() -> None:
    """Announcements are rows; patches, checkpoints and leases travel as ever."""
    missing = [name for name in SERVICES if not os.environ.get(name)]
    if missing:
        services.do_without(missing[0])
    assert "all equal" in run("--steps", "110", flavour="durable")

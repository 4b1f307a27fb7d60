"""A short run with one server and nothing beside it: writers are threads of the serving process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests import services


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.convergence", "--flavour", "embedded", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_one_process_agrees_with_itself() -> None:
    assert "all equal" in run("--steps", "110")


@pytest.mark.services
def test_one_process_agrees_with_itself_on_postgresql() -> None:
    if not os.environ.get("PGHOST"):
        services.do_without("PGHOST")
    assert "all equal" in run("--steps", "110", "--database", "postgresql")


def test_no_revision_splits_a_transaction_of_a_thread() -> None:
    """Writers only move money between accounts; readers check the sum at every revision."""
    assert "all equal" in run("--steps", "110", "--money")

"""Other people's applications need settings of their own, so their cases run in a process of their own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests import services

MODULES = ("helpdesk", "actstream", "generic_relations")


def test_a_third_partys_rows_are_followed() -> None:
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing and not services.ON_CI:
        pytest.skip(f"{missing[0]} is not installed: it is in the test requirements")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--ds", "tests.thirdparty.settings"]
    done = subprocess.run(
        # Their own warnings are not ours to fix.
        [*command, "-W", "default", "tests/thirdparty/cases.py"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr

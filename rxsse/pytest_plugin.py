"""pytest's ``--rxsse-uncaptured``: lists the writes of a test run that bypass the ORM; knows not how they are found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

import pytest

_OPTION = "--rxsse-uncaptured"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rxsse")
    group.addoption(
        _OPTION, action="store_true", help="list the writes that bypass the ORM, which rxsse hears of by triggers only"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(_OPTION):
        config.pluginmanager.register(Uncaptured(), "rxsse-uncaptured")


class Uncaptured:
    """Watches from the first test to the last."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._found: Sequence[object] = ()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        from rxsse.testing import uncaptured

        self._found = self._stack.enter_context(uncaptured())

    def pytest_sessionfinish(self) -> None:
        self._stack.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("writes that rxsse did not capture")
        for write, number in sorted(Counter(map(str, self._found)).items()):
            place = os.path.relpath(write) if os.path.isabs(write) else write
            terminalreporter.write_line(f"{place} ({number} times)" if number > 1 else place)
        terminalreporter.write_line(f"{len(self._found)} in all" if self._found else "none")

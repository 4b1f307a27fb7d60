"""Finds writes that capture did not notice, with the place in the code that made them; for tests, not for production.

Knows SQL only as far as to see that a statement writes, and into which table.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any
from unittest.mock import patch

import django
from django.apps import apps
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler

_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_NAME = r'(?:(?:"[^"]+"|`[^`]+`|\w+)\s*\.\s*)?("[^"]+"|`[^`]+`|\w+)'
_WRITE = re.compile(
    r"(?:\bINSERT\s+(?:OR\s+\w+\s+|IGNORE\s+)?INTO|\bREPLACE\s+INTO|\bMERGE\s+INTO|\bDELETE\s+FROM|\bTRUNCATE(?:\s+TABLE)?"
    r"|(?<!DO )(?<!FOR )(?<!NO KEY )\bUPDATE|\bCOPY)(?:\s+ONLY|\s+OR\s+\w+)?\s+" + _NAME,
    re.IGNORECASE,
)
_READS = re.compile(r"\s*(?:SELECT|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT|PRAGMA|SET|SHOW|EXPLAIN)\b", re.IGNORECASE)
_DJANGO = os.path.dirname(django.__file__) + os.sep
_RXSSE = os.path.dirname(__file__) + os.sep
_HOUSEKEEPING = tuple(
    os.path.join(_DJANGO, *part.split("/"))
    for part in ("core/management/commands/flush.py", "db/migrations", "db/backends/base/creation.py")
)
"""Where Django empties and builds tables: a test's surroundings, not what it tests."""


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that no owner of a topic heard of, and who ran it: the innermost line that isn't Django's."""

    statement: str
    table: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.table}: {' '.join(self.statement.split())[:100]}"


class _Watch:
    """What one `uncaptured` has found. In the ORM's compilers, which capture notices, it looks away."""

    def __init__(self) -> None:
        self.found: list[Write] = []
        self._noticed = threading.local()
        self._connections: list[Any] = []

    def looking_away(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def execute(compiler: Any, *args: Any, **kwargs: Any) -> Any:
            depth = getattr(self._noticed, "depth", 0)
            self._noticed.depth = depth + 1
            try:
                return original(compiler, *args, **kwargs)
            finally:
                self._noticed.depth = depth

        return execute

    def add(self, connection: Any, **_: Any) -> None:
        if self.look not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.look)
            self._connections.append(connection)

    def remove(self) -> None:
        for connection in self._connections:
            if self.look in connection.execute_wrappers:
                connection.execute_wrappers.remove(self.look)

    def look(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        if not getattr(self._noticed, "depth", 0):
            statement = sql if isinstance(sql, str) else str(sql)
            tables = [table for table in written(statement) if table in _shown_tables()]
            place = _place(sys._getframe(1)) if tables else None
            if place is not None:
                self.found += [Write(statement, table, *place) for table in tables]
        return result


@contextmanager
def uncaptured() -> Iterator[list[Write]]:
    """Gives a list that grows by each write which bypasses the ORM, in any thread, into the table of a model.

    Such a write is shown at the next audit only, or at once where triggers note it. What a
    database does by itself (a function, a rule, COPY through the driver) isn't seen here either.
    """
    watch = _Watch()
    with ExitStack() as stack:
        for compiler in (SQLInsertCompiler, SQLUpdateCompiler, SQLDeleteCompiler):
            for name in ("execute_sql", "execute_returning_sql"):
                if hasattr(compiler, name):
                    stack.enter_context(patch.object(compiler, name, watch.looking_away(getattr(compiler, name))))
        connection_created.connect(watch.add)
        stack.callback(connection_created.disconnect, watch.add)
        stack.callback(watch.remove)
        for connection in connections.all(initialized_only=True):
            watch.add(connection)
        yield watch.found


def written(statement: str) -> list[str]:
    """The tables that ``statement`` says it writes, each once."""
    bare = _NOISE.sub(" ", statement)
    if _READS.match(bare) and ";" not in bare:
        return []
    return list(dict.fromkeys(name.strip('"`') for name in _WRITE.findall(bare)))


def _shown_tables() -> set[str]:
    from rxsse.triggers.tracked import UNTRACKED

    return {
        model._meta.db_table.strip('"')
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in UNTRACKED
    }


def _place(frame: FrameType | None) -> tuple[str, int] | None:
    """Where the innermost code that is neither Django's nor ours stands; None for Django's own housekeeping."""
    place: tuple[str, int] | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_HOUSEKEEPING) or frame.f_code.co_name == "_fixture_teardown":
            return None
        if place is None and not file.startswith((_DJANGO, _RXSSE)) and not file.startswith("<"):
            place = file, frame.f_lineno
        frame = frame.f_back
    return place

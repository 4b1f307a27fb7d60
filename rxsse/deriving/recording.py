"""Records what a serializer reads while it runs: tables by SQL, rows by cached relations.

A method field is a function of what it reads. So its result can change only when something
in its recorded reads changes (docs/adr/0005). Knows neither channels nor replicas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from threading import local
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connections
from django.db.models import Model

from rxsse.rows import keys_of, label_of

_IDENTIFIER = re.compile(r'"([^"]+)"|`([^`]+)`|\[([^\]]+)\]|([A-Za-z_][A-Za-z0-9_$]*)')


@dataclass(slots=True)
class Reads:
    """``tables``: labels of models whose table was queried; ``rows``: (label, key) of rows used from a cache."""

    tables: set[str] = field(default_factory=set)
    rows: set[tuple[str, str]] = field(default_factory=set)


class _Recorders(local):
    def __init__(self) -> None:
        self.stack: list[Reads] = []


_recorders = _Recorders()


@contextmanager
def recording() -> Iterator[Reads]:
    """Record the reads of this thread; an inner recording hides its reads from the outer one."""
    reads = Reads()
    _recorders.stack.append(reads)
    try:
        yield reads
    finally:
        _recorders.stack.pop()


@contextmanager
def listening() -> Iterator[None]:
    """Let this thread's open connections feed `recording`; wrap each read of the database in one."""
    open_connections = [connections[alias] for alias in connections]
    for connection in open_connections:
        connection.execute_wrappers.append(_note)
    try:
        yield
    finally:
        for connection in open_connections:
            connection.execute_wrappers.remove(_note)


def _note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if _recorders.stack:
        _recorders.stack[-1].tables.update(tables_in(str(sql)))
    return execute(sql, params, many, context)


@lru_cache(maxsize=4096)
def tables_in(sql: str) -> frozenset[str]:
    """Labels of the models whose tables ``sql`` names: at least those that it reads."""
    known = _labels_by_table()
    found: set[str] = set()
    for match in _IDENTIFIER.finditer(sql):
        found.update(known.get((match[1] or match[2] or match[3] or match[4]).lower(), ()))
    return frozenset(found)


@lru_cache(maxsize=1)
def _labels_by_table() -> dict[str, frozenset[str]]:
    tables: dict[str, set[str]] = {}
    for model in apps.get_models(include_auto_created=True):
        # Django quotes a name as one word, dots included, unless it comes with quotes of its own ("schema"."table").
        name = model._meta.db_table.lower()
        for written in {name, name.replace('"."', ".").strip('"').rsplit(".", 1)[-1]}:
            tables.setdefault(written, set()).add(label_of(model))
    return {name: frozenset(labels) for name, labels in tables.items()}


class TrackedCache(dict[str, Any]):
    """An instance's ``_state.fields_cache`` that tells the recorder which related rows were used."""

    __slots__ = ("_model",)

    def __init__(self, model: type[Model], content: dict[str, Any]) -> None:
        super().__init__(content)
        self._model = model

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if _recorders.stack:
            self._record(name, value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default

    def _record(self, name: str, value: Any) -> None:
        reads = _recorders.stack[-1]
        if isinstance(value, Model):
            reads.rows.update(keys_of(value))
            track(value)
        elif value is None and (absent := _reverse_model(self._model, name)) is not None:
            # Nothing there: the row that would appear has no key yet.
            reads.tables.add(label_of(absent))


def track(instance: Model) -> None:
    """Have reads of ``instance``'s cached relations recorded."""
    cache = instance._state.fields_cache
    if type(cache) is dict:
        instance._state.fields_cache = TrackedCache(type(instance), cache)


@lru_cache(maxsize=1024)
def _reverse_model(model: type[Model], name: str) -> type[Model] | None:
    try:
        relation = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if relation.auto_created and relation.one_to_one:
        return relation.related_model
    return None

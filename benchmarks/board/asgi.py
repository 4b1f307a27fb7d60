"""The benchmarks' server, which counts how often tasks are selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.signals import connection_created

from rxsse.asgi import get_asgi_application

queries: list[str] = []
"""Every SELECT of tasks of this process."""


def _note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    if 'FROM "board_task"' in sql:
        queries.append(sql)
    return execute(sql, params, many, context)


def _listen(connection: Any, **_: Any) -> None:
    connection.execute_wrappers.append(_note)


connection_created.connect(_listen, dispatch_uid="benchmarks.board")
application = get_asgi_application()

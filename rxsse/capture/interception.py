"""Puts capture where every ORM write passes: the compilers of INSERT, UPDATE and DELETE, and the connection.

No signal is connected: signals miss bulk writes, and a receiver of ``post_delete`` would cost
Django its fast deletes. Knows neither what is noted nor how it is announced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler
from django.db.models.sql.constants import ROW_COUNT

from rxsse.capture import statements, transactions
from rxsse.capture.announcing import complain, connected
from rxsse.messages import Change, Operation
from rxsse.rows import label_of

Method = Callable[..., Any]
# (compiler, what it was asked for, what it returned, what was read before it ran) -> what it wrote
Reader = Callable[[Any, Any, Any, tuple[Change, ...]], tuple[Change, ...]]

_UNKNOWN: Any = object()  # instead of a result: the statement has not run, or failed on its way
_replaced: list[tuple[type, str, Method | None]] = []


def install() -> None:
    """Begin to notice writes. Called again it does nothing."""
    if _replaced:
        return
    _replace(SQLInsertCompiler, "execute_sql", _statement(Operation.INSERT, _inserted))
    _replace(SQLUpdateCompiler, "execute_sql", _statement(Operation.UPDATE, _updated))
    if hasattr(SQLUpdateCompiler, "execute_returning_sql"):  # since Django 6.0
        _replace(SQLUpdateCompiler, "execute_returning_sql", _returning)
    _replace(SQLDeleteCompiler, "execute_sql", _statement(Operation.DELETE, _deleted))
    for name, wrap in _CONNECTION.items():
        _replace(BaseDatabaseWrapper, name, wrap)


def uninstall() -> None:
    """Put everything back as it was. Transactions that are open are not announced."""
    while _replaced:
        owner, name, own = _replaced.pop()
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def _replace(owner: type, name: str, wrap: Callable[[Method], Method]) -> None:
    original: Method = getattr(owner, name)
    _replaced.append((owner, name, owner.__dict__.get(name)))
    setattr(owner, name, functools.wraps(original)(wrap(original)))


def _statement(operation: Operation, reader: Reader) -> Callable[[Method], Method]:
    def wrap(original: Method) -> Method:
        def execute(compiler: Any, *args: Any, **kwargs: Any) -> Any:
            if not connected():
                return original(compiler, *args, **kwargs)
            try:
                model = label_of(compiler.query.model)
                is_open = transactions.is_open(compiler.connection)
            except Exception:
                complain("A statement that is not Django's own can't be announced")
                return original(compiler, *args, **kwargs)
            asked = args[0] if args else kwargs.get("result_type")
            if not is_open:
                return transactions.alone(
                    compiler.connection,
                    model,
                    operation,
                    lambda: reader(compiler, asked, _UNKNOWN, ()),
                    lambda: original(compiler, *args, **kwargs),
                    lambda result, before: reader(compiler, asked, result, before),
                    single=not getattr(compiler.query, "related_updates", None),
                )
            result = _UNKNOWN
            try:
                result = original(compiler, *args, **kwargs)
            finally:
                # Also after an error: an insert in several statements may have got half way.
                transactions.note(compiler.connection, model, operation, lambda: reader(compiler, asked, result, ()))
            return result

        return execute

    return wrap


def _returning(original: Method) -> Method:
    noticed = _statement(Operation.UPDATE, _updated)(original)

    def execute_returning_sql(compiler: Any, returning_fields: Any) -> Any:
        if not returning_fields or not compiler.connection.features.can_return_rows_from_update:
            return original(compiler, returning_fields)  # goes on to `execute_sql`
        return noticed(compiler, returning_fields)

    return execute_returning_sql


def _inserted(compiler: Any, asked: Any, result: Any, before: tuple[Change, ...]) -> tuple[Change, ...]:
    rows = () if result is _UNKNOWN else result
    return statements.inserted(compiler.query, compiler.returning_fields, rows)


def _updated(compiler: Any, asked: Any, result: Any, before: tuple[Change, ...]) -> tuple[Change, ...]:
    if result == [] or (asked == ROW_COUNT and result == 0):
        return ()
    # An update across tables replaces its conditions by keys while it runs; otherwise they are what they were.
    if before and before[0].keys is not None:
        return before
    return statements.updated(compiler.query, compiler.connection.vendor)


def _deleted(compiler: Any, asked: Any, result: Any, before: tuple[Change, ...]) -> tuple[Change, ...]:
    if asked == ROW_COUNT and (result is None or result == 0):
        return ()
    return before or statements.deleted(compiler.query, compiler.connection.vendor)


def _commit(original: Method) -> Method:
    def commit(connection: BaseDatabaseWrapper) -> Any:
        if connection.in_atomic_block:
            return original(connection)  # refused
        return transactions.commit(connection, lambda: original(connection))

    return commit


def _set_autocommit(original: Method) -> Method:
    def set_autocommit(connection: BaseDatabaseWrapper, autocommit: bool, *args: Any, **kwargs: Any) -> Any:
        if not autocommit or connection.in_atomic_block:
            return original(connection, autocommit, *args, **kwargs)
        # SQLite and MySQL commit here what nobody has committed by name.
        return transactions.commit(connection, lambda: original(connection, autocommit, *args, **kwargs))

    return set_autocommit


def _rollback(original: Method) -> Method:
    def rollback(connection: BaseDatabaseWrapper) -> Any:
        result = original(connection)
        transactions.end(connection)  # only now: inside `atomic` it is refused, and nothing is lost
        return result

    return rollback


def _close(original: Method) -> Method:
    def close(connection: BaseDatabaseWrapper) -> Any:
        try:
            return original(connection)
        finally:
            # Another thread's attempt is refused, an in-memory SQLite stays open: then all goes on.
            if connection.connection is None or connection.closed_in_transaction:
                transactions.end(connection)

    return close


def _savepoint(original: Method) -> Method:
    def savepoint(connection: BaseDatabaseWrapper) -> Any:
        begins = connection.vendor == "sqlite" and not getattr(connection.connection, "in_transaction", True)
        sid = original(connection)
        transactions.savepoint(connection, sid, begins)
        return sid

    return savepoint


def _savepoint_commit(original: Method) -> Method:
    def savepoint_commit(connection: BaseDatabaseWrapper, sid: str) -> Any:
        if transactions.ends_with(connection, sid):
            return transactions.commit(connection, lambda: original(connection, sid))
        result = original(connection, sid)
        transactions.release(connection, sid)
        return result

    return savepoint_commit


def _savepoint_rollback(original: Method) -> Method:
    def savepoint_rollback(connection: BaseDatabaseWrapper, sid: str) -> Any:
        result = original(connection, sid)
        transactions.rollback_to(connection, sid)
        return result

    return savepoint_rollback


_CONNECTION: dict[str, Callable[[Method], Method]] = {
    "commit": _commit,
    "set_autocommit": _set_autocommit,
    "rollback": _rollback,
    "close": _close,
    "savepoint": _savepoint,
    "savepoint_commit": _savepoint_commit,
    "savepoint_rollback": _savepoint_rollback,
}

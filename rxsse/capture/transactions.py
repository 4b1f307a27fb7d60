"""Keeps a ledger on each connection with an open transaction, and announces it around the commit.

The ledger is on the connection, never in a thread-local: that is where ``using=``, threads and
async code agree. Django's own ``on_commit`` is not used, because its hooks may raise before
ours is reached, don't exist outside ``atomic``, and are counted by applications' own tests
(``captureOnCommitCallbacks``). Knows nothing of how statements are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import DataError, IntegrityError, InternalError, NotSupportedError, ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

from rxsse.capture.announcing import Transaction, complain, current, harmless, watching
from rxsse.capture.ledger import Journal, Ledger, Page, anything, late
from rxsse.messages import Change, Operation

_LEDGER = "_rxsse_ledger"
_JOURNAL = "_rxsse_journal"
_BEGUN_BY = "_rxsse_begun_by"

# After one of these nothing was written. Any other may hide a commit that has taken place.
REFUSALS = (IntegrityError, DataError, ProgrammingError, NotSupportedError, InternalError)

Read = Callable[[], tuple[Change, ...]]


def is_open(connection: BaseDatabaseWrapper) -> bool:
    """Whether a statement would run in a transaction that ends later. Connects nothing."""
    if connection.in_atomic_block:
        return True
    # Not yet connected: `get_autocommit` would connect, with errors of its own.
    return not (connection.autocommit if connection.connection is not None else connection.settings_dict["AUTOCOMMIT"])


def read_safely(read: Read, model: str, operation: Operation) -> tuple[Change, ...]:
    """What ``read`` finds; where it fails, that any rows may have been written."""
    try:
        return read()
    except Exception:
        complain(f"The rows of an {operation.value.upper()} on {model} can't be read, all are announced")
        return (anything(model, operation),)


@harmless
def note(connection: BaseDatabaseWrapper, model: str, operation: Operation, read: Read) -> None:
    """Note what a statement wrote in the connection's open transaction."""
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    if ledger is None:
        ledger = connection.__dict__[_LEDGER] = Ledger()
    if watching(model) is None:
        # Its rows don't matter, unless somebody begins to watch before the commit.
        ledger.page.unwatched.add((model, operation))
        return
    changes = read_safely(read, model, operation)
    for change in changes:
        ledger.page.add(change)
    _write_journal(connection, changes)


def alone(
    connection: BaseDatabaseWrapper,
    model: str,
    operation: Operation,
    before: Read,
    execute: Callable[[], Any],
    after: Callable[[Any, tuple[Change, ...]], tuple[Change, ...]],
    *,
    single: bool,
) -> Any:
    """Execute a statement that is a transaction of its own, and announce it.

    Where it isn't a ``single`` one, an error may come when the first ones are committed.
    """
    feed = watching(model)
    if feed is None:
        result = execute()
        feed = watching(model)  # as in `commit`
        if feed is not None:
            Transaction(feed, connection.alias).commit(read_safely(lambda: after(result, ()), model, operation))
        return result
    joinable = connections[connection.alias] is connection
    transaction = Transaction(feed, connection.alias)
    changes: tuple[Change, ...] = ()
    joins = joinable and feed.transactional
    if not joins:
        changes = read_safely(before, model, operation)
        transaction.prepare(changes)
        joins = joinable and transaction.unheard
    if joins:
        with atomic(using=connection.alias):  # which is announced as any other
            result = execute()
            note(connection, model, operation, lambda: after(result, ()))
            return result
    try:
        result = execute()
    except BaseException as error:
        if single and isinstance(error, REFUSALS):
            transaction.withdraw()
        else:
            transaction.doubt()
        raise
    transaction.commit(read_safely(lambda: after(result, changes), model, operation))
    return result


def commit(connection: BaseDatabaseWrapper, execute: Callable[[], Any]) -> Any:
    """Commit by ``execute``, and announce what the ledger holds."""
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    feed = current() if ledger is not None else None
    if ledger is None or feed is None:
        return execute()
    transaction = Transaction(feed, connection.alias)
    page = _whole(ledger)
    changes = () if page is None else page.changes() + _late(page)
    if not feed.transactional or connections[connection.alias] is connection:
        transaction.prepare(changes)
    # A commit that fails leaves the ledger: outside `atomic` it can be tried again. A rollback takes it.
    try:
        result = execute()
    except BaseException as error:
        if isinstance(error, REFUSALS):
            transaction.withdraw()
        else:
            transaction.doubt()
        raise
    connection.__dict__.pop(_LEDGER, None)
    if page is None:
        transaction.lose()
    else:
        # Who began to watch while the commit ran may have taken a snapshot without it.
        added = tuple(change for change in _late(page) if change not in changes)
        transaction.commit(changes + added if added else changes)
    return result


@harmless
def end(connection: BaseDatabaseWrapper) -> None:
    """The transaction was rolled back, or went down with its connection."""
    ledger: Ledger | None = connection.__dict__.pop(_LEDGER, None)
    if ledger is not None:
        _take_back(connection, ledger.whole())


@harmless
def savepoint(connection: BaseDatabaseWrapper, sid: str | None, begins: bool) -> None:
    """``begins``: it began the transaction, which ends when it is released (SQLite without autocommit)."""
    if begins:
        connection.__dict__[_BEGUN_BY] = sid
    elif ends_with(connection, sid):
        del connection.__dict__[_BEGUN_BY]  # another transaction's savepoint of the same name
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    if ledger is not None and sid is not None:
        ledger.savepoint(sid)


def ends_with(connection: BaseDatabaseWrapper, sid: str | None) -> bool:
    """Whether releasing ``sid`` commits the transaction."""
    return _BEGUN_BY in connection.__dict__ and connection.__dict__[_BEGUN_BY] == sid


@harmless
def release(connection: BaseDatabaseWrapper, sid: str) -> None:
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    if ledger is not None:
        ledger.release(sid)


@harmless
def rollback_to(connection: BaseDatabaseWrapper, sid: str) -> None:
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    if ledger is not None:
        _take_back(connection, ledger.rollback(sid))


class Pending(NamedTuple):
    """What one connection sees that others may not; ``position`` is to be given back as ``since``."""

    position: int
    changes: tuple[Change, ...]


def pending(using: str = "default", since: int | None = None) -> Pending:
    """The changes of this thread's open transaction on ``using``; for tests, where nothing is ever committed.

    With the ``position`` of an earlier answer, those made since, and those taken back by a
    rollback since: both are differences to what the connection saw then.
    """
    connection = connections[using]
    journal: Journal = connection.__dict__.setdefault(_JOURNAL, Journal())
    if since is not None:
        return Pending(journal.position, journal.since(since))
    ledger: Ledger | None = connection.__dict__.get(_LEDGER)
    return Pending(journal.position, () if ledger is None else ledger.whole().changes())


def _whole(ledger: Ledger) -> Page | None:
    try:
        return ledger.whole()
    except Exception:
        complain("What a transaction wrote can't be told, readers are told to look at everything")
        return None


def _late(page: Page) -> tuple[Change, ...]:
    return late(page, lambda model: watching(model) is not None) if page.unwatched else ()


def _take_back(connection: BaseDatabaseWrapper, page: Page) -> None:
    if _JOURNAL in connection.__dict__:
        _write_journal(connection, (*page.changes(), *_late(page)))


def _write_journal(connection: BaseDatabaseWrapper, changes: tuple[Change, ...]) -> None:
    journal: Journal | None = connection.__dict__.get(_JOURNAL)
    if journal is not None:
        journal.write(changes)

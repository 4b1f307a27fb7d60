"""The SQL of the outbox's two tables, as each database has it; knows neither announcements nor threads.

Cursors are the driver's own: what is asked here is not the application's, and not counted as its queries.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from django.db import router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

OUTBOX = "rxsse_outbox"
"""The table, and on PostgreSQL the channel of NOTIFY."""
INTEREST = "rxsse_interest"

GAP = "gap"
"""The body of a row that is no announcement: something was lost, readers are to reconcile."""

ANY = f"SELECT EXISTS (SELECT 1 FROM {OUTBOX})"
"""Whether there is a row."""

_INSERT = {
    "postgresql": f"INSERT INTO {OUTBOX} (body, position) VALUES (%s, pg_current_xact_id()::text::bigint) RETURNING id",
}
_SELECT = {
    "postgresql": f"SELECT id, body, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    f" FROM {OUTBOX} WHERE position >= %s ORDER BY id",
    # Writers take turns, so ids become visible in their order.
    "sqlite": f"SELECT id, body, id + 1 FROM {OUTBOX} WHERE id >= %s ORDER BY id",
}
_SELECT_ALL = f"SELECT id, body, 0 FROM {OUTBOX} WHERE id >= %s ORDER BY id"


class Found(NamedTuple):
    """``rows``: (id, body). Whatever becomes visible later is at or behind ``floor``."""

    rows: list[tuple[int, str]]
    floor: int


class Watchers(NamedTuple):
    """Who watches what, as (model, name); ``current``: as of now, not as of the beginning of a transaction."""

    watched: list[tuple[str, str]]
    current: bool


def aliases() -> list[str]:
    """The databases that have an outbox by the project's routers, the default one first."""
    from django.db import DEFAULT_DB_ALIAS, connections

    allowed = [alias for alias in connections if router.allow_migrate(alias, "rxsse", model_name="outbox")]
    return sorted(allowed, key=lambda alias: alias != DEFAULT_DB_ALIAS)


@contextmanager
def _cursor(connection: BaseDatabaseWrapper, *, joins: bool = False) -> Iterator[Any]:
    """``joins``: what is executed belongs to the transaction that comes to an end later, even if it begins it."""
    connection.ensure_connection()
    begins = not joins and _begins(connection)
    try:
        with connection.wrap_database_errors, closing(connection.create_cursor()) as cursor:
            yield cursor
            if begins:
                connection.connection.commit()
    except Exception:
        if begins:
            connection.connection.rollback()
        raise


def _begins(connection: BaseDatabaseWrapper) -> bool:
    """Whether psycopg would begin a transaction with the next statement, which then is ours to end.

    So it is between a commit and the moment in which Django switches autocommit on again: that
    fails, and the application's write with it, where a transaction has begun meanwhile.
    """
    driver = connection.connection
    if connection.vendor != "postgresql" or driver.autocommit:
        return False
    return not driver.info.transaction_status  # 0 is IDLE, in psycopg 2 as well


def exist(connection: BaseDatabaseWrapper) -> bool:
    """Whether the tables are there. Harmless in a transaction."""
    if connection.vendor == "postgresql":
        with _cursor(connection) as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL AND to_regclass(%s) IS NOT NULL", [OUTBOX, INTEREST])
            return bool(cursor.fetchone()[0])
    if connection.vendor == "sqlite":
        with _cursor(connection) as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE name IN (%s, %s)", [OUTBOX, INTEREST])
            return bool(cursor.fetchone()[0] == 2)
    return {OUTBOX, INTEREST} <= set(connection.introspection.table_names())


def is_open(connection: BaseDatabaseWrapper) -> bool:
    """Whether a statement would belong to a transaction that ends later."""
    return connection.in_atomic_block or not connection.get_autocommit()


def wait_briefly(connection: BaseDatabaseWrapper) -> None:
    """Have this connection wait for SQLite's lock for a tenth of a second, not for as long as the project allows."""
    if connection.vendor == "sqlite":
        with _cursor(connection) as cursor:
            cursor.execute("PRAGMA busy_timeout = 100")


# --- the outbox ------------------------------------------------------------------------------


def write(connection: BaseDatabaseWrapper, body: str, *, joins: bool = False) -> int | None:
    """Add a row, in the open transaction where it ``joins`` that; its id, None where the database doesn't tell.

    In an open transaction a failure leaves that as it was, on every database (PROTOCOL I6).
    """
    insert = _INSERT.get(connection.vendor, f"INSERT INTO {OUTBOX} (body, position) VALUES (%s, 0)")
    with _cursor(connection, joins=joins) as cursor:
        if connection.vendor != "postgresql":
            cursor.execute(insert, [body])
            return getattr(cursor, "lastrowid", None)
        if not joins:
            cursor.execute(insert, [body])
            return int(cursor.fetchone()[0])
        # A failed statement would doom the transaction, whose COMMIT would then roll back without an error.
        try:
            return _guarded(cursor, insert, body)
        except Exception:  # the driver's own
            cursor.execute(f"ROLLBACK TO SAVEPOINT {OUTBOX}")
            raise


def _guarded(cursor: Any, insert: str, body: str) -> int:
    begin, end = f"SAVEPOINT {OUTBOX}", f"RELEASE SAVEPOINT {OUTBOX}"
    if _binds_here(cursor):
        cursor.execute(f"{begin}; {insert}; {end}", [body])  # one way to the server and back
        cursor.nextset()
        return int(cursor.fetchone()[0])
    cursor.execute(begin)
    cursor.execute(insert, [body])
    id_ = int(cursor.fetchone()[0])
    cursor.execute(end)
    return id_


def _binds_here(cursor: Any) -> bool:
    """Whether several statements can be sent at once: psycopg 3 with parameters bound on our side, Django's default."""
    try:
        from psycopg import ClientCursor
    except ImportError:
        return False
    return isinstance(cursor, ClientCursor)


def read(connection: BaseDatabaseWrapper, floor: int) -> Found:
    """The rows at and behind ``floor`` (0 at first) that are visible now, and where to go on the next time."""
    with _cursor(connection) as cursor:
        cursor.execute(_SELECT.get(connection.vendor, _SELECT_ALL), [floor])
        rows = cursor.fetchall()
    return Found([(id_, body) for id_, body, _ in rows], max((floor, *(next_ for _, _, next_ in rows))))


def ids(connection: BaseDatabaseWrapper, limit: int) -> list[int]:
    """Those of the rows that are visible now, the first ``limit`` of them."""
    with _cursor(connection) as cursor:
        cursor.execute(f"SELECT id FROM {OUTBOX} ORDER BY id LIMIT {limit}")
        return [int(id_) for (id_,) in cursor.fetchall()]


def remove(connection: BaseDatabaseWrapper, ids: Sequence[int]) -> None:
    """Delete these rows; those that another process is deleting are left to it."""
    marks = ", ".join(["%s"] * len(ids))
    chosen = marks
    if connection.vendor == "postgresql":
        chosen = f"SELECT id FROM {OUTBOX} WHERE id IN ({marks}) FOR UPDATE SKIP LOCKED"
    with _cursor(connection) as cursor:
        cursor.execute(f"DELETE FROM {OUTBOX} WHERE id IN ({chosen})", list(ids))


# --- who watches -----------------------------------------------------------------------------


def say(connection: BaseDatabaseWrapper, name: str, models: Iterable[str], seconds: float) -> bool:
    """Have ``name`` watch exactly ``models`` for ``seconds`` from now on; whether it was known and had not run out."""
    now, given = _now(connection)
    with transaction.atomic(using=connection.alias), _cursor(connection) as cursor:
        # First, because it is a write: SQLite refuses it to who has read before. Long dead, so that nobody
        # deletes what its owner is renewing.
        cursor.execute(f"DELETE FROM {INTEREST} WHERE until < {now} - %s", [*given, seconds])
        cursor.execute(f"SELECT count(*) FROM {INTEREST} WHERE name = %s AND until > {now}", [name, *given])
        known = bool(cursor.fetchone()[0])
        cursor.execute(f"DELETE FROM {INTEREST} WHERE name = %s", [name])
        for model in sorted(models):
            cursor.execute(
                f"INSERT INTO {INTEREST} (model, name, until) VALUES (%s, %s, {now} + %s)",
                [model, name, *given, seconds],
            )
    return known


def ask(connection: BaseDatabaseWrapper) -> Watchers:
    """Everybody's watching."""
    now, given = _now(connection)
    current = True
    with _cursor(connection) as cursor:
        if connection.vendor == "postgresql" and is_open(connection):
            cursor.execute("SELECT current_setting('transaction_isolation')")
            current = cursor.fetchone()[0] == "read committed"
        cursor.execute(f"SELECT model, name FROM {INTEREST} WHERE until > {now}", given)
        return Watchers(list(cursor.fetchall()), current)


def _now(connection: BaseDatabaseWrapper) -> tuple[str, list[float]]:
    """An expression and its parameters: PostgreSQL has a clock for all; with SQLite they share a machine."""
    if connection.vendor == "postgresql":
        return "extract(epoch FROM clock_timestamp())", []
    return "%s", [time.time()]

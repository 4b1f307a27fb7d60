"""The triggers of PostgreSQL: one per table and operation, fired once per statement; knows no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from rxsse.capture.ledger import MAX_VALUES
from rxsse.feeds.tables import INTEREST, OUTBOX
from rxsse.triggers.tracked import Table

FUNCTION = "rxsse_note"
TRANSITIONS = {
    "insert": "REFERENCING NEW TABLE AS rxsse_rows",
    "update": "REFERENCING OLD TABLE AS rxsse_before NEW TABLE AS rxsse_rows",
    "delete": "REFERENCING OLD TABLE AS rxsse_rows",
    "truncate": "",
}

# Runs with its owner's rights, because another service need not be allowed to write into the outbox by itself.
# What it finds through the search path is fixed when it is made. Its names are none that a table's columns have.
# Whatever goes wrong in it must not fail the write (PROTOCOL I6).
_SOURCE = f"""
#variable_conflict use_variable
DECLARE
    rxsse_keys jsonb;
    rxsse_old jsonb;
    rxsse_relations jsonb := '{{}}';
    rxsse_operation text := lower(TG_OP);
    rxsse_amount bigint;
    rxsse_pair record;
    rxsse_found jsonb;
BEGIN
    PERFORM FROM {INTEREST} WHERE model = TG_ARGV[0] AND until > extract(epoch FROM clock_timestamp());
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF rxsse_operation = 'truncate' THEN
        rxsse_operation := 'delete';
    ELSE
        SELECT count(*) INTO rxsse_amount FROM (SELECT FROM rxsse_rows LIMIT {MAX_VALUES + 1}) AS rxsse_few;
        IF rxsse_amount = 0 THEN
            RETURN NULL;
        END IF;
        IF rxsse_amount <= {MAX_VALUES} THEN
            IF TG_ARGV[1] <> '[]' THEN
                SELECT jsonb_agg(rxsse_key(to_jsonb(rxsse_row), TG_ARGV[1]::jsonb)) INTO rxsse_keys
                FROM rxsse_rows AS rxsse_row;
                IF rxsse_operation = 'update' THEN
                    SELECT jsonb_agg(rxsse_key(to_jsonb(rxsse_row), TG_ARGV[1]::jsonb)) INTO rxsse_old
                    FROM rxsse_before AS rxsse_row;
                    rxsse_keys := rxsse_keys || rxsse_old;
                END IF;
            END IF;
            FOR rxsse_pair IN SELECT key, value FROM jsonb_each_text(TG_ARGV[2]::jsonb) LOOP
                SELECT jsonb_agg(DISTINCT to_jsonb(rxsse_row) -> rxsse_pair.value) INTO rxsse_found
                FROM rxsse_rows AS rxsse_row;
                rxsse_relations := rxsse_relations || jsonb_build_object(rxsse_pair.key, rxsse_found);
            END LOOP;
        END IF;
    END IF;
    INSERT INTO {OUTBOX} (body, position) VALUES (
        jsonb_build_object('m', TG_ARGV[0], 'o', rxsse_operation, 'k', rxsse_keys, 'r', rxsse_relations)::text,
        pg_current_xact_id()::text::bigint
    );
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'rxsse could not note a write to %: %', TG_TABLE_NAME, SQLERRM;
    RETURN NULL;
END
"""

_FUNCTIONS = (
    """CREATE OR REPLACE FUNCTION rxsse_key(line jsonb, columns jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$ SELECT jsonb_agg(line -> name ORDER BY place) FROM jsonb_array_elements_text(columns)
       WITH ORDINALITY AS each (name, place) $$""",
    f"""CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $rxsse${_SOURCE}$rxsse$""",
)
_VERSION = hashlib.sha256("".join(_FUNCTIONS).encode()).hexdigest()[:12]


def wanted(connection: Any, table: Table) -> dict[str, str]:
    """The triggers of ``table``: (name) -> what identifies their definition."""
    return {f"rxsse_{operation}": f"rxsse {_digest(table, operation)}" for operation in TRANSITIONS}


def found(connection: Any) -> dict[str, dict[str, str]]:
    """The triggers there are: table -> name -> what identifies their definition. Switched-off ones don't count."""
    result: dict[str, dict[str, str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, tgname, coalesce(obj_description(t.oid, 'pg_trigger'), ''), tgenabled"
            " FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid"
            " WHERE NOT tgisinternal AND tgname LIKE 'rxsse\\_%%' AND pg_table_is_visible(c.oid)"
        )
        for table, name, comment, enabled in cursor.fetchall():
            result.setdefault(table, {})[name] = comment if enabled in ("O", "A") else "off"
    return result


def creating(connection: Any, table: Table) -> Iterator[str]:
    """The statements that make the triggers of ``table``, over any that are there."""
    quote = connection.ops.quote_name
    arguments = ", ".join(map(_literal, (table.label, json.dumps(table.keys), json.dumps(table.relations))))
    for operation, transition in TRANSITIONS.items():
        name = quote(f"rxsse_{operation}")
        yield f"DROP TRIGGER IF EXISTS {name} ON {quote(table.name)}"
        yield (
            f"CREATE TRIGGER {name} AFTER {operation.upper()} ON {quote(table.name)} {transition}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}({arguments})"
        )
        yield f"COMMENT ON TRIGGER {name} ON {quote(table.name)} IS 'rxsse {_digest(table, operation)}'"


def before(connection: Any) -> Iterator[str]:
    """What the triggers need."""
    yield from _FUNCTIONS


def removing(connection: Any, table: str, name: str) -> str:
    quote = connection.ops.quote_name
    return f"DROP TRIGGER IF EXISTS {quote(name)} ON {quote(table)}"


def after(connection: Any) -> Iterator[str]:
    """What is left when the last trigger is gone."""
    yield f"DROP FUNCTION IF EXISTS {FUNCTION}()"
    yield "DROP FUNCTION IF EXISTS rxsse_key(jsonb, jsonb)"


def _digest(table: Table, operation: str) -> str:
    return hashlib.sha256(repr((_VERSION, operation, table)).encode()).hexdigest()[:12]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

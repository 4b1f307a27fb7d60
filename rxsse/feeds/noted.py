"""Reads what a trigger wrote into the outbox: values as the database has them; knows models, no transaction.

A trigger can't tell a value's canonical text (a UUID is 32 letters in SQLite), so whoever reads does.
"""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps

from rxsse.exceptions import ProtocolError
from rxsse.messages import Announcement, Change, Operation, Phase
from rxsse.rows import key_of, text_of

_PLAIN = frozenset(
    {
        *("AutoField", "BigAutoField", "SmallAutoField", "IntegerField", "BigIntegerField", "SmallIntegerField"),
        *("PositiveIntegerField", "PositiveBigIntegerField", "PositiveSmallIntegerField"),
        *("CharField", "SlugField", "TextField", "UUIDField"),
    }
)


def is_readable(field: Any) -> bool:
    """Whether `to_python` understands the column's value in the database; that of other fields isn't noted."""
    while field.remote_field is not None:
        field = field.target_field
    return field.get_internal_type() in _PLAIN and not hasattr(field, "from_db_value")


def announcement(alias: str, id_: int, body: str) -> Announcement:
    """The row as COMMITTED. Raises `ProtocolError` on anything that no trigger writes."""
    try:
        noted = json.loads(body)
        model = apps.get_model(noted["m"])
        keys = noted["k"]
        if keys is not None:
            keys = tuple(dict.fromkeys(key_of(model, key[0] if len(key) == 1 else key) for key in keys))
        columns = {field.attname: field for field in model._meta.local_concrete_fields}
        relations = {
            name: tuple(dict.fromkeys(text_of(columns[name], value) for value in values))
            for name, values in noted["r"].items()
        }
        change = Change(noted["m"], Operation(noted["o"]), keys, None, relations)
    except Exception as error:
        raise ProtocolError("neither an announcement nor what a trigger notes") from error
    return Announcement(f"{alias}/{id_}", Phase.COMMITTED, alias, (change,))

"""Names rows: a model's label and its values as text, the same on the writer's and the owner's side.

Knows models, never a database.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Model

_PARTS = re.compile(r"((?:[^\\,]|\\.)*),", re.DOTALL)
"""The parts of a composite key's text, each with the comma that ends it."""


def label_of(model: type[Model]) -> str:
    """The label of the concrete model: a proxy's rows are its model's rows."""
    return (model._meta.concrete_model or model)._meta.label_lower


def key_of(model: type[Model], pk: Any) -> str:
    """``pk`` as canonical text, however it was given (``UUID`` or its text, ``7`` or ``"7"``).

    A composite key is given as a sequence. Raises what the field's ``to_python`` raises where
    ``pk`` can't be a key of ``model`` (``ValidationError``, mostly).
    """
    fields = model._meta.pk_fields  # since Django 5.2
    if len(fields) == 1:
        return _text(fields[0], pk)
    parts = (_text(field, part) for field, part in zip(fields, pk, strict=True))
    return ",".join(part.replace("\\", "\\\\").replace(",", "\\,") for part in parts)


def pk_of(model: type[Model], key: str) -> Any:
    """What `key_of` made ``key`` of, as queries take it: a composite key is a tuple, any other its text."""
    fields = model._meta.pk_fields
    if len(fields) == 1:
        return key
    parts = [re.sub(r"\\(.)", r"\1", part) for part in _PARTS.findall(key + ",")]
    return tuple(field.to_python(part) for field, part in zip(fields, parts, strict=True))


def pks_of(model: type[Model], keys: Iterable[str]) -> list[Any]:
    """`pk_of` each of ``keys``."""
    return [pk_of(model, key) for key in keys]


def text_of(field: Any, value: Any) -> str | None:
    """The value of any column as canonical text, None for NULL; a foreign key's is that of the key it names."""
    return None if value is None else _text(field, value)


def keys_of(instance: Model) -> tuple[tuple[str, str], ...]:
    """(label, key) of the instance's row in its own table and in those of its parent models."""
    model = instance._meta.concrete_model or type(instance)
    keys = [(label_of(model), key_of(model, instance.pk))]
    for parent in model._meta.all_parents:
        link = model._meta.get_ancestor_link(parent)
        value = getattr(instance, link.attname) if link is not None else instance.pk
        keys.append((label_of(parent), key_of(parent, value)))
    return tuple(keys)


def _text(field: Any, value: Any) -> str:
    while field.remote_field is not None:
        field = field.target_field
    value = field.to_python(value)
    # Equal values of these types have several texts.
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, decimal.Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    return str(value)

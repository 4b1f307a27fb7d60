"""Names rows: a model's label and a primary key as text, the same on the writer's and the owner's side.

Knows models, never a database.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model


def label_of(model: type[Model]) -> str:
    """The label of the concrete model: a proxy's rows are its model's rows."""
    return (model._meta.concrete_model or model)._meta.label_lower


def key_of(model: type[Model], pk: Any) -> str:
    """``pk`` as canonical text, however it was given (``UUID`` or its text, ``7`` or ``"7"``)."""
    fields = getattr(model._meta, "pk_fields", None) or [model._meta.pk]
    if len(fields) == 1:
        return _text(fields[0], pk)
    return ",".join(_text(field, part).replace("\\", "\\\\").replace(",", "\\,") for field, part in zip(fields, pk, strict=True))


def _text(field: Any, value: Any) -> str:
    while field.remote_field is not None:
        field = field.target_field
    return str(field.to_python(value))


def keys_of(instance: Model) -> tuple[tuple[str, str], ...]:
    """(label, key) of the instance's row in its own table and in those of its parent models."""
    model = instance._meta.concrete_model or type(instance)
    keys = [(label_of(model), key_of(model, instance.pk))]
    for parent in model._meta.all_parents:
        link = model._meta.get_ancestor_link(parent)
        value = getattr(instance, link.attname) if link is not None else instance.pk
        keys.append((label_of(parent), key_of(parent, value)))
    return tuple(keys)

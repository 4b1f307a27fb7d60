"""Where a field's value comes from, and whether it can be null or missing; knows models, no types of TypeScript.

DRF reads ``source="a.b"`` attribute by attribute [rest_framework.fields.get_attribute]: a related row that does not
exist ends the way with null; None before the end is an AttributeError, for which a default, null or nothing is shown.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor, ReverseOneToOneDescriptor
from django.db.models.query_utils import DeferredAttribute
from django.utils.functional import cached_property

from rxsse.codegen.hints import Hint, optional, rows_in


@dataclass(frozen=True, slots=True)
class Source:
    """The end of a way. One of ``column``, ``model`` and ``hint`` says what is there; none where nothing is known.

    ``known``: whether ``null`` is the truth; else only the declaration of the field can tell.
    ``broken``: the way can end early, with an AttributeError.
    """

    column: Any = None
    model: type[Model] | None = None
    relation: Any = None
    many: bool = False
    hint: Hint | None = None
    null: bool = False
    known: bool = True
    broken: bool = False


UNKNOWN_SOURCE = Source(known=False)


def follow(model: type[Model] | None, attrs: Sequence[str]) -> Source:
    """Follow ``attrs`` from a row of ``model``; the row itself for no attributes."""
    here = Source(model=model) if model is not None else UNKNOWN_SOURCE
    absent = broken = False
    for number, name in enumerate(attrs):
        if number and here.null:
            broken = True
        if here.model is None or here.many:
            return replace(UNKNOWN_SOURCE, broken=broken, null=absent)
        here = _step(here.model, name)
        if here.relation is not None and here.null and not hasattr(here.relation, "attname"):
            # The other end of a one-to-one: DoesNotExist, which ends the way with null.
            absent, here = True, replace(here, null=False)
    return replace(here, null=here.null or absent, broken=broken)


def _step(model: type[Model], name: str) -> Source:
    if name == "pk":
        return Source(column=model._meta.pk)
    descriptor = inspect.getattr_static(model, name, None)
    if isinstance(descriptor, ForwardManyToOneDescriptor):
        column: Any = descriptor.field
        return Source(model=column.related_model, relation=column, null=column.null)
    if isinstance(descriptor, ReverseOneToOneDescriptor):
        return Source(model=descriptor.related.related_model, relation=descriptor.related, null=True)
    if isinstance(descriptor, DeferredAttribute):
        return Source(column=descriptor.field, null=descriptor.field.null)
    try:
        found: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        found = _by_accessor(model, name)
    if found is not None:
        if found.one_to_many or found.many_to_many:
            return Source(model=found.related_model, relation=found, many=True)
        if not found.is_relation:
            return Source(column=found, null=found.null)
        return Source(null=True)  # a generic foreign key: a row of any model, or of none any more
    return _display(model, name) or _computed(descriptor)


def _by_accessor(model: type[Model], name: str) -> Any:
    for relation in model._meta.related_objects:
        if relation.get_accessor_name() == name:
            return relation
    return None


def _display(model: type[Model], name: str) -> Source | None:
    """Django's own ``get_status_display()``: the label of a choice."""
    named = re.fullmatch(r"get_(\w+)_display", name)
    column = inspect.getattr_static(model, named[1], None) if named else None
    if not isinstance(column, DeferredAttribute) or not column.field.choices:
        return None
    null = column.field.null
    return Source(hint=Hint(str | None if null else str), null=null)


def _computed(descriptor: Any) -> Source:
    """A property or a method, by what it says that it returns."""
    function = descriptor.fget if isinstance(descriptor, property) else descriptor
    if isinstance(function, functools.cached_property | cached_property):
        function = function.func
    function = getattr(function, "__func__", function)  # a static or a class method
    if isinstance(function, functools.partialmethod):
        function = function.func
    if not isinstance(function, FunctionType):
        return UNKNOWN_SOURCE
    hint = Hint.of(function)
    if hint is None:
        return UNKNOWN_SOURCE
    row, many = rows_in(hint, Model, (QuerySet, Manager, list, tuple, Sequence))
    return Source(hint=hint, model=row, many=many, null=optional(hint), known=hint.known)

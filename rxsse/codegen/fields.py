"""DRF's fields as types: what each one puts into the JSON, null and absence included; knows no channels."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from django.db.models import Field as Column
from django.db.models import Model
from rest_framework import fields as drf
from rest_framework import relations
from rest_framework.fields import Field, empty
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings

from rxsse.codegen import columns, foreign
from rxsse.codegen.annotations import constant, returned_by, term_of
from rxsse.codegen.scope import Scope
from rxsse.codegen.sources import UNKNOWN_SOURCE, Source, follow
from rxsse.codegen.types import (
    BOOLEAN,
    JSON_VALUE,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Member,
    Record,
    Term,
    literal,
    nullable,
    union,
)

AnyField = Field[Any, Any, Any, Any]


def member(name: str, field: AnyField, model: type[Model] | None, where: str, scope: Scope) -> Member:
    """What ``field`` adds to the JSON of its serializer, whose rows are of ``model``."""
    # What a get_attribute of its own returns is no matter of the source: then the field's allow_null is all there is.
    stock = type(field).get_attribute.__module__.startswith("rest_framework.")
    source = follow(model, field.source_attrs) if stock else UNKNOWN_SOURCE
    shown = value(field, source, where, scope)
    optional = False
    # Of what isn't a row anything may be missing that need not be there.
    if source.broken or (model is None and not field.read_only):
        # Then DRF shows the default, else null where that is allowed, else nothing unless the field is required.
        if field.default is not empty:
            shown = nullable(shown) if field.default is None else shown
        elif field.allow_null:
            shown = nullable(shown)
        else:
            optional = not field.required
    if source.null or (field.allow_null and not source.known):
        shown = nullable(shown)
    return Member(name, shown, optional, described(field))


def described(field: AnyField) -> str:
    """The text for people: what the field says, or the docstring of its method."""
    if field.help_text:
        return str(field.help_text)
    method = getattr(field.parent, getattr(field, "method_name", None) or "", None)
    return inspect.getdoc(method) or "" if isinstance(field, drf.SerializerMethodField) else ""


def value(field: AnyField, source: Source, where: str, scope: Scope) -> Term:
    """The type of what ``field`` makes of a value that is not None."""
    told = foreign.told(field, where, scope)
    if told is not None:
        return told
    if isinstance(field, BaseSerializer):
        return scope.serializer(field, where, source.model)
    makes = _maker(field)
    if makes is not None:
        return makes(field, source, where, scope)
    override = type(field).to_representation
    if override is not Field.to_representation and "return" in getattr(override, "__annotations__", {}):
        return returned_by(override, where, scope)
    mapped = foreign.mapped(field, where, scope)
    if mapped is not None:
        return mapped
    kind = type(field).__name__
    way_out = f"annotate what {kind}.to_representation() returns"
    scope.report.warn(where, f"is a {kind}, whose type is unknown", way_out)
    return UNKNOWN


Maker = Callable[[Any, Source, str, Scope], Term]


def _maker(field: AnyField) -> Maker | None:
    """The rule for the class that has written the ``to_representation`` which this field uses."""
    for kind in type(field).__mro__:
        if kind in _MAKERS:
            return _MAKERS[kind]
        if "to_representation" in vars(kind):
            return None
    return None


def _always(found: Term) -> Maker:
    return lambda field, source, where, scope: found


def _method(field: Any, source: Source, where: str, scope: Scope) -> Term:
    method = getattr(field.parent, field.method_name, None)
    if method is None:
        way_out = "define it, with an annotation"
        scope.report.warn(where, f"has no method {field.method_name}()", way_out)
        return UNKNOWN
    told = foreign.told(method, where, scope)
    return returned_by(method, where, scope) if told is None else told


def _uuid(field: drf.UUIDField, source: Source, where: str, scope: Scope) -> Term:
    return NUMBER if field.uuid_format == "int" else STRING


def _decimal(field: drf.DecimalField, source: Source, where: str, scope: Scope) -> Term:
    return STRING if getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING) else NUMBER


def _big_integer(field: Any, source: Source, where: str, scope: Scope) -> Term:
    return STRING if getattr(field, "coerce_to_string", api_settings.COERCE_BIGINT_TO_STRING) else NUMBER


def _choice(field: drf.ChoiceField, source: Source, where: str, scope: Scope) -> Term:
    choices = [constant(choice) for choice in field.choices]
    column = source.column
    # A field that can't be written to is not told whether it may be blank.
    if field.allow_blank or (column is not None and column.blank and columns.value_of(column) == STRING):
        choices.append(literal(""))
    return union(*choices) if choices else STRING


def _choices(field: drf.MultipleChoiceField, source: Source, where: str, scope: Scope) -> Term:
    return Array(union(*(constant(choice) for choice in field.choices)))


def _json(field: drf.JSONField, source: Source, where: str, scope: Scope) -> Term:
    return STRING if field.binary else JSON_VALUE


def _child(field: Any, where: str, scope: Scope) -> Term:
    child = field.child
    if type(child).__name__ == "_UnvalidatedField":
        kind = type(field).__name__
        scope.report.warn(where, f"is a {kind} of anything", f"say of what, as in {kind}(child=IntegerField())")
        return UNKNOWN
    shown = value(child, UNKNOWN_SOURCE, where, scope)
    return nullable(shown) if child.allow_null else shown


def _list(field: drf.ListField, source: Source, where: str, scope: Scope) -> Term:
    return Array(_child(field, where, scope))


def _dict(field: drf.DictField, source: Source, where: str, scope: Scope) -> Term:
    return Record(_child(field, where, scope))


def _raw(field: AnyField, source: Source, where: str, scope: Scope) -> Term:
    """The value as it is: a column's, or what a property says."""
    if source.hint is not None:
        return term_of(source.hint, where, scope)
    if source.column is not None:
        return _column(source.column, where, scope)
    way_out = "annotate the property, or declare the field with a type (IntegerField, CharField, …)"
    scope.report.warn(where, f"shows {field.source!r}, whose type is unknown", way_out)
    return UNKNOWN


def _model_field(field: drf.ModelField, source: Source, where: str, scope: Scope) -> Term:
    """What DRF has no field for: numbers as they are, everything else as text [rest_framework.fields.ModelField]."""
    found = _column(field.model_field, where, scope)
    return found if found in (NUMBER, UNKNOWN) else STRING


def _column(column: Column[Any, Any], where: str, scope: Scope) -> Term:
    found = columns.value_of(column)
    if found is None:
        way_out = "declare the field in the serializer, with a type"
        scope.report.warn(where, f"shows a {type(column).__name__}, whose JSON is unknown", way_out)
        return UNKNOWN
    return found


def _key(field: Any, source: Source, where: str, scope: Scope) -> Term:
    """A row's primary key, by itself: DRF takes the foreign key's own value, which may be another column's."""
    if field.pk_field is not None:
        return value(field.pk_field, Source(), where, scope)
    if source.relation is not None and not source.many and hasattr(source.relation, "attname"):
        return _column(source.relation, where, scope)
    model = source.model or getattr(field.queryset, "model", None)
    if model is None:
        way_out = "annotate the property, or give pk_field"
        scope.report.warn(where, f"shows keys of {field.source!r}, whose model is unknown", way_out)
        return UNKNOWN
    return _column(model._meta.pk, where, scope)


def _slug(field: Any, source: Source, where: str, scope: Scope) -> Term:
    model = source.model or getattr(field.queryset, "model", None)
    end = follow(model, field.slug_field.replace("__", ".").split("."))
    shown = _raw(field, end, where, scope)
    return nullable(shown) if end.null else shown


def _many(field: relations.ManyRelatedField, source: Source, where: str, scope: Scope) -> Term:
    return Array(value(field.child_relation, Source(model=source.model, many=True), where, scope))


_MAKERS: dict[type, Maker] = {
    drf.BooleanField: _always(BOOLEAN),
    drf.CharField: _always(STRING),
    drf.UUIDField: _uuid,
    drf.IntegerField: _always(NUMBER),
    getattr(drf, "BigIntegerField", drf.IntegerField): _big_integer,
    drf.FloatField: _always(NUMBER),
    drf.DecimalField: _decimal,
    drf.DateTimeField: _always(STRING),
    drf.DateField: _always(STRING),
    drf.TimeField: _always(STRING),
    drf.DurationField: _always(STRING),
    drf.ChoiceField: _choice,
    drf.MultipleChoiceField: _choices,
    drf.FilePathField: _always(STRING),  # its choices are the files of the machine that generates
    drf.FileField: _always(nullable(STRING)),  # no file: null
    drf.ListField: _list,
    drf.DictField: _dict,
    drf.JSONField: _json,
    drf.ReadOnlyField: _raw,
    drf.SerializerMethodField: _method,
    drf.ModelField: _model_field,
    relations.StringRelatedField: _always(STRING),
    relations.PrimaryKeyRelatedField: _key,
    relations.SlugRelatedField: _slug,
    relations.HyperlinkedRelatedField: _always(STRING),
    relations.ManyRelatedField: _many,
}
if "BigIntegerField" not in vars(drf):  # before DRF 3.17 there is no such field
    _MAKERS[drf.IntegerField] = _always(NUMBER)

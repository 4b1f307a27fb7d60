"""What drf-spectacular knows and we don't: overrides by its decorator, and its extensions for other people's fields.

It is asked where it is installed, and never needed. Its schema of OpenAPI is turned into a type here.
"""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer

from rxsse.codegen.annotations import constant, term
from rxsse.codegen.scope import Scope
from rxsse.codegen.types import BOOLEAN, NULL, NUMBER, STRING, UNKNOWN, Array, Record, Term, union

_MARK = "_spectacular_annotation"  # set by its @extend_schema_field


def told(target: Any, where: str, scope: Scope) -> Term | None:
    """What ``@extend_schema_field`` says of a field or a method; None where it says nothing."""
    said = getattr(target, _MARK, None)
    if not isinstance(said, dict) or "field" not in said:
        return None
    said = said["field"]
    if isinstance(said, dict):
        return of_schema(said)
    if isinstance(said, BaseSerializer):
        return scope.serializer(said, where)
    if isinstance(said, type) and issubclass(said, BaseSerializer):
        return scope.serializer(said(), where)
    if isinstance(said, Field) or (isinstance(said, type) and issubclass(said, Field)):
        return scope.field(said if isinstance(said, Field) else said(), where)
    if type(said).__name__ == "OpenApiTypes":
        return of_schema(import_string("drf_spectacular.plumbing.build_basic_type")(said) or {})
    return term(said, where, scope)


def mapped(field: Any, where: str, scope: Scope) -> Term | None:
    """What an extension of drf-spectacular makes of ``field``; None where there is none."""
    try:
        extension = import_string("drf_spectacular.extensions.OpenApiSerializerFieldExtension").get_match(field)
    except ImportError:
        return None
    if extension is None:
        return None
    schema = extension.map_serializer_field(import_string("drf_spectacular.openapi.AutoSchema")(), "response")
    return of_schema(schema)


def of_schema(schema: Any) -> Term:
    """A JSON schema as a type; ``unknown`` for what has no counterpart."""
    if not isinstance(schema, dict):
        return UNKNOWN
    found = _of_schema(schema)
    return union(found, NULL) if schema.get("nullable") else found


def _of_schema(schema: dict[str, Any]) -> Term:
    if "enum" in schema:
        return union(*(constant(choice) for choice in schema["enum"]))
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return union(*map(of_schema, schema[several]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return union(*(of_schema({**schema, "type": each}) for each in kind))
    if kind == "array":
        return Array(of_schema(schema.get("items")))
    if kind == "object":
        return Record(of_schema(schema.get("additionalProperties")))
    scalars = {"string": STRING, "integer": NUMBER, "number": NUMBER, "boolean": BOOLEAN, "null": NULL}
    return scalars.get(str(kind), UNKNOWN)

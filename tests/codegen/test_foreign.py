"""What drf-spectacular says is heard: its decorator, and its extensions for other people's fields."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from rxsse.codegen.foreign import of_schema
from rxsse.codegen.interfaces import Interfaces
from rxsse.codegen.types import Declaration, write
from tests.codegen.shop.models import Product
from tests.codegen.shop.serializers import ShortSerializer
from tests.codegen.tools import ROOT


def name(declaration: Declaration) -> str:
    return declaration.wanted[0]


class Theirs(serializers.Field):  # type: ignore[type-arg]
    """A field of somebody else's, whose to_representation says nothing."""

    def to_representation(self, value: Any):  # type: ignore[no-untyped-def]
        return {"value": value}


class TheirsExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = Theirs

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        return {"type": "object", "additionalProperties": {"type": "string", "nullable": True}}


@extend_schema_field({"type": "array", "items": {"type": "integer"}})
class Said(serializers.CharField):
    """A field that is said to be something else."""


class Shown(serializers.ModelSerializer[Product]):
    theirs = Theirs(source="code", read_only=True)
    said = Said(source="code", read_only=True)
    method = serializers.SerializerMethodField()
    short = serializers.SerializerMethodField()
    shorts = serializers.SerializerMethodField()
    basic = serializers.SerializerMethodField()
    field = serializers.SerializerMethodField()
    field_class = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = ("theirs", "said", "method", "short", "shorts", "basic", "field", "field_class")

    @extend_schema_field(list[int])
    def get_method(self, product: Product):  # type: ignore[no-untyped-def]
        return []

    @extend_schema_field(ShortSerializer)
    def get_short(self, product: Product) -> Any:
        return ShortSerializer(product).data

    @extend_schema_field(ShortSerializer(many=True))
    def get_shorts(self, product: Product) -> Any:
        return []

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_basic(self, product: Product) -> Any:
        return product.made

    @extend_schema_field(serializers.ChoiceField(choices=["a", "b"]))
    def get_field(self, product: Product) -> Any:
        return "a"

    @extend_schema_field(serializers.IntegerField)
    def get_field_class(self, product: Product) -> Any:
        return 1


def test_it_is_heard_before_anything_else() -> None:
    interfaces = Interfaces(home="shop")
    found = interfaces.serializer(Shown(), "x")
    members = {member.name: write(member.term, name) for member in found.target.members}  # type: ignore[union-attr]
    assert members == {
        "theirs": "Record<string, string | null> | null",
        "said": "number[] | null",
        "method": "number[]",
        "short": "Short",
        "shorts": "Short[]",
        "basic": "string",
        "field": '"a" | "b"',
        "field_class": "number",
    }
    assert interfaces.report.warnings == {}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "unknown"),
        (None, "unknown"),
        ({"type": "string", "format": "date-time"}, "string"),
        ({"type": "number", "nullable": True}, "number | null"),
        ({"type": ["boolean", "null"]}, "boolean | null"),
        ({"enum": ["a", 1, None]}, '"a" | 1 | null'),
        ({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]}, "string | number[]"),
        ({"anyOf": [{"type": "string"}, {}]}, "unknown"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"$ref": "#/components/schemas/X"}, "unknown"),
    ],
)
def test_a_schema_becomes_a_type(schema: Any, text: str) -> None:
    assert write(of_schema(schema), name) == text


def test_it_is_not_needed() -> None:
    """In a process that can't import it, what only it would know is unknown and nothing else changes."""
    code = """
import sys
sys.modules["drf_spectacular"] = None
import django
django.setup()
from rest_framework import serializers
from rxsse.codegen.interfaces import Interfaces
class Theirs(serializers.Field):
    def to_representation(self, value):
        return value
interfaces = Interfaces(home="shop")
print(interfaces.field(Theirs(), "x").name, list(interfaces.report.warnings))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == (
        "unknown ['x is a Theirs, whose type is unknown; annotate what Theirs.to_representation() returns.']\n"
    ), done.stderr

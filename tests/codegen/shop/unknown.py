"""What can't be known, each with a warning, and what can be said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from rest_framework import serializers

from tests.codegen.shop.methods import Colour
from tests.codegen.shop.models import Maker, Odd, Product

if TYPE_CHECKING:
    from collections import OrderedDict as OnlyForTypeCheckers


class Silent(serializers.Field):  # type: ignore[type-arg]
    def to_representation(self, value: Any):  # type: ignore[no-untyped-def]
        return [value]


class Said(serializers.Field):  # type: ignore[type-arg]
    def to_representation(self, value: Any) -> list[str]:
        return [str(value)]


class Strict(serializers.CharField):
    """Differs in what it takes, not in what it gives."""

    def to_internal_value(self, value: Any) -> str:
        return super().to_internal_value(value).strip()


class Fetched(serializers.CharField):
    """Finds its value by itself."""

    def get_attribute(self, instance: Any) -> Any:
        return None


class Loud(serializers.CharField):
    def to_representation(self, value: Any) -> dict[str, bool]:
        return {str(value): True}


class Brief(TypedDict):
    name: str


class BriefSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ("id",)

    def to_representation(self, instance: Product) -> Brief:  # type: ignore[override]
        return {"name": instance.name}


class DumbSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ("id",)

    def to_representation(self, instance: Product):  # type: ignore[no-untyped-def]
        return {"name": instance.name}


class CountedListSerializer(serializers.ListSerializer):  # type: ignore[type-arg]
    def to_representation(self, data: Any) -> dict[str, int]:  # type: ignore[override]
        return {"count": len(data.all())}


class CountedSerializer(serializers.ModelSerializer[Product]):
    class Meta:
        model = Product
        fields = ("id",)
        list_serializer_class = CountedListSerializer


class OddSerializer(serializers.ModelSerializer[Odd]):
    class Meta:
        model = Odd
        fields = ("id", "letters", "raw")

    raw = serializers.ReadOnlyField(source="letters")


class UnknownSerializer(serializers.ModelSerializer[Product]):
    silent_method = serializers.SerializerMethodField()
    any_method = serializers.SerializerMethodField()
    broken_method = serializers.SerializerMethodField()
    row_method = serializers.SerializerMethodField()
    bare_list = serializers.SerializerMethodField()
    enumeration = serializers.SerializerMethodField()
    complex_method = serializers.SerializerMethodField()
    missing_method = serializers.SerializerMethodField()
    silent = Silent(source="name", read_only=True)
    said = Said(source="name", read_only=True)
    strict = Strict(source="name", read_only=True)
    loud = Loud(source="name", read_only=True)
    fetched = Fetched(source="code", read_only=True)
    fetched_or_not = Fetched(source="name", read_only=True, allow_null=True)
    brief = BriefSerializer(source="*", read_only=True)
    dumb = DumbSerializer(source="*", read_only=True)
    counted = CountedSerializer(source="children", many=True, read_only=True)
    words = serializers.ListField(read_only=True)
    attributes = serializers.DictField(read_only=True)
    annotated = serializers.IntegerField(read_only=True)
    annotated_or_not = serializers.IntegerField(read_only=True, allow_null=True)
    annotated_raw = serializers.ReadOnlyField()
    unsaid_text = serializers.CharField(source="unsaid", read_only=True)
    row = serializers.ReadOnlyField(source="maker")
    keys: Any = serializers.PrimaryKeyRelatedField(source="elsewhere", many=True, read_only=True)

    class Meta:
        model = Product
        fields = (
            "silent_method",
            "any_method",
            "broken_method",
            "row_method",
            "bare_list",
            "enumeration",
            "complex_method",
            "missing_method",
            "silent",
            "said",
            "strict",
            "loud",
            "fetched",
            "fetched_or_not",
            "brief",
            "dumb",
            "counted",
            "words",
            "attributes",
            "annotated",
            "annotated_or_not",
            "annotated_raw",
            "unsaid",
            "unsaid_text",
            "row",
            "keys",
        )

    def get_silent_method(self, product: Product):  # type: ignore[no-untyped-def]
        return product.name

    def get_any_method(self, product: Product) -> dict[str, Any]:
        return {}

    def get_broken_method(self, product: Product) -> OnlyForTypeCheckers[str, str]:
        raise NotImplementedError

    def get_row_method(self, product: Product) -> Maker | None:
        return None

    def get_bare_list(self, product: Product) -> list:  # type: ignore[type-arg]
        return []

    def get_enumeration(self, product: Product) -> Colour:
        return Colour.RED

    def get_complex_method(self, product: Product) -> complex:
        return 1j

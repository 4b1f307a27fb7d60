"""Serializers of another module, one by a name that is taken."""

from __future__ import annotations

from rest_framework import serializers

from tests.codegen.parts.serializers import PartSerializer
from tests.codegen.shop.models import Product, Tag
from tests.codegen.shop.serializers import TagSerializer as FirstTagSerializer


class TagSerializer(serializers.ModelSerializer[Tag]):
    text = serializers.CharField(source="word", read_only=True)

    class Meta:
        model = Tag
        fields = ("pk", "text")


class ShelfSerializer(serializers.ModelSerializer[Product]):
    tags = TagSerializer(many=True, read_only=True)
    first_tags = FirstTagSerializer(source="tags", many=True, read_only=True)
    parts = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = ("id", "tags", "first_tags", "parts")

    def get_parts(self, product: Product) -> list[PartSerializer]:
        return []

"""``Tag``, and ``Token``: names that mean something elsewhere as well."""

from __future__ import annotations

from rest_framework import serializers

from tests.codegen.apps.chat.models import Room, Tag
from tests.codegen.shop.serializers import TagSerializer as ShopTagSerializer


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ("id", "word")


class TokenSerializer(serializers.ModelSerializer[Tag]):
    """Called as a type of the runtime is."""

    class Meta:
        model = Tag
        fields = ("id", "word", "room")


class RoomSerializer(serializers.ModelSerializer[Room]):
    tags = TagSerializer(many=True, read_only=True)
    tokens = TokenSerializer(many=True, read_only=True, source="tags")
    shown = serializers.SerializerMethodField()

    class Meta:
        model = Room
        fields = ("id", "title", "tags", "tokens", "shown")

    def get_shown(self, room: Room) -> list[ShopTagSerializer]:
        return []

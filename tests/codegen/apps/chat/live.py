"""The chat's channels; imported by tests alone, not at start-up."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from rxsse import StateChannel
from tests.codegen.apps.chat.models import Tag
from tests.codegen.apps.chat.serializers import RoomSerializer, TagSerializer


class RoomChannel(StateChannel):
    class Meta:
        anchor = RoomSerializer()

    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True


class Tags(StateChannel):
    class Meta:
        anchor = TagSerializer(many=True)

    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True

    def get_queryset(self) -> QuerySet[Tag]:
        return Tag.objects.all()


class Tag_(StateChannel):
    """A channel by the name of what it shows."""

    class Meta:
        anchor = TagSerializer()

    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True


Tag_.__name__ = "Tag"

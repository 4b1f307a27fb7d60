"""A channel for each group of mappings; imported by tests alone, not at start-up."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from rxsse import StateChannel
from tests.codegen.shop import methods, serializers, unknown, views
from tests.codegen.shop.models import Maker, Odd, Product


class Shown(StateChannel):
    """What the channels below have in common; none by itself."""

    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True


class ColumnsChannel(Shown):
    class Meta:
        anchor = serializers.ColumnsSerializer()


class RawChannel(Shown):
    class Meta:
        anchor = serializers.RawSerializer()


class RelationsChannel(Shown):
    class Meta:
        anchor = serializers.RelationsSerializer()


class LinkedChannel(Shown):
    class Meta:
        anchor = serializers.LinkedSerializer()


class DeepChannel(Shown):
    class Meta:
        anchor = serializers.DeepSerializer()


class WaysChannel(Shown):
    """Ways.

    With ``code`` and a `backtick`, and */ in it.
    """

    class Meta:
        anchor = serializers.WaysSerializer()


class FieldsChannel(Shown):
    class Meta:
        anchor = serializers.FieldsSerializer()


class ExtrasChannel(Shown):
    class Meta:
        anchor = serializers.ExtrasSerializer()


class MethodsChannel(Shown):
    class Meta:
        anchor = methods.MethodsSerializer()


class ShelfChannel(Shown):
    class Meta:
        anchor = views.ShelfSerializer()


class UnknownChannel(Shown):
    class Meta:
        anchor = unknown.UnknownSerializer()

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.annotate(annotated=Count("children"))


class BriefChannel(Shown):
    class Meta:
        anchor = unknown.BriefSerializer(many=True)

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.all()


class OddChannel(Shown):
    class Meta:
        anchor = unknown.OddSerializer()


class MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannel(Shown):
    """A name that doesn't fit into a line."""

    class Meta:
        anchor = serializers.MakerSerializer(many=True)

    def get_queryset(self) -> QuerySet[Maker]:
        return Maker.objects.all()


class AlternativesChannel(Shown):
    class Meta:
        anchor = unknown.OddSerializer()


class UnroutedChannel(Shown):
    class Meta:
        anchor = unknown.OddSerializer()

    def get_queryset(self) -> QuerySet[Odd]:
        return Odd.objects.all()

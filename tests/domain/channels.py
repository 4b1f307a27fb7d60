"""Channels over the test domain, as users write them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Model, Q, QuerySet
from django.shortcuts import get_object_or_404

from rxsse import StateChannel
from tests.domain import serializers
from tests.domain.models import Board, Digest, Ledger, Sketch, Task


class SignedIn:
    """What the channels below have in common."""

    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return bool(user.is_authenticated)


class BoardChannel(SignedIn, StateChannel):
    """One topic, however it is addressed."""

    class Meta:
        anchor = serializers.BoardSerializer()
        lookup_field = "slug"


class PrivateBoardChannel(SignedIn, StateChannel):
    """Per user, because some rows are."""

    class Meta:
        anchor = serializers.PrivateBoardSerializer()


class TaskChannel(SignedIn, StateChannel):
    class Meta:
        anchor = serializers.TaskSerializer()


class TagChannel(SignedIn, StateChannel):
    class Meta:
        anchor = serializers.TagSerializer()


class PersonChannel(SignedIn, StateChannel):
    class Meta:
        anchor = serializers.PersonSerializer()


class MemberChannel(SignedIn, StateChannel):
    """Nobody but the member."""

    class Meta:
        anchor = serializers.MemberSerializer()

    def has_permission(self, user: Any, user_id: int) -> bool:
        return bool(user.pk == user_id)


class CoverChannel(SignedIn, StateChannel):
    class Meta:
        anchor = serializers.CoveredSerializer()


class LedgerChannel(SignedIn, StateChannel):
    class Meta:
        anchor = serializers.LedgerSerializer()


class DigestChannel(SignedIn, StateChannel):
    """A single row out of a query: gone when it no longer meets the condition."""

    class Meta:
        anchor = serializers.DigestSerializer()

    def get_queryset(self) -> QuerySet[Digest]:
        return Digest.objects.filter(pages__gt=0)


class SketchesChannel(SignedIn, StateChannel):
    """The rows of a proxy."""

    class Meta:
        anchor = serializers.SketchSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[Sketch]:
        return Sketch.objects.filter(board__slug=self.kwargs["slug"])


class MyTasksChannel(SignedIn, StateChannel):
    """A filter, an order and a slice, for one reader."""

    class Meta:
        anchor = serializers.OpenTaskSerializer(many=True)

    def get_queryset(self) -> QuerySet[Task]:
        return Task.objects.filter(assignee=self.user, done=False).order_by("position", "pk")[:3]


class RedTasksChannel(SignedIn, StateChannel):
    """A filter through two joins, which find a row more than once."""

    class Meta:
        anchor = serializers.OpenTaskSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[Task]:
        chosen = Q(labels__colour="red") | Q(board__team__name="red")
        return Task.objects.filter(chosen).distinct().order_by("-title", "pk")


class BusyBoardsChannel(SignedIn, StateChannel):
    """What the database counts, and an order by it."""

    class Meta:
        anchor = serializers.BusySerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[Board]:
        return Board.objects.annotate(task_total=Count("tasks")).filter(task_total__gt=0).order_by("-task_total", "pk")


class PeopleChannel(SignedIn, StateChannel):
    """Every row, in no order that anybody asked for."""

    class Meta:
        anchor = serializers.NeighbourSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.select_related("profile")


class WideBoardChannel(SignedIn, StateChannel):
    """One topic under two routes."""

    class Meta:
        anchor = serializers.WideBoardSerializer()

    def get_object(self) -> Model:
        return get_object_or_404(Board, **self.kwargs)


class SummedBoardChannel(SignedIn, StateChannel):
    """Reads tables that it doesn't name, so it says which."""

    class Meta:
        anchor = serializers.SummedBoardSerializer()
        depends_on = ("domain.Task",)


class MyBoardChannel(SignedIn, StateChannel):
    """A single row, for one reader."""

    class Meta:
        anchor = serializers.MyBoardSerializer()
        audience = "user"


class AccountLedgerChannel(SignedIn, StateChannel):
    """Addressed through a row of another table."""

    class Meta:
        anchor = serializers.LedgerSerializer()

    def get_object(self) -> Model:
        return get_object_or_404(Ledger, accounts=self.kwargs["account_id"])

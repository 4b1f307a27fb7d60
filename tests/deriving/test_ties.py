"""Rows that an order leaves open stand in the order of their primary keys, however they are read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F, QuerySet
from rest_framework import serializers

from rxsse.deriving.shapes import settled
from rxsse.testing import subscribe
from tests.deriving.support import channel_of
from tests.domain.models import Board, Task


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "last_name")


@pytest.mark.parametrize(
    ("queryset", "order"),
    [
        (User.objects.all(), ("pk",)),
        (User.objects.order_by("last_name"), ("last_name", "pk")),
        (User.objects.order_by("-last_name")[:3], ("-last_name", "pk")),
        (User.objects.order_by("last_name").distinct(), ("last_name", "pk")),
        (User.objects.order_by("username"), ("username",)),
        (User.objects.order_by("last_name", "-id"), ("last_name", "-id")),
        (Task.objects.all(), ()),  # its Meta.ordering ends with the key
        (Board.objects.order_by("owner"), ("owner", "pk")),
        (User.objects.order_by("pk").union(User.objects.all()), ()),
        (User.objects.order_by("?"), ("?", "pk")),
    ],
)
def test_the_key_closes_what_is_open(queryset: QuerySet[Any], order: tuple[str, ...]) -> None:
    assert settled(queryset).query.order_by == order
    assert settled(queryset).query.is_sliced == queryset.query.is_sliced


def test_expressions_stay() -> None:
    term = F("last_name").asc(nulls_last=True)
    assert settled(User.objects.order_by(term)).query.order_by == (term, "pk")


@pytest.mark.django_db
def test_a_row_that_changes_does_not_move_among_its_equals() -> None:
    users = [User.objects.create(username=name, last_name="Same") for name in ("c", "a", "b")]
    channel = channel_of(UserSerializer(many=True), lambda self: User.objects.order_by("last_name"))
    reader = subscribe(channel, users[0])
    assert [row["id"] for row in reader.state] == [user.pk for user in users]
    User.objects.filter(pk=users[0].pk).update(username="z")
    (patch,) = reader.patches
    assert patch == [{"op": "replace", "path": "/0/username", "value": "z"}]

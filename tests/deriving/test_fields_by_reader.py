"""Serializers whose very fields depend on the reader, or on rows."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from rest_framework import serializers

from rxsse.channels import StateChannel
from rxsse.exceptions import AudienceError
from rxsse.testing import subscribe
from tests.domain.models import Team

pytestmark = pytest.mark.django_db


def declare(anchor: Any, queryset: Any = None, **options: Any) -> type[StateChannel]:
    members = {
        "__qualname__": f"Channel{secrets.token_hex(6)}",
        "Meta": type("Meta", (), {"anchor": anchor, **options}),
        "has_permission": lambda self, user, **kwargs: True,
        **({} if queryset is None else {"get_queryset": queryset}),
    }
    return type("Channel", (StateChannel,), members)


class ByReaderSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")

    def get_fields(self) -> Any:
        fields = super().get_fields()
        user = self.context["request"].user
        if not (user.is_staff or user.groups.filter(name="editors").exists()):
            fields.pop("name")
        return fields


class WholeByReaderSerializer(ByReaderSerializer):
    def to_representation(self, instance: Any) -> Any:
        return {**super().to_representation(instance), "whole": True}


class ByRowsSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")

    def get_fields(self) -> Any:
        fields = super().get_fields()
        if Group.objects.filter(name="terse").exists():
            fields.pop("name")
        return fields


@pytest.mark.parametrize("serializer", [ByReaderSerializer, WholeByReaderSerializer])
@pytest.mark.parametrize("many", [False, True])
def test_the_reader_decides_which_fields_there_are(serializer: Any, many: bool) -> None:
    team = Team.objects.create(name="Reds")
    reader = User.objects.create(username="ann")
    queryset = (lambda self: Team.objects.order_by("pk")) if many else None
    channel = declare(serializer(many=True) if many else serializer(), queryset, audience="user")
    ann = subscribe(channel, reader, **({} if many else {"pk": team.pk}))

    def names() -> bool:
        row = ann.state[0] if many else ann.state
        return "name" in row

    assert not names()
    reader.is_staff = True
    reader.save()
    assert names()
    reader.is_staff = False
    reader.save()
    assert not names()
    group = Group.objects.create(name="editors")
    reader.groups.add(group)
    assert names()
    ann.patches  # noqa: B018 - looked at: nothing is due
    reader.save()
    assert ann.patches == []
    assert not [message for message in run_checks() if message.id == "rxsse.E006"]


def test_a_shared_state_has_no_reader_to_ask() -> None:
    with pytest.raises(AudienceError):
        declare(ByReaderSerializer(), audience="shared").is_per_user()


def test_rows_decide_which_fields_there_are() -> None:
    team = Team.objects.create(name="Reds")
    reader = subscribe(declare(ByRowsSerializer()), None, pk=team.pk)
    assert reader.state == {"id": team.pk, "name": "Reds"}
    group = Group.objects.create(name="terse")
    assert reader.state == {"id": team.pk}
    group.delete()
    assert reader.state == {"id": team.pk, "name": "Reds"}

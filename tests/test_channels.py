"""Declaring channels: options, lookups, audiences and every mistake that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework import serializers

from rxsse.channels import StateChannel, registry
from rxsse.exceptions import DeclarationError
from tests.domain.models import Team


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


@pytest.fixture(autouse=True)
def _forget_channels() -> Any:
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


@pytest.mark.parametrize("declared", [TeamSerializer(), TeamSerializer, lambda: TeamSerializer()])
def test_an_anchor_may_be_made_when_it_is_needed(declared: Any) -> None:
    class Meta:
        anchor = staticmethod(declared) if callable(declared) and not isinstance(declared, type) else declared

    channel = type("TeamChannel", (StateChannel,), {"Meta": Meta})
    assert isinstance(channel.anchor(), TeamSerializer)
    assert not channel.is_list()


@pytest.mark.parametrize("declared", [None, "TeamSerializer", lambda: None])
def test_anything_else_is_refused(declared: Any) -> None:
    channel = type("TeamChannel", (StateChannel,), {"Meta": type("Meta", (), {"anchor": staticmethod(declared)})})
    with pytest.raises(DeclarationError, match="give an instance of a serializer"):
        channel.anchor()

"""Channels that hostile clients go for, and a view that writes; in a server process of its own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import serializers

from rxsse import StateChannel
from tests.domain.models import Profile

MARKER = "quotes-a-row-of-somebody-else"
"""Text of an exception: it reaches nobody."""

SECRET = "for-nobodys-eyes"
"""Part of a state that no hostile client may read."""


class NoteSerializer(serializers.ModelSerializer[Profile]):
    class Meta:
        model = Profile
        fields = ("id", "bio")


class OpenChannel(StateChannel):
    """For everybody."""

    class Meta:
        anchor = NoteSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class OwnChannel(OpenChannel):
    """For whoever it belongs to."""

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated) and Profile.objects.filter(user=user, pk=pk).exists()


class BrokenChannel(OpenChannel):
    """Fails for whoever has a name."""

    def has_permission(self, user: Any, pk: int) -> bool:
        raise RuntimeError(f"{MARKER} {pk} {user.get_username()}")


def write(request: HttpRequest, pk: int) -> HttpResponse:
    """``?n=``: the number that the state begins with from now on; ``?size=``: how many characters follow."""
    number, size = request.GET["n"], int(request.GET["size"])
    Profile.objects.filter(pk=pk).update(bio=f"{number} {'x' * size}")
    return HttpResponse()


urlpatterns = [
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("own/<int:pk>/", OwnChannel.as_view()),
    path("broken/<int:pk>/", BrokenChannel.as_view()),
    path("write/<int:pk>/", write),
]

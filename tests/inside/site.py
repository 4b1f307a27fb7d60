"""Channels to look inside of, the staff's view, and nothing else."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import path
from prometheus_client import generate_latest

from rxsse import StateChannel
from rxsse.inside.views import status_view
from tests.domain.models import Team
from tests.domain.serializers import ProfileSerializer, TeamSerializer


class InsideTeam(StateChannel):
    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class InsideProfile(InsideTeam):
    """Has a text of any length."""

    class Meta:
        anchor = ProfileSerializer()


class InsideTeams(StateChannel):
    class Meta:
        anchor = TeamSerializer(many=True)
        audience = "user"

    def has_permission(self, user: Any, name: str) -> bool:
        return True

    def get_queryset(self) -> Any:
        return Team.objects.filter(name__startswith=self.kwargs["name"])


def metrics(request: Any) -> HttpResponse:
    """As a project would export them."""
    return HttpResponse(generate_latest(), content_type="text/plain")


urlpatterns = [
    path("team/<int:pk>/", InsideTeam.as_view()),
    path("profile/<int:pk>/", InsideProfile.as_view()),
    path("teams/<str:name>/", InsideTeams.as_view()),
    path("status/", status_view),
    path("metrics/", metrics),
]

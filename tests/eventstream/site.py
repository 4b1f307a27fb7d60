"""Channels of anchors beside django-eventstream's own view, and a view that sends; for servers of any kind."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django_eventstream import send_event
from django_eventstream.viewsets import EventsViewSet
from rest_framework.routers import SimpleRouter

from rxsse import StateChannel
from tests.domain.models import Board, Team
from tests.domain.serializers import TeamSerializer


class TeamChannel(StateChannel):
    """Whoever is in the group."""

    class Meta:
        anchor = TeamSerializer()
        permission_models = ["auth.Group", "auth.User_groups"]

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.groups.filter(name="readers").exists())


class OpenChannel(StateChannel):
    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        assert type(pk) is int  # as the route gives it
        return True


class MineChannel(StateChannel):
    """A list, so each user has his own; whose arguments are of two types."""

    class Meta:
        anchor = TeamSerializer(many=True)

    def has_permission(self, user: Any, low: int, name: str) -> bool:
        assert (type(low), type(name)) == (int, str)
        return bool(user.is_authenticated)

    def get_queryset(self) -> Any:
        return Team.objects.filter(pk__gte=self.kwargs["low"], name__startswith=self.kwargs["name"])


class SluggedChannel(StateChannel):
    """One whose arguments are not its key."""

    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, slug: str) -> bool:
        return bool(user.is_authenticated)

    def get_object(self) -> Any:
        return Board.objects.get(slug=self.kwargs["slug"]).team


router = SimpleRouter()
router.register("events", EventsViewSet, basename="events")


def send(request: HttpRequest) -> HttpResponse:
    """Send the events of the body, ``[channel, event, data]`` each, from this process."""
    for channel, event, body in json.loads(request.body):
        send_event(channel, event, body)
    return HttpResponse("plain")


urlpatterns = [
    path("team/<int:pk>/", TeamChannel.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("mine/<int:low>/<str:name>/", MineChannel.as_view()),
    path("slugged/<slug:slug>/", SluggedChannel.as_view()),
    path("api/", include(router.urls)),
    path("events/", include("django_eventstream.urls")),
    path("send/", send),
]

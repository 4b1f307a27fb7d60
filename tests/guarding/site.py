"""Channels of every kind of permission, and ways to come by it; for servers in threads and in processes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.urls import path
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)

from rxsse import StateChannel
from tests.domain.models import Counter, Profile
from tests.domain.serializers import TeamSerializer


class Claims(BaseAuthentication):
    """Stands where a JWT would: says who it is and until when."""

    def authenticate(self, request: Any) -> Any:
        name, _, end = request.headers.get("X-Claims", "").partition(" ")
        return (User.objects.get(username=name), {"sub": name, "exp": float(end)}) if name else None

    def authenticate_header(self, request: Any) -> str:
        return "Claims"


class TeamChannel(StateChannel):
    """Whoever is signed in; nothing but himself decides."""

    class Meta:
        anchor = TeamSerializer()
        authentication_classes = [Claims, TokenAuthentication, SessionAuthentication, BasicAuthentication]

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated)


class OpenChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        pass

    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class GroupChannel(TeamChannel):
    """Whoever is in the group; its table says whose membership changes."""

    class Meta(TeamChannel.Meta):
        permission_models = ["auth.Group", "auth.User_groups"]

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.groups.filter(name="readers").exists())


class ObjectChannel(TeamChannel):
    """Whoever has a row that refers to the object; rows tell whose they are."""

    class Meta(TeamChannel.Meta):
        permission_models = {"domain.Profile": "user"}

    def has_permission(self, user: Any, pk: int) -> bool:
        return Profile.objects.filter(user=user, team_id=pk).exists()


class SweptChannel(TeamChannel):
    """Depends on what it doesn't name."""

    class Meta(TeamChannel.Meta):
        pass

    asked: list[int] = []
    """Every asking, by its user's key."""

    def has_permission(self, user: Any, pk: int) -> bool:
        self.asked.append(user.pk)
        if Counter.objects.filter(name="raise").exists():
            raise RuntimeError("quotes a row")
        return not Counter.objects.filter(name=f"not {user.username}").exists()


class MineChannel(TeamChannel):
    """One state for each reader."""

    class Meta(TeamChannel.Meta):
        audience = "user"


urlpatterns = [
    path("team/<int:pk>/", TeamChannel.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("group/<int:pk>/", GroupChannel.as_view()),
    path("object/<int:pk>/", ObjectChannel.as_view()),
    path("swept/<int:pk>/", SweptChannel.as_view()),
    path("mine/<int:pk>/", MineChannel.as_view()),
]

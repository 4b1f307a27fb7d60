"""A note per user, live, and plain views that write, revoke and count; knows no proxy."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.authtoken.models import Token

from rxsse import StateChannel, runtime
from tests.domain.models import Profile


class NoteSerializer(serializers.ModelSerializer[Profile]):
    class Meta:
        model = Profile
        fields = ("id", "bio")


class NoteChannel(StateChannel):
    """For whoever it belongs to."""

    class Meta:
        anchor = NoteSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated) and Profile.objects.filter(user=user, pk=pk).exists()


class OpenChannel(NoteChannel):
    """For everybody."""

    def has_permission(self, user: Any, pk: int) -> bool:
        return True


def make(request: HttpRequest) -> JsonResponse:
    """``?name=``: a user of that name, with a token and a note."""
    user = User.objects.create(username=request.GET["name"])  # no password: hashing one takes longer than all the rest
    note = Profile.objects.create(user=user, bio=request.GET.get("bio", ""))
    return JsonResponse({"pk": note.pk, "token": Token.objects.create(user=user).key})


def write(request: HttpRequest, pk: int) -> HttpResponse:
    """``?bio=``: what the note says from now on; ``&times=``: as many times over."""
    Profile.objects.filter(pk=pk).update(bio=request.GET["bio"] * int(request.GET.get("times", 1)))
    return HttpResponse()


def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    Token.objects.filter(user__profile=pk).delete()
    return HttpResponse()


def streams(request: HttpRequest, pk: int) -> JsonResponse:
    """How many streams of the note are open in this process."""
    hubs = runtime.current().hubs._hubs
    return JsonResponse(sum(stream.topic.anchor == str(pk) for hub in hubs for stream in hub.streams), safe=False)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Notes</title>")


urlpatterns = [
    path("notes/<int:pk>/", NoteChannel.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("make/", make),
    path("write/<int:pk>/", write),
    path("revoke/<int:pk>/", revoke),
    path("streams/<int:pk>/", streams),
    path("page/", page),
]

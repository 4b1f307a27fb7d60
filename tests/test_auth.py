"""How requests are authenticated, and what a stream remembers of its reader."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from rest_framework.authentication import BasicAuthentication, SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.request import Request
from rest_framework.serializers import ModelSerializer
from rest_framework.settings import api_settings
from rest_framework.test import APIRequestFactory

from rxsse import StateChannel
from rxsse.auth import Identity, authentication_classes, identity_of
from tests.domain.models import Team


class TeamSerializer(ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id",)


class Permitting:
    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class UsualChannel(Permitting, StateChannel):
    class Meta:
        anchor = TeamSerializer()


class BasicChannel(Permitting, StateChannel):
    class Meta:
        anchor = TeamSerializer()
        authentication_classes = (BasicAuthentication,)


class OpenChannel(Permitting, StateChannel):
    class Meta:
        anchor = TeamSerializer()
        authentication_classes = ()


class OwnToken(TokenAuthentication):
    keyword = "Bearer"


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(*kinds: Any) -> None:
        monkeypatch.setattr(api_settings, "DEFAULT_AUTHENTICATION_CLASSES", list(kinds))

    return set_to


def test_tokens_are_among_the_defaults_and_come_first(defaults: Any) -> None:
    defaults(SessionAuthentication, BasicAuthentication)
    assert authentication_classes(UsualChannel) == [TokenAuthentication, SessionAuthentication, BasicAuthentication]


@pytest.mark.parametrize("kind", [TokenAuthentication, OwnToken])
def test_a_project_that_has_tokens_keeps_its_order(kind: Any, defaults: Any) -> None:
    defaults(SessionAuthentication, kind)
    assert authentication_classes(UsualChannel) == [SessionAuthentication, kind]


def test_the_projects_own_list_is_not_changed(defaults: Any) -> None:
    defaults(SessionAuthentication)
    authentication_classes(UsualChannel)
    assert [SessionAuthentication] == api_settings.DEFAULT_AUTHENTICATION_CLASSES


def test_without_the_app_of_tokens_there_are_none(defaults: Any, settings: Any) -> None:
    defaults(SessionAuthentication)
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "rest_framework.authtoken"]
    assert authentication_classes(UsualChannel) == [SessionAuthentication]


def test_a_channel_may_say_otherwise(defaults: Any) -> None:
    defaults(SessionAuthentication)
    assert authentication_classes(BasicChannel) == [BasicAuthentication]
    assert authentication_classes(OpenChannel) == []


def request(user: Any, auth: Any) -> Request:
    made = Request(APIRequestFactory().get("/"))
    made.user, made.auth = user, auth
    return made


@pytest.mark.django_db
def test_a_reader_is_remembered_by_keys_alone() -> None:
    user = User.objects.create(username="ann")
    token = Token.objects.create(user=user)
    label = UsualChannel.label
    assert identity_of(request(user, token), UsualChannel) == Identity(label, str(user.pk), token.key)
    assert identity_of(request(user, None), UsualChannel) == Identity(label, str(user.pk), "")
    # What another scheme gives as credential has no key: a stream is then ended by its user.
    for auth in ("text", {"sub": "ann"}, object()):
        assert identity_of(request(user, auth), UsualChannel) == Identity(label, str(user.pk), "")


@pytest.mark.parametrize("nobody", [AnonymousUser(), None, User()])
def test_a_reader_who_has_not_signed_in_has_no_key(nobody: Any) -> None:
    assert identity_of(request(nobody, None), UsualChannel) == Identity(UsualChannel.label, "", "")

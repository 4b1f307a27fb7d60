"""How requests are authenticated, and what a stream remembers of its reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from types import SimpleNamespace
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
from rxsse.auth import authentication_classes
from rxsse.guarding.identity import Identity, identity_of, password_of
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


class EndingChannel(UsualChannel):
    class Meta(UsualChannel.Meta):
        pass

    def get_expiry(self, request: Any) -> float:
        return 5


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
    known = Identity(label, str(user.pk), kwargs=(("pk", 1),))
    by_token = replace(known, credential=token.key, kind="authtoken.token")
    assert identity_of(request(user, token), UsualChannel, {"pk": 1}) == by_token
    assert token.key not in repr(by_token)
    # What another scheme gives as credential has no key: a stream is then ended by its user.
    for auth in ("text", {"sub": "ann"}, object()):
        assert identity_of(request(user, auth), UsualChannel, {"pk": 1}) == known
    # Without any, the password is what stands for him.
    assert identity_of(request(user, None), UsualChannel, {"pk": 1}) == replace(known, password=password_of(user))


@pytest.mark.django_db
def test_an_expiry_is_found_where_it_is_usually_said() -> None:
    user = User.objects.create(username="ann")
    moment = datetime(2030, 1, 1, tzinfo=UTC)

    def end_of(auth: Any, channel: Any = UsualChannel) -> float:
        return identity_of(request(user, auth), channel, {"pk": 1}).expires

    assert end_of({"exp": 7}) == end_of(SimpleNamespace(exp=7)) == 7
    assert end_of(SimpleNamespace(expiry=moment)) == end_of(SimpleNamespace(expires=moment)) == moment.timestamp()
    for auth in (None, "exp", {"exp": None}, {"exp": True}, SimpleNamespace(expires="soon"), object()):
        assert end_of(auth) == inf
    assert end_of({"exp": 7}, EndingChannel) == 5
    assert end_of(None, EndingChannel) == 5


@pytest.mark.django_db
def test_a_user_of_another_kind_is_not_taken_for_one_of_the_database() -> None:
    stranger = SimpleNamespace(pk=7, is_authenticated=True)
    assert identity_of(request(stranger, {"exp": 7}), UsualChannel, {"pk": 1}) == Identity(
        UsualChannel.label, "7", kwargs=(("pk", 1),), expires=7, known=False
    )


@pytest.mark.parametrize("nobody", [AnonymousUser(), None, User()])
def test_a_reader_who_has_not_signed_in_has_no_key(nobody: Any) -> None:
    assert identity_of(request(nobody, None), UsualChannel, {}) == Identity(UsualChannel.label)

"""Whom the channel manager lets read an anchor's channel, whose name is all that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.urls import include, path, re_path
from django_eventstream.channelmanager import ChannelManagerBase, DefaultChannelManager

from rxsse import StateChannel
from rxsse.eventstream import ChannelManager, ChannelManagerMixin
from rxsse.eventstream.names import kwargs_of, topic_of
from rxsse.messages import Topic
from tests.domain.models import Board, Team
from tests.domain.serializers import TeamSerializer
from tests.eventstream.site import MineChannel, OpenChannel, TeamChannel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.eventstream.test_permission")]


class ByName(StateChannel):
    """Addressed by a field that isn't its key."""

    class Meta:
        anchor = TeamSerializer()
        lookup_field = "name"

    def has_permission(self, user: Any, name: str) -> bool:
        return name == "first"


class ByBoard(StateChannel):
    """Addressed by something that isn't on its row."""

    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, slug: str) -> bool:
        return True

    def get_object(self) -> Any:
        return Board.objects.get(slug=self.kwargs["slug"]).team


class Nested(StateChannel):
    """Has an argument that only says who may read."""

    class Meta:
        anchor = TeamSerializer()
        lookup_url_kwarg = "pk"

    def has_permission(self, user: Any, place: str, pk: int) -> bool:
        return place == "here"


class Fixed(StateChannel):
    """A part of whose address the URLconf gives itself."""

    class Meta:
        anchor = TeamSerializer(many=True)
        audience = "shared"

    def has_permission(self, user: Any, low: int, kind: str) -> bool:
        assert (type(low), kind) == (int, "all")
        return low < 10

    def get_queryset(self) -> Any:
        return Team.objects.filter(pk__gte=self.kwargs["low"])


class Unrouted(OpenChannel):
    class Meta(OpenChannel.Meta):
        pass


class Broken(OpenChannel):
    class Meta(OpenChannel.Meta):
        pass

    def has_permission(self, user: Any, pk: int) -> bool:
        if pk % 2:
            raise PermissionDenied
        raise RuntimeError("quotes a row")


class Hidden(OpenChannel):
    """Of some rows there is no state. Its route has no converter."""

    class Meta(OpenChannel.Meta):
        pass

    def has_permission(self, user: Any, pk: Any) -> bool:
        return isinstance(pk, str)

    def get_queryset(self) -> Any:
        return Team.objects.exclude(name="hidden")


urlpatterns = [
    path("name/<str:name>/", ByName.as_view()),
    path("board/<slug:slug>/", ByBoard.as_view()),
    path("<slug:place>/", include([path("team/<int:pk>/", Nested.as_view())])),
    path("fixed/<int:low>/", Fixed.as_view(), {"kind": "all"}),
    path("broken/<int:pk>/", Broken.as_view()),
    re_path(r"^hidden/([0-9]+)/$", Hidden.as_view()),
    re_path(r"^hidden/(?P<pk>[0-9]+)/$", Hidden.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("mine/<int:low>/<str:name>/", MineChannel.as_view()),
    path("team/<int:pk>/", TeamChannel.as_view()),
]

manager = ChannelManager()


def test_has_permission_is_given_what_the_route_gives(team: Team, ada: User, bob: User) -> None:
    assert manager.can_read_channel(None, OpenChannel.event_channel(pk=team.pk))
    channel = TeamChannel.event_channel(pk=team.pk)
    assert [manager.can_read_channel(user, channel) for user in (ada, bob, None)] == [True, False, False]
    mine = MineChannel.event_channel(ada, low=3, name="ä/&")
    assert [manager.can_read_channel(user, mine) for user in (ada, bob, None)] == [True, False, False]
    nobodys = MineChannel.event_channel(AnonymousUser(), low=3, name="f")
    assert [manager.can_read_channel(user, nobodys) for user in (ada, None)] == [False, False]


def test_a_row_that_is_addressed_by_another_field(team: Team) -> None:
    other = Team.objects.create(name="second")
    assert manager.can_read_channel(None, ByName.event_channel(name="first"))
    assert not manager.can_read_channel(None, ByName.event_channel(name="second"))
    assert kwargs_of(Topic(ByName.label, str(other.pk))) == {"name": "second"}
    assert kwargs_of(Topic(ByName.label, "99")) is None


def test_arguments_that_lead_elsewhere_are_not_asked_about(team: Team, ada: User) -> None:
    """A board whose slug is the key of somebody else's team."""
    other = Team.objects.create(name="second")
    Board.objects.create(slug=str(team.pk), code="a", title="", team=other)
    assert kwargs_of(Topic(ByBoard.label, str(team.pk))) == {"slug": str(team.pk)}
    assert not manager.can_read_channel(ada, f"{ByBoard.label}/{team.pk}")
    assert not manager.can_read_channel(ada, f"{ByBoard.label}/{other.pk}")


def test_a_route_with_more_arguments_needs_a_word_from_the_project(team: Team, ada: User) -> None:
    class Own(ChannelManager):
        place = "here"

        def get_kwargs(self, topic: Topic) -> Mapping[str, Any] | None:
            return {"place": self.place, "pk": int(topic.anchor)}

    class Elsewhere(Own):
        place = "there"

    channel = Nested.event_channel(place="here", pk=team.pk)
    assert not manager.can_read_channel(ada, channel)
    assert Own().can_read_channel(ada, channel)
    assert not Elsewhere().can_read_channel(ada, channel)


def test_what_the_urlconf_gives_itself(team: Team, ada: User) -> None:
    assert manager.can_read_channel(ada, Fixed.event_channel(low=9, kind="all"))
    for low, kind in (10, "all"), (9, "some"):
        assert not manager.can_read_channel(ada, Fixed.event_channel(low=low, kind=kind))
    assert not manager.can_read_channel(ada, f"{Fixed.label}/kind%3Dall%26low%3Dx")
    assert not manager.can_read_channel(ada, f"{Fixed.label}/low%3D9")


def test_nobody_reads_what_has_no_route_or_no_state(team: Team, ada: User, caplog: pytest.LogCaptureFixture) -> None:
    assert not manager.can_read_channel(ada, Unrouted.event_channel(pk=team.pk))
    assert "no route says" in caplog.text
    assert manager.can_read_channel(ada, Hidden.event_channel(pk=team.pk))
    hidden = Team.objects.create(name="hidden")
    for key in str(hidden.pk), "99", "x", f"0{team.pk}":
        assert not manager.can_read_channel(ada, f"{Hidden.label}/{key}")


def test_what_raises_says_no(ada: User, bob: User, caplog: pytest.LogCaptureFixture) -> None:
    rows = [Team.objects.create(name=str(number)) for number in range(2)]
    for team in rows:
        assert not manager.can_read_channel(ada, Broken.event_channel(pk=team.pk))
        assert not manager.can_read_channel(None, Broken.event_channel(pk=team.pk))
    assert caplog.text.count("could not say who may read") == 1


def test_a_user_who_is_not_active_reads_nothing(team: Team, ada: User) -> None:
    ada.is_active = False
    assert not manager.can_read_channel(ada, OpenChannel.event_channel(pk=team.pk))


def test_other_channels_are_answered_for_by_the_projects_own(team: Team, ada: User) -> None:
    class Theirs(ChannelManagerBase):  # type: ignore[misc]
        def get_channels_for_request(self, request: Any, view_kwargs: Any) -> set[str]:
            return {"a"}

        def can_read_channel(self, user: Any, channel: str) -> bool:
            return channel == "a"

        def is_channel_reliable(self, channel: str) -> bool:
            return channel == "a"

    class Both(ChannelManagerMixin, Theirs):
        pass

    both, anchors = Both(), OpenChannel.event_channel(pk=team.pk)
    nearly = f"{anchors}/"
    assert [both.can_read_channel(ada, name) for name in ("a", "b", anchors, nearly)] == [True, False, True, False]
    assert [both.is_channel_reliable(name) for name in ("a", "b", anchors, nearly)] == [True, False, False, False]
    assert both.get_channels_for_request(None, {}) == {"a"}
    assert issubclass(ChannelManager, DefaultChannelManager)
    assert [manager.can_read_channel(ada, name) for name in ("a", "b")] == [True, True]


def test_names_of_others_are_none() -> None:
    for name in "room-7", "a/b/c/d", "", "/", "not.there.Channel/7":
        assert topic_of(name) is None

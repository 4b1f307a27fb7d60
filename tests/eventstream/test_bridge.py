"""What `send_event` is given reaches an anchor's readers through both views, in a process with nothing configured."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.sessions.models import Session
from django.http import Http404
from django_eventstream import send_event, views
from rest_framework.authtoken.models import Token

from rxsse import runtime, wire
from rxsse.brokers.relay import Told
from rxsse.eventstream import ChannelManager
from rxsse.eventstream.permission import Channels
from rxsse.exceptions import ProtocolError
from rxsse.guarding.identity import Identity
from tests.domain.models import Team
from tests.eventstream.site import MineChannel, OpenChannel, TeamChannel
from tests.eventstream.support import listening, messages, reader, send_from, theirs, until_event
from tests.guarding.support import by_session, by_token
from tests.streaming.support import Connection
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.eventstream.site")]


def test_it_reaches_both_views_and_moves_no_cursor(port: int, team: Team, ada: User) -> None:
    channel = TeamChannel.event_channel(pk=team.pk)
    assert channel == f"tests.eventstream.site.TeamChannel/{team.pk}"
    with ExitStack() as stack:
        stream = stack.enter_context(reader(port, f"/team/{team.pk}/", by_token(ada)))
        other = stack.enter_context(listening(port, channel, send_event, by_session(ada)))
        cursor = stream.client.last_id
        assert send_from(port, (channel, "message", {"text": "höher\n"}), (channel, "jump", [1, None])) == 200
        send_event(channel, "last", "ok")
        expected = [("message", {"text": "höher\n"}), ("jump", [1, None]), ("last", "ok")]
        assert until_event(stream, "last") == expected
        assert until_event(other, "last") == expected
        assert stream.client.last_id == cursor
        assert other.client.last_id == ""
        team.name = "second"
        team.save()
        stream.until(lambda client: client.state["name"] == "second")


def test_only_readers_of_the_anchor_get_it(port: int, team: Team, ada: User) -> None:
    neighbour = Team.objects.create(name="neighbour")
    with ExitStack() as stack:
        url = f"/open/{neighbour.pk}/"
        stream, other = (stack.enter_context(reader(port, at)) for at in (url, f"/open/{team.pk}/"))
        send_event(OpenChannel.event_channel(pk=team.pk), "hello", 1)
        send_event(TeamChannel.event_channel(pk=neighbour.pk), "hello", 2)
        send_event("elsewhere", "hello", 3)
        send_event(OpenChannel.event_channel(pk=neighbour.pk), "last", 4)
        assert until_event(stream, "last") == [("last", 4)]
        assert until_event(other, "hello") == [("hello", 1)]


def test_a_users_events_are_his_alone(port: int, team: Team, ada: User, bob: User) -> None:
    with ExitStack() as stack:
        url = "/mine/1/f/"
        hers, his = (stack.enter_context(reader(port, url, by_token(user))) for user in (ada, bob))
        channel = MineChannel.event_channel(ada, low=1, name="f")
        assert channel == f"tests.eventstream.site.MineChannel/low%3D1%26name%3Df/{ada.pk}"
        send_event(channel, "private", "hers")
        for user in ada, bob:
            send_event(MineChannel.event_channel(user, low=1, name="f"), "last", user.username)
        assert until_event(hers, "last") == [("private", "hers"), ("last", "ada")]
        assert until_event(his, "last") == [("last", "bob")]

        through_theirs = stack.enter_context(listening(port, channel, send_event, by_session(ada)))
        send_event(channel, "private", "again")
        assert until_event(through_theirs, "private") == [("private", "again")]
        for headers in by_session(bob), "":
            with theirs(port, channel, headers) as refused:
                refused.until(lambda client: client.names)
                assert refused.client.events[0][1]["condition"] == "forbidden"


def test_names_of_the_protocol_are_refused(port: int, team: Team) -> None:
    channel = OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream, listening(port, channel, send_event) as other:
        for name in *wire.RESERVED, "open", "error", "", "a\nid: x.9", "a\r":
            with pytest.raises(ValueError, match="can't be the name of an application's event"):
                send_event(channel, name, {})
        send_event(channel, "last", 1)
        assert until_event(stream, "last") == [("last", 1)]
        assert until_event(other, "last") == [("last", 1)]
        assert set(stream.client.names) == {"snapshot", "warming", "last"}


def test_what_arrives_from_elsewhere_is_looked_at_as_well(
    port: int, team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    """With ``EVENTSTREAM_REDIS`` nothing of rxsse is asked before it is sent."""
    channel = OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream, listening(port, channel, send_event) as other:
        for told in Told(channel, "gone", "{}"), Told(channel, "a", "plain"), Told(f"{channel}/", "a", "1"):
            views.listener_manager.received(told)
        views.listener_manager.received(Told(channel, "last", "1"))
        assert until_event(stream, "last") == [("last", 1)]
        assert until_event(other, "last") == [("last", 1)]
    assert caplog.text.count("An event of the application was refused") == 3


def test_what_is_not_json_or_too_long_is_refused(port: int, team: Team) -> None:
    channel = OpenChannel.event_channel(pk=team.pk)
    with reader(port, f"/open/{team.pk}/") as stream:
        for body in "plain", "", '{"a": NaN}', "1\nevent: patch", {"not": "text"}:
            with pytest.raises(ValueError, match="is not JSON"):
                send_event(channel, "message", body, json_encode=False)
        with pytest.raises(ValueError, match="is not JSON"):
            send_event(channel, "message", float("inf"))
        with pytest.raises(ValueError, match="send at most 1000000"):
            send_event(channel, "message", "x" * 1_000_000)
        send_event(channel, "message", '{\n"a":\r\n 1}', json_encode=False)
        send_event(channel, "last", "x" * 999_998)
        events = until_event(stream, "last")
        assert events[0] == ("message", {"a": 1})
        assert len(events) == 2


def test_a_name_that_is_nearly_an_anchors_is_refused(bridged: None) -> None:
    for wrong in "{0}", "{0}/7/", "{0}/7/3", "{0}/a b", "{0}/7/x/y", "{1}/low%3D1", "{1}/low%3D1/":
        with pytest.raises(ProtocolError, match=r"event channel|topic's name"):
            send_event(wrong.format(OpenChannel.label, MineChannel.label), "message", 1)


@pytest.mark.usefixtures("bridged")
def test_channels_are_named_as_readers_address_them(team: Team, ada: User) -> None:
    assert MineChannel.event_channel(AnonymousUser(), low=1, name="ä/b").endswith("name%3D%25C3%25A4%252Fb/anonymous")
    with pytest.raises(TypeError, match="each user has a state of his own"):
        MineChannel.event_channel(low=1, name="f")
    with pytest.raises(Http404):
        OpenChannel.event_channel(pk=team.pk + 1)
    assert OpenChannel.event_channel(ada, pk=str(team.pk)) == OpenChannel.event_channel(pk=team.pk)


def test_nobody_without_permission_gets_it(port: int, team: Team, ada: User, bob: User) -> None:
    channel = TeamChannel.event_channel(pk=team.pk)
    with Connection(port, f"/team/{team.pk}/", headers=by_token(bob)) as refused:
        assert refused.receive()
        assert refused.status == 403
    for headers in by_session(bob), "":
        with theirs(port, channel, headers) as refused:
            refused.until(lambda client: client.names)
            assert refused.client.events[0][1]["channels"] == [channel]
    for wrong in f"{channel}/", f"{TeamChannel.label}/{team.pk + 1}", f"{TeamChannel.label}/x", TeamChannel.label:
        with theirs(port, wrong, by_session(ada)) as refused:
            refused.until(lambda client: client.names)
            assert refused.client.events[0][1]["condition"] == "forbidden"


def test_other_channels_are_as_they_were(port: int) -> None:
    with listening(port, "elsewhere", send_event) as stream:
        send_event("elsewhere", "snapshot", "as they like")
        send_event("elsewhere", "last", 1)
        assert until_event(stream, "last") == [("last", 1)]
        assert ("snapshot", "as they like") in stream.client.events


def lose_group(user: User) -> None:
    user.groups.clear()


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def log_out(user: User) -> None:
    Session.objects.all().delete()


@pytest.mark.parametrize("lose", [lose_group, deactivate, log_out])
def test_who_loses_the_right_gets_no_more_through_either_view(
    port: int, team: Team, ada: User, bob: User, lose: Any
) -> None:
    bob.groups.add(Group.objects.get(name="readers"))
    channel = TeamChannel.event_channel(pk=team.pk)
    headers = by_session(ada)
    with ExitStack() as stack:
        stream = stack.enter_context(reader(port, f"/team/{team.pk}/", headers))
        other = stack.enter_context(listening(port, channel, send_event, headers))
        stays = stack.enter_context(reader(port, f"/team/{team.pk}/", by_token(bob)))
        send_event(channel, "before", 1)
        assert until_event(stream, "before") == [("before", 1)]
        assert until_event(other, "before") == [("before", 1)]
        lose(ada)
        send_event(channel, "after", 2)
        stream.until(lambda client: client.ended, "the end")
        assert [name for name, _ in messages(stream)] == ["before", "revoked"]
        while other.receive() and not other.complete:
            pass
        assert [name for name, _ in messages(other)] == ["before", "stream-error"]
        assert until_event(stays, "after")[-1] == ("after", 2)


def test_whoever_was_cut_off_is_not_released_again(bridged: None, team: Team, ada: User) -> None:
    """The guard releases what it has held, those included that it has ended; their view has not yet looked by then."""
    channel = TeamChannel.event_channel(pk=team.pk)
    identity = Identity(TeamChannel.label, str(ada.pk), kwargs=(("pk", team.pk),))
    listener = views.Listener()
    listener.channels = Channels([channel], {channel: identity})
    listeners = views.listener_manager
    listeners.add_listener(listener)
    seats = listeners._seats[listener]
    until(lambda: seats[0].held is False, "the first asking")
    listener.wake_threadsafe = lambda: None
    send_event(channel, "before", 1)
    assert [event.type for event in listener.channel_items[channel]] == ["before"]
    listeners.hold(seats)
    listeners.end(seats, "permission")
    listeners.release(seats)
    send_event(channel, "after", 2)
    assert listener.channel_items == {}
    listeners.remove_listener(listener)
    assert listeners.listeners_by_channel == {}


def test_their_viewset_knows_by_what_token_its_reader_came(port: int, team: Team, ada: User) -> None:
    channel = TeamChannel.event_channel(pk=team.pk)
    headers = f"Accept: text/event-stream\r\n{by_token(ada)}"
    with listening(port, channel, send_event, headers, "/api/events/?channels=") as stream:
        send_event(channel, "before", 1)
        assert until_event(stream, "before") == [("before", 1)]
        Token.objects.all().delete()
        send_event(channel, "after", 2)
        stream.until_end()
        assert [name for name, _ in messages(stream)] == ["before", "stream-error"]


def test_one_channel_is_lost_and_the_error_names_no_other(port: int, team: Team, ada: User) -> None:
    lost, kept = TeamChannel.event_channel(pk=team.pk), OpenChannel.event_channel(pk=team.pk)
    url = f"/events/?channel={kept}&channel=elsewhere&channel="
    with listening(port, lost, send_event, by_session(ada), url) as stream:
        for number, channel in enumerate((lost, kept, "elsewhere")):
            send_event(channel, f"n{number}", number)
        for number in range(3):
            until_event(stream, f"n{number}")
        ada.groups.clear()
        stream.until_end()
        name, body = messages(stream)[-1]
        assert (name, body["channels"]) == ("stream-error", [lost])


def test_whoever_keeps_the_right_goes_on(port: int, team: Team, ada: User, bob: User) -> None:
    """A change that might have taken it holds him for a moment; his stream gets then what came meanwhile."""
    channel = TeamChannel.event_channel(pk=team.pk)
    headers = by_session(ada)
    with reader(port, f"/team/{team.pk}/", headers) as stream, listening(port, channel, send_event, headers) as other:
        for number in range(20):
            bob.groups.set([Group.objects.get(name="readers")] if number % 2 else [])
            send_event(channel, "n", number)
        send_event(channel, "last", None)
        assert until_event(stream, "last") == [*(("n", number) for number in range(20)), ("last", None)]
        other.close()
        with listening(port, channel, send_event, headers) as again:
            send_event(channel, "last", None)
            until_event(again, "last")


def test_a_link_that_was_signed_for_a_proxy_opens_no_anchors_channel(
    port: int, team: Team, ada: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SECRET_KEY = "a key of the length that is recommended"
    channel = TeamChannel.event_channel(pk=team.pk)
    said = {"iss": "es", "exp": int(time.time()) + 60, "channels": [channel, "elsewhere"], "user": str(ada.pk)}
    link = jwt.encode(said, settings.SECRET_KEY.encode(), algorithm="HS256")
    with Connection(port, f"/events/?es-meta={link}") as stream:
        stream.until_end()
        assert [(name, body["channels"]) for name, body in messages(stream)] == [("stream-error", [channel])]
    assert "signed for a proxy" in caplog.text


class Forgetful(ChannelManager):
    """Says what is asked for without what it was told of the reader."""

    def get_channels_for_request(self, request: Any, view_kwargs: Any) -> set[str]:
        return set(request.GET.getlist("channel"))


def test_an_override_that_forgets_the_reader_opens_no_anchors_channel(
    port: int, team: Team, ada: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EVENTSTREAM_CHANNELMANAGER_CLASS = f"{__name__}.Forgetful"
    channel = TeamChannel.event_channel(pk=team.pk)
    with theirs(port, channel, by_session(ada)) as stream:
        stream.until_end()
        assert [(name, body["channels"]) for name, body in messages(stream)] == [("stream-error", [channel])]
    assert "that return super()" in caplog.text
    with listening(port, "elsewhere", send_event) as other:
        send_event("elsewhere", "last", 1)
        assert until_event(other, "last") == [("last", 1)]


def test_without_readers_it_costs_nothing_and_starts_nothing(bridged: None, team: Team) -> None:
    send_event(OpenChannel.event_channel(pk=team.pk), "message", json.loads("1"))
    assert runtime.current()._engine is None

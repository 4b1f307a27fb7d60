"""The endpoint through the real view: what it answers, and what bad input does to it and to others."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import connection as database
from django.http import Http404
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.throttling import UserRateThrottle

from rxsse import StateChannel, runtime
from rxsse.asgi import StreamingHandler
from rxsse.wire import HEADERS
from tests.domain.models import Board, Task, Team
from tests.streaming.support import Connection, NaiveClient, serving
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

MARKER = "quotes-a-row-of-somebody-else"
STREAM, JSON, PAGE = "text/event-stream", "application/json", "text/html"


# --- what is served ----------------------------------------------------------------------


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


class FragileTaskSerializer(serializers.ModelSerializer[Task]):
    title = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = ("title", "position")

    def get_title(self, task: Task) -> str:
        if task.title == "broken":
            raise ValueError(f"{MARKER} {task.title}")
        return task.title


class FragileSerializer(serializers.ModelSerializer[Board]):
    tasks = FragileTaskSerializer(many=True, read_only=True)

    class Meta:
        model = Board
        fields = ("id", "title", "tasks")


class TeamChannel(StateChannel):
    """A team, for whoever signs in."""

    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated)


class OpenChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class AsyncChannel(TeamChannel):
    async def has_permission(self, user: Any, pk: int) -> bool:  # type: ignore[override]
        return bool(user.is_authenticated) and await Team.objects.filter(pk=pk).aexists()


class RefusingChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        return False


class RaisingChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        raise RuntimeError(MARKER)


class MembersChannel(TeamChannel):
    """Written without a thought of anonymous readers."""

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.groups.model and user.date_joined)


class SayingNoChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        raise PermissionDenied if pk else Http404


class LostChannel(TeamChannel):
    def get_object(self) -> Team:
        raise RuntimeError(MARKER)


class FragileChannel(StateChannel):
    class Meta:
        anchor = FragileSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated)


class BrokenListChannel(StateChannel):
    class Meta:
        anchor = TeamSerializer(many=True)
        audience = "shared"

    def has_permission(self, user: Any) -> bool:
        return bool(user.is_authenticated)

    def get_queryset(self) -> Any:
        raise LookupError(MARKER)


class ByName(BaseAuthentication):
    def authenticate(self, request: Any) -> Any:
        name = request.headers.get("X-Name")
        if not name:
            return None
        user = User.objects.filter(username=name).first()
        if user is None:
            raise AuthenticationFailed("Nobody of that name.")
        return user, None

    def authenticate_header(self, request: Any) -> str:
        return "Name"


class OwnAuthenticationChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        authentication_classes = [ByName]


class SessionOnlyChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        authentication_classes = [SessionAuthentication]


gate = threading.Event()


class SlowSerializer(TeamSerializer):
    def to_representation(self, instance: Team) -> Any:
        assert gate.wait(20)
        return super().to_representation(instance)


class SlowChannel(TeamChannel):
    class Meta:
        anchor = SlowSerializer()


class TwoAnHour(UserRateThrottle):
    rate = "2/hour"


class ThrottledChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        throttle_classes = [TwoAnHour]


urlpatterns = [
    path("teams/<int:pk>/", TeamChannel.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("async/<int:pk>/", AsyncChannel.as_view()),
    path("refusing/<int:pk>/", RefusingChannel.as_view()),
    path("raising/<int:pk>/", RaisingChannel.as_view()),
    path("members/<int:pk>/", MembersChannel.as_view()),
    path("no/<int:pk>/", SayingNoChannel.as_view()),
    path("lost/<int:pk>/", LostChannel.as_view()),
    path("fragile/<int:pk>/", FragileChannel.as_view()),
    path("broken/", BrokenListChannel.as_view()),
    path("own/<int:pk>/", OwnAuthenticationChannel.as_view()),
    path("session/<int:pk>/", SessionOnlyChannel.as_view()),
    path("slow/<int:pk>/", SlowChannel.as_view()),
    path("throttled/<int:pk>/", ThrottledChannel.as_view()),
]


# --- who reads ---------------------------------------------------------------------------


class Recording(NaiveClient):
    """Keeps the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = b""

    def feed(self, chunk: bytes) -> None:
        self.bytes += chunk
        super().feed(chunk)


class Stream(Connection):
    client: Recording

    def __init__(self, port: int, path: str, token: str = "", headers: str = "", method: str = "GET") -> None:
        given = f"Accept: {STREAM}\r\n{headers}" + (f"Authorization: Token {token}\r\n" if token else "")
        super().__init__(port, path, headers=given, method=method)
        self.client = Recording()

    def hold(self, cursor: str, state: Any) -> None:
        """Be a client that returns."""
        self.client.last_id, self.client.state, self.client.lost = cursor, state, False

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}: (.*?)\r?$", self.head.decode(), re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""


@pytest.fixture(autouse=True)
def site(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    settings.RXSSE = {"RETRY_MILLISECONDS": 100}
    cache.clear()
    runtime.reset()
    yield
    runtime.reset()


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann", password="secret")


@pytest.fixture
def token(user: User) -> str:
    return str(Token.objects.create(user=user).key)


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="one")


@pytest.fixture
def signed(token: str) -> Client:
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    with serving(StreamingHandler()) as (port, _):
        yield port


@pytest.fixture
def bystander(port: int, token: str, team: Team) -> Iterator[Recording]:
    """Somebody who reads all the while, and must not notice anything but the change at the end."""
    with Stream(port, f"/teams/{team.pk}/", token) as stream:
        stream.until(lambda client: client.state is not None)
        yield stream.client
        name = f"still there {uuid4()}"
        Team.objects.filter(pk=team.pk).update(name=name)
        stream.until(lambda client: client.state["name"] == name)
        assert stream.client.names == ["snapshot", "patch"]
        assert MARKER.encode() not in stream.client.bytes


def error_of(response: Any) -> str:
    """The text of an error body in DRF's form, whatever was asked for."""
    assert response.headers["Content-Type"] == JSON
    assert MARKER.encode() not in response.content
    assert b"Traceback" not in response.content
    body = json.loads(response.content)
    assert list(body) == ["detail"]
    return str(body["detail"])


# --- representations ---------------------------------------------------------------------


def test_json_is_what_the_serializer_returns(signed: Client, team: Team) -> None:
    response = signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON})
    assert response.json() == {"id": team.pk, "name": "one"}
    assert response["Content-Type"] == JSON
    assert response["Cache-Control"] == "no-cache"
    assert {"Authorization", "Cookie", "Accept"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", STREAM),
        ("", "", STREAM),
        ("", "text/*", STREAM),
        ("", "application/*", JSON),
        ("", f"{STREAM}, {JSON}", STREAM),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", PAGE),
        ("?format=json", STREAM, None),
        ("?format=json", "*/*", JSON),
        ("?format=sse", "*/*", STREAM),
        ("?format=html", "*/*", PAGE),
    ],
)
def test_accept_and_format_choose(signed: Client, team: Team, query: str, accept: str, expected: str | None) -> None:
    response = signed.get(f"/teams/{team.pk}/{query}", headers={"Accept": accept} if accept else {})
    if expected is None:
        assert (response.status_code, bool(error_of(response))) == (406, True)
    else:
        assert response.status_code == 200
        assert response["Content-Type"].split(";")[0] == expected
    response.close()


@pytest.mark.parametrize(
    "accept", ["image/png", "text/event", "application/xml;q=1", "nonsense", ";;", "text/event-stream/x"]
)
def test_what_cannot_be_given_is_refused(signed: Client, team: Team, bystander: Recording, accept: str) -> None:
    response = signed.get(f"/teams/{team.pk}/", headers={"Accept": accept})
    assert response.status_code == 406
    assert error_of(response)


def test_an_unknown_format_is_not_there(signed: Client, team: Team) -> None:
    response = signed.get(f"/teams/{team.pk}/?format=xml")
    assert response.status_code == 404
    assert error_of(response)


def test_the_page_holds_no_state(team: Team) -> None:
    for name in ("teams", "refusing", "lost"):
        response = Client().get(f"/{name}/{team.pk}/", headers={"Accept": PAGE})
        assert response.status_code == 200
        assert b'"name"' not in response.content


def test_a_streams_headers(port: int, token: str, team: Team) -> None:
    with Stream(port, f"/teams/{team.pk}/", token) as stream:
        stream.until(lambda client: client.state == {"id": team.pk, "name": "one"})
        assert stream.status == 200
        for name, value in HEADERS.items():
            assert set(value.split(", ")) <= set(stream.header(name).split(", "))
        assert stream.client.retry == 100


def test_head_gives_the_headers_alone(port: int, token: str, signed: Client, team: Team) -> None:
    for accept in (STREAM, JSON, PAGE):
        response = signed.head(f"/teams/{team.pk}/", headers={"Accept": accept})
        assert (response.status_code, response.getvalue()) == (200, b"")
        assert response["Content-Type"].split(";")[0] == accept
    assert Client().head(f"/teams/{team.pk}/").status_code == 401
    with Stream(port, f"/teams/{team.pk}/", token, headers="Connection: close\r\n", method="HEAD") as stream:
        while stream.receive():
            pass
        assert stream.status == 200
        assert stream.header("content-type") == STREAM
        assert stream.client.bytes == b""
    assert not runtime.current().engine._topics.keys() - {TeamChannel.topic(None, {"pk": team.pk}).name}


def test_options_describe_the_endpoint(signed: Client, team: Team) -> None:
    response = signed.options(f"/teams/{team.pk}/", headers={"Accept": STREAM})
    assert response.status_code == 200
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    described = json.loads(response.content)
    assert described["name"] == "TeamChannel"
    assert described["renders"] == [STREAM, JSON, PAGE]
    assert described["description"] == "A team, for whoever signs in."


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_writing_is_not_allowed(signed: Client, team: Team, method: str) -> None:
    response = getattr(signed, method)(f"/teams/{team.pk}/", headers={"Accept": STREAM})
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert error_of(response)


def test_an_etag_spares_the_body(signed: Client, team: Team) -> None:
    def get(known: str = "") -> Any:
        return signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON, **({"If-None-Match": known} if known else {})})

    etag = get()["ETag"]
    assert re.fullmatch(r'"[\w-]+\.\d+"', etag)
    for known in (etag, f"W/{etag}", "*", f'"other", {etag}', f'W/"x", W/{etag}'):
        response = get(known)
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
        assert "Authorization" in response["Vary"]
        assert response["Cache-Control"] == "no-cache"
    for other in ('"other"', "other", etag.strip('"'), 'W/"x"', '"', ","):
        assert get(other).status_code == 200
    team.name = "two"
    team.save()
    until(lambda: get(etag).status_code == 200)  # a hot topic answers with what has been derived so far
    assert (get(etag).json()["name"], get()["ETag"] != etag) == ("two", True)


def test_an_etag_opens_nothing_to_strangers(signed: Client, team: Team) -> None:
    etag = signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON})["ETag"]
    for known in (etag, "*"):
        assert Client().get(f"/teams/{team.pk}/", headers={"Accept": JSON, "If-None-Match": known}).status_code == 401


def test_an_etag_is_a_cursor_to_go_on_from(port: int, token: str, signed: Client, team: Team) -> None:
    etag = signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON})["ETag"].strip('"')
    with Stream(port, f"/teams/{team.pk}/", token, headers=f"Last-Event-ID: {etag}\r\n") as stream:
        stream.hold(etag, {"id": team.pk, "name": "one"})
        stream.until(lambda client: client.names == ["mark"])


# --- cursors -----------------------------------------------------------------------------

MALFORMED = [
    "garbage",
    "a.b",
    ".1",
    "a.",
    "a.-1",
    "a.01",
    "a.1.2",
    "a.99999999999999999",
    "%00",
    "a.1%0d%0aid:x",
    "é.1",
    "x" * 5000,
]


@pytest.mark.parametrize("cursor", MALFORMED, ids=lambda cursor: cursor[:20])
def test_a_malformed_cursor_starts_afresh(port: int, token: str, team: Team, bystander: Recording, cursor: str) -> None:
    with Stream(port, f"/teams/{team.pk}/?last_event_id={quote(cursor, safe='%')}", token) as stream:
        stream.until(lambda client: "snapshot" in client.names)
        assert stream.client.events[0] == ("reset", {"reason": "malformed"})
        assert stream.client.names == ["reset", "snapshot"]
        assert b"garbage" not in stream.client.bytes


@pytest.mark.parametrize("cursor", ["garbage", "é.1", "a.1, b.2"])
def test_a_malformed_cursor_may_come_as_a_header(port: int, token: str, team: Team, cursor: str) -> None:
    with Stream(port, f"/teams/{team.pk}/", token, headers=f"Last-Event-ID: {cursor}\r\n") as stream:
        stream.until(lambda client: "snapshot" in client.names)
        assert stream.client.events[0] == ("reset", {"reason": "malformed"})


def test_a_cursor_of_another_epoch_starts_afresh(port: int, token: str, team: Team, bystander: Recording) -> None:
    with Stream(port, f"/teams/{team.pk}/", token, headers="Last-Event-ID: elsewhere.3\r\n") as stream:
        stream.until(lambda client: "snapshot" in client.names)
        assert stream.client.events[0] == ("reset", {"reason": "unknown-epoch"})


def test_a_cursor_from_the_future_starts_afresh(port: int, token: str, team: Team, bystander: Recording) -> None:
    ahead = f"{bystander.last_id.split('.')[0]}.9007199254740993"
    with Stream(port, f"/teams/{team.pk}/", token, headers=f"Last-Event-ID: {ahead}\r\n") as stream:
        stream.until(lambda client: "snapshot" in client.names)
        assert stream.client.events[0] == ("reset", {"reason": "future"})


def test_a_cursor_in_the_query_resumes_and_the_header_wins(port: int, token: str, team: Team) -> None:
    with Stream(port, f"/teams/{team.pk}/", token) as first:
        first.until(lambda client: client.state is not None)
        here = first.client.last_id
        Team.objects.update(name="two")
        first.until(lambda client: client.state["name"] == "two")
        with Stream(port, f"/teams/{team.pk}/?last_event_id={here}", token) as second:
            second.hold(here, {"id": team.pk, "name": "one"})
            second.until(lambda client: client.state["name"] == "two")
            assert second.client.names == ["patch"]
        now = first.client.last_id
        with Stream(port, f"/teams/{team.pk}/?last_event_id=x", token, headers=f"Last-Event-ID: {now}\r\n") as third:
            third.hold(now, first.client.state)
            third.until(lambda client: client.names == ["mark"])


# --- who may -----------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [STREAM, JSON])
@pytest.mark.parametrize(
    "credentials", ["", "Token", "Token wrong", "Token a b", "Token \xff\xfe", "Bearer x", "Basic Og=="]
)
def test_whoever_is_nobody_is_asked_for_a_token(
    team: Team, bystander: Recording, accept: str, credentials: str
) -> None:
    headers = {"Accept": accept, **({"Authorization": credentials} if credentials else {})}
    response = Client().get(f"/teams/{team.pk}/", headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert error_of(response)


@pytest.mark.parametrize("accept", [STREAM, JSON])
def test_a_deactivated_user_is_refused(accept: str, team: Team, bystander: Recording) -> None:
    bob = User.objects.create(username="bob", is_active=False)
    credentials = f"Token {Token.objects.create(user=bob).key}"
    response = Client().get(f"/teams/{team.pk}/", headers={"Accept": accept, "Authorization": credentials})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert error_of(response)


def test_a_wrong_token_is_refused_even_where_anybody_may_read(team: Team) -> None:
    assert Client().get(f"/open/{team.pk}/", headers={"Accept": JSON}).status_code == 200
    response = Client().get(f"/open/{team.pk}/", headers={"Accept": JSON, "Authorization": "Token wrong"})
    assert response.status_code == 401


@pytest.mark.parametrize("accept", [STREAM, JSON])
def test_a_refusal_is_403_for_those_known_and_401_for_others(
    accept: str, signed: Client, team: Team, bystander: Recording
) -> None:
    for name in ("refusing", "no"):
        response = signed.get(f"/{name}/{team.pk}/", headers={"Accept": accept})
        assert response.status_code == 403
        assert error_of(response)
    response = Client().get(f"/refusing/{team.pk}/", headers={"Accept": accept})
    assert response.status_code == 401
    assert signed.get("/no/0/", headers={"Accept": accept}).status_code == 404


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("accept", [STREAM, JSON])
def test_a_permission_that_raises_is_our_fault(
    accept: str, debug: bool, settings: Any, signed: Client, team: Team, bystander: Recording, caplog: Any
) -> None:
    settings.DEBUG = debug
    response = signed.get(f"/raising/{team.pk}/", headers={"Accept": accept})
    assert response.status_code == 500
    assert error_of(response)
    assert MARKER in caplog.text
    # Whoever is nobody is told to sign in: the commonest cause is that AnonymousUser lacks what a user has.
    for name in ("raising", "members"):
        response = Client().get(f"/{name}/{team.pk}/", headers={"Accept": accept})
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")
        assert error_of(response)


def test_an_async_permission_is_awaited(port: int, token: str, signed: Client, team: Team) -> None:
    assert signed.get(f"/async/{team.pk}/", headers={"Accept": JSON}).json()["name"] == "one"
    assert signed.get(f"/async/{team.pk + 1}/", headers={"Accept": JSON}).status_code == 403
    assert Client().get(f"/async/{team.pk}/", headers={"Accept": JSON}).status_code == 401
    with Stream(port, f"/async/{team.pk}/", token) as stream:
        stream.until(lambda client: client.state is not None)


def test_a_channel_may_authenticate_otherwise(user: User, signed: Client, team: Team) -> None:
    get = Client().get
    url = f"/own/{team.pk}/"
    assert get(url, headers={"Accept": JSON, "X-Name": "ann"}).json()["name"] == "one"
    for client, headers in ((Client(), {}), (Client(), {"X-Name": "eve"}), (signed, {})):
        response = client.get(url, headers={"Accept": JSON, **headers})
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Name")


def test_a_session_will_do(port: int, user: User, team: Team) -> None:
    client = Client()
    client.force_login(user)
    for name in ("teams", "session"):
        assert client.get(f"/{name}/{team.pk}/", headers={"Accept": JSON}).status_code == 200
        cookie = f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n"
        with Stream(port, f"/{name}/{team.pk}/", headers=cookie) as stream:
            stream.until(lambda client: client.state is not None)
    # Sessions have no challenge to send: DRF then says 403.
    assert Client().get(f"/session/{team.pk}/", headers={"Accept": JSON}).status_code == 403


def test_too_many_requests_are_told_when_to_return(signed: Client, team: Team, bystander: Recording) -> None:
    answers = [signed.get(f"/throttled/{team.pk}/", headers={"Accept": JSON}) for _ in range(3)]
    assert [response.status_code for response in answers] == [200, 200, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 3600
    assert error_of(answers[2])
    assert signed.get(f"/throttled/{team.pk}/", headers={"Accept": STREAM}).status_code == 429


# --- what is not there, what fails -------------------------------------------------------


@pytest.mark.parametrize("accept", [STREAM, JSON])
@pytest.mark.parametrize("key", ["999999", "0", "9" * 18, "9" * 30])
def test_an_anchor_that_is_not_there(
    accept: str, key: str, signed: Client, settings: Any, bystander: Recording
) -> None:
    for settings.DEBUG in (False, True):
        response = signed.get(f"/teams/{key}/", headers={"Accept": accept})
        assert response.status_code == 404
        assert error_of(response)
    assert (
        Client().get(f"/teams/{key}/", headers={"Accept": accept}).status_code == 401
    )  # who may not read learns nothing


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("accept", [STREAM, JSON])
def test_a_lookup_that_raises(
    accept: str, debug: bool, settings: Any, signed: Client, bystander: Recording, caplog: Any
) -> None:
    settings.DEBUG = debug
    response = signed.get("/lost/1/", headers={"Accept": accept})
    assert response.status_code == 500
    assert error_of(response)
    assert MARKER in caplog.text


@pytest.fixture
def board() -> Board:
    board = Board.objects.create(slug="b", code="B", title="Board")
    Task.objects.create(board=board, title="fine", position=1)
    Task.objects.create(board=board, title="broken", position=2)
    return board


@pytest.mark.parametrize("debug", [False, True])
def test_a_row_that_cannot_be_shown_in_json(
    debug: bool, settings: Any, signed: Client, board: Board, bystander: Recording, caplog: Any
) -> None:
    settings.DEBUG = debug
    response = signed.get(f"/fragile/{board.pk}/", headers={"Accept": JSON})
    assert response.status_code == 500
    assert error_of(response)
    assert MARKER in caplog.text
    Task.objects.filter(title="broken").update(title="repaired")
    response = signed.get(f"/fragile/{board.pk}/", headers={"Accept": JSON})
    assert [task["title"] for task in response.json()["tasks"]] == ["fine", "repaired"]


def test_a_row_that_cannot_be_shown_at_connect(
    port: int, token: str, board: Board, bystander: Recording, caplog: Any
) -> None:
    with Stream(port, f"/fragile/{board.pk}/", token) as stream:
        stream.until_end()
        assert stream.status == 200  # a native EventSource would stop for good on anything else
        assert stream.client.names == ["reset", "bye"]
        assert stream.client.events[0] == ("reset", {"reason": "unavailable"})
        assert MARKER.encode() not in stream.client.bytes
    assert MARKER in caplog.text
    Task.objects.filter(title="broken").update(title="repaired")
    with Stream(port, f"/fragile/{board.pk}/", token) as stream:
        stream.until(lambda client: client.state is not None)
        assert stream.client.names == ["snapshot"]


def test_a_row_that_cannot_be_shown_any_more(
    port: int, token: str, signed: Client, board: Board, bystander: Recording, caplog: Any
) -> None:
    task = Task.objects.get(title="broken")
    Task.objects.filter(pk=task.pk).update(title="whole")
    path = f"/fragile/{board.pk}/"
    with Stream(port, path, token) as one, Stream(port, path, token) as two:
        for stream in (one, two):
            stream.until(lambda client: client.state is not None)
        Task.objects.filter(pk=task.pk).update(title="broken")
        for stream in (one, two):
            stream.until(lambda client: "reset" in client.names)
            assert stream.client.events[-1] == ("reset", {"reason": "unavailable"})
        assert signed.get(path, headers={"Accept": JSON}).status_code in (500, 503)
        with Stream(port, path, token) as late:
            late.until(lambda client: "reset" in client.names)
            assert "snapshot" not in late.client.names
            Board.objects.filter(pk=board.pk).update(title="Changed meanwhile")
            Task.objects.filter(pk=task.pk).update(title="repaired")
            for stream in (one, two):
                stream.until(lambda client: not client.lost)
                assert stream.client.names == ["snapshot", "reset", "snapshot"]
                assert stream.client.state["title"] == "Changed meanwhile"
                assert [task["title"] for task in stream.client.state["tasks"]] == ["fine", "repaired"]
                assert MARKER.encode() not in stream.client.bytes
            assert MARKER.encode() not in late.client.bytes
    assert MARKER in caplog.text


def test_a_list_that_cannot_be_read(port: int, token: str, signed: Client, bystander: Recording) -> None:
    response = signed.get("/broken/", headers={"Accept": JSON})
    assert (response.status_code, bool(error_of(response))) == (500, True)
    with Stream(port, "/broken/", token) as stream:
        stream.until_end()
        assert stream.client.names == ["reset", "bye"]
        assert MARKER.encode() not in stream.client.bytes


def test_a_state_that_takes_too_long_is_not_available(signed: Client, team: Team, settings: Any) -> None:
    settings.RXSSE = {"BACKEND_TIMEOUT": 0.02}
    runtime.reset()
    gate.clear()
    try:
        response = signed.get(f"/slow/{team.pk}/", headers={"Accept": JSON})
        assert response.status_code == 503
        assert error_of(response)
        # One topic that hangs is not everybody's problem.
        until(lambda: signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON}).status_code == 200)
    finally:
        gate.set()
    until(lambda: signed.get(f"/slow/{team.pk}/", headers={"Accept": JSON}).status_code == 200)


# --- in company --------------------------------------------------------------------------


def test_a_request_in_a_transaction_is_no_obstacle(
    port: int, token: str, signed: Client, team: Team, monkeypatch: pytest.MonkeyPatch, bystander: Recording
) -> None:
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", True)
    response = signed.get(f"/teams/{team.pk}/", headers={"Accept": JSON})
    assert response.json()["name"] == "one"
    assert "." in response["ETag"]  # of the topic that everybody reads, not of this request's own transaction
    with Stream(port, f"/teams/{team.pk}/", token) as stream:
        stream.until(lambda client: client.state is not None)


@pytest.fixture
def cors(settings: Any) -> None:
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    settings.CORS_ALLOW_HEADERS = ["authorization", "last-event-id"]
    settings.CORS_EXPOSE_HEADERS = ["ETag"]


def test_another_origin_is_let_in(cors: None, port: int, token: str, team: Team) -> None:
    url = f"/teams/{team.pk}/"
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"}
    preflight = Client().options(url, headers={"Origin": "https://front.example", **asked})
    assert preflight.status_code == 200
    assert preflight["Access-Control-Allow-Origin"] == "https://front.example"
    assert "last-event-id" in preflight["Access-Control-Allow-Headers"]
    with Stream(port, url, token, headers="Origin: https://front.example\r\n") as stream:
        stream.until(lambda client: client.state is not None)
        assert stream.header("access-control-allow-origin") == "https://front.example"
        assert "origin" in stream.header("vary").lower()
    with Stream(port, url, token, headers="Origin: https://elsewhere.example\r\n") as stream:
        stream.until(lambda client: client.state is not None)
        assert stream.header("access-control-allow-origin") == ""
    refused = Client().get(url, headers={"Origin": "https://front.example", "Accept": STREAM})
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, "https://front.example")

"""Tickets through the real view and a real server: who is given one, and what it opens (PROTOCOL, "Tickets")."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache
from django.db import connection as database
from django.test import Client
from django.urls import path
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.throttling import UserRateThrottle

from rxsse import StateChannel, runtime, signing
from rxsse.asgi import StreamingHandler
from rxsse.auth import Identity
from tests.domain.models import Team
from tests.domain.serializers import TeamSerializer
from tests.streaming.support import Connection, serving
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

STREAM, JSON, PAGE = "text/event-stream", "application/json", "text/html"
MARKER = "quotes-a-row-of-somebody-else"


class TeamChannel(StateChannel):
    class Meta:
        anchor = TeamSerializer()

    def has_permission(self, user: Any, pk: int) -> bool:
        return bool(user.is_authenticated) and not user.groups.filter(name="banned").exists()


class OpenChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        return True


class NamesChannel(StateChannel):
    """One state for each reader: shows whom a stream was opened for."""

    class Meta:
        anchor = TeamSerializer(many=True)

    def has_permission(self, user: Any) -> bool:
        return bool(user.is_authenticated)

    def get_queryset(self) -> Any:
        return Team.objects.filter(name=self.user.username)


class RaisingChannel(TeamChannel):
    def has_permission(self, user: Any, pk: int) -> bool:
        raise RuntimeError(MARKER)


class LostChannel(TeamChannel):
    def get_object(self) -> Team:
        raise RuntimeError(MARKER)


class SessionChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        authentication_classes = [SessionAuthentication]


class TwoAnHour(UserRateThrottle):
    rate = "2/hour"


class ThrottledChannel(TeamChannel):
    class Meta(TeamChannel.Meta):
        throttle_classes = [TwoAnHour]


class ByKey(BaseAuthentication):
    """An API key that belongs to nobody: DRF's rows stand for another model's here."""

    def authenticate(self, request: Any) -> Any:
        key = request.headers.get("X-Key")
        return (AnonymousUser(), Token.objects.get(key=key)) if key else None


class KeyChannel(OpenChannel):
    class Meta(OpenChannel.Meta):
        authentication_classes = [ByKey]


urlpatterns = [
    path("teams/<int:pk>/", TeamChannel.as_view()),
    path("same/<int:pk>/", TeamChannel.as_view()),
    path("open/<int:pk>/", OpenChannel.as_view()),
    path("names/", NamesChannel.as_view()),
    path("raising/<int:pk>/", RaisingChannel.as_view()),
    path("lost/<int:pk>/", LostChannel.as_view()),
    path("session/<int:pk>/", SessionChannel.as_view()),
    path("throttled/<int:pk>/", ThrottledChannel.as_view()),
    path("key/<int:pk>/", KeyChannel.as_view()),
]


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
    return Team.objects.create(name="ann")


@pytest.fixture
def url(team: Team) -> str:
    return f"/teams/{team.pk}/"


@pytest.fixture
def signed(token: str) -> Client:
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.fixture
def port(settings: Any) -> Iterator[int]:
    with serving(StreamingHandler()) as (port, _):
        yield port


def ticket_from(client: Client, url: str) -> str:
    response = client.post(f"{url}?ticket")
    assert response.status_code == 201, response.content
    return str(response.json()["ticket"])


def native(port: int, url: str, ticket: str, headers: str = "", query: str = "") -> Connection:
    """What a browser's EventSource sends: no header of the application's."""
    given = f"Accept: {STREAM}\r\nCache-Control: no-cache\r\n{headers}"
    return Connection(port, f"{url}?ticket={quote(ticket)}{query}", headers=given)


def opens(port: int, url: str, ticket: str, **given: str) -> bool:
    """Whether a stream begins; anything but that and the refusal is an error."""
    with native(port, url, ticket, **given) as stream:
        while not stream.head:
            assert stream.receive()
        if stream.status == 200:
            stream.until(lambda client: client.state is not None)
            return True
        assert stream.status == 401
        assert b"www-authenticate: ticket\r\n" in stream.head.lower()
        return False


def assert_refused(response: Any) -> None:
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Ticket"
    assert response["Content-Type"] == JSON
    assert response.json() == {"detail": "Invalid ticket."}


# --- who is given one ----------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", JSON, STREAM, PAGE])
def test_whoever_may_read_is_given_a_ticket(signed: Client, url: str, accept: str) -> None:
    response = signed.post(f"{url}?ticket", headers={"Accept": accept})
    assert response.status_code == 201
    assert response["Content-Type"] == JSON
    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert list(body) == ["ticket", "expires_in"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{100,300}", body["ticket"])
    assert body["expires_in"] == 30
    assert type(body["expires_in"]) is int


def test_a_ticket_tells_no_secret(signed: Client, user: User, token: str, url: str) -> None:
    """A DRF token's primary key is the token."""
    from django.utils.http import urlsafe_base64_decode

    user.refresh_from_db()
    body = urlsafe_base64_decode(ticket_from(signed, url).rpartition(".")[0]).decode()
    assert json.loads(body)[:2] == [str(user.pk), "authtoken.token"]
    for secret in (token, user.password, user.get_session_auth_hash()):
        assert secret not in body


@pytest.mark.parametrize("accept", ["*/*", JSON, STREAM, PAGE])
def test_whoever_may_not_read_is_given_none(signed: Client, user: User, url: str, team: Team, accept: str) -> None:
    def post(client: Client, url: str) -> int:
        response = client.post(f"{url}?ticket", headers={"Accept": accept})
        assert list(response.json()) == ["detail"]
        assert MARKER not in response.content.decode()
        return response.status_code

    assert post(Client(), url) == 401
    assert post(Client(headers={"Authorization": "Token wrong"}), url) == 401
    assert post(Client(headers={"Authorization": "Token wrong"}), f"/open/{team.pk}/") == 401
    assert post(signed, "/teams/999999/") == 404
    assert post(signed, f"/raising/{team.pk}/") == 500
    assert post(signed, f"/lost/{team.pk}/") == 500
    user.groups.create(name="banned")
    assert post(signed, url) == 403
    User.objects.update(is_active=False)
    assert post(signed, url) == 401


def test_asking_counts_as_reading_where_requests_are_throttled(signed: Client, team: Team) -> None:
    answers = [signed.post(f"/throttled/{team.pk}/?ticket") for _ in range(3)]
    assert [response.status_code for response in answers] == [201, 201, 429]
    assert 0 < int(answers[2]["Retry-After"]) <= 3600


def test_a_throttled_stream_does_not_use_its_ticket_up(port: int, signed: Client, team: Team) -> None:
    url = f"/throttled/{team.pk}/"
    tickets = [ticket_from(signed, url), ticket_from(signed, url)]
    assert Client().get(f"{url}?ticket={tickets[0]}").status_code == 429
    cache.clear()
    assert opens(port, url, tickets[0])


def test_without_the_question_there_is_nothing_to_post_to(signed: Client, url: str, settings: Any) -> None:
    response = signed.post(url)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert signed.options(url)["Allow"] == "GET, HEAD, OPTIONS"
    assert signed.options(f"{url}?ticket")["Allow"] == "GET, HEAD, OPTIONS, POST"
    settings.RXSSE = {"TICKET_SECONDS": 0}
    runtime.reset()
    response = signed.post(f"{url}?ticket")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_ticket_gives_no_further_ticket(signed: Client, url: str) -> None:
    assert Client().post(f"{url}?ticket={ticket_from(signed, url)}").status_code == 401


# --- what it opens -------------------------------------------------------------------------


def test_a_stream_is_opened_once(port: int, signed: Client, url: str, team: Team) -> None:
    ticket = ticket_from(signed, url)
    with native(port, url, ticket) as stream:
        stream.until(lambda client: client.state is not None)
        assert stream.status == 200
        assert b"content-type: text/event-stream\r\n" in stream.head.lower()
        for _ in range(3):
            assert not opens(port, url, ticket)
            assert_refused(Client().get(f"{url}?ticket={ticket}"))
        Team.objects.filter(pk=team.pk).update(name="two")
        stream.until(lambda client: client.state["name"] == "two")
        assert stream.client.names == ["snapshot", "patch"]


def test_a_cursor_comes_with_the_ticket(port: int, signed: Client, url: str) -> None:
    with native(port, url, ticket_from(signed, url)) as first:
        first.until(lambda client: client.state is not None)
        held = first.client
        Team.objects.update(name="two")
        with native(port, url, ticket_from(signed, url), query=f"&last_event_id={held.last_id}") as second:
            second.client.last_id, second.client.state, second.client.lost = held.last_id, held.state, False
            second.until(lambda client: client.state["name"] == "two")
            assert second.client.names == ["patch"]


def test_of_many_at_once_one_gets_the_stream(port: int, signed: Client, url: str) -> None:
    for _ in range(5):
        ticket = ticket_from(signed, url)
        with ThreadPoolExecutor(8) as pool:
            got = Counter(pool.map(lambda _, ticket=ticket: opens(port, url, ticket), range(8)))
        assert got == {True: 1, False: 7}


def test_the_stream_is_the_readers(port: int, url: str) -> None:
    """Whoever else a browser says that it is, by a cookie or a header of its own."""
    clients = {}
    for name in ("ann", "bob"):
        reader = User.objects.create_user(name)
        Team.objects.get_or_create(name=name)
        clients[name] = Client(headers={"Authorization": f"Token {Token.objects.create(user=reader).key}"})
    bob = Client()
    bob.force_login(User.objects.get(username="bob"))
    cookie = f"Cookie: sessionid={bob.cookies['sessionid'].value}\r\n"
    header = f"Authorization: Token {Token.objects.get(user__username='bob').key}\r\n"
    for headers in ("", cookie, header, "Authorization: Basic YTpi\r\n", "Authorization: Token wrong\r\n"):
        with native(port, "/names/", ticket_from(clients["ann"], "/names/"), headers) as stream:
            stream.until(lambda client: client.state is not None)
            assert [row["name"] for row in stream.client.state] == ["ann"]
    used = ticket_from(clients["ann"], "/names/")
    assert opens(port, "/names/", used)
    for headers in (cookie, header):
        assert not opens(port, "/names/", used, headers=headers)


@pytest.mark.parametrize("accept", [JSON, PAGE])
def test_nothing_but_a_stream_is_opened(port: int, signed: Client, url: str, accept: str) -> None:
    ticket = ticket_from(signed, url)
    assert_refused(Client().get(f"{url}?ticket={ticket}", headers={"Accept": accept}))
    assert_refused(signed.get(f"{url}?ticket={ticket}&format={'json' if accept == JSON else 'html'}"))
    head = Client().head(f"{url}?ticket={ticket}", headers={"Accept": STREAM})
    assert (head.status_code, head["WWW-Authenticate"]) == (401, "Ticket")
    assert Client().get(f"{url}?ticket={ticket}", headers={"Accept": "image/png"}).status_code == 406
    assert opens(port, url, ticket)  # none of them has used it up


def test_a_ticket_is_for_one_path(port: int, signed: Client, url: str, team: Team) -> None:
    other = Team.objects.create(name="other")
    ticket = ticket_from(signed, url)
    for elsewhere in (f"/teams/{other.pk}/", f"/same/{team.pk}/", f"/open/{team.pk}/"):
        assert not opens(port, elsewhere, ticket)
    assert opens(port, url, ticket, query="&whatever=else")


def malformed(ticket: str) -> Iterator[str]:
    body, _, signature = ticket.rpartition(".")
    yield from (
        "",
        ".",
        "x",
        "a.b",
        "é",
        "\0",
        "%00",
        ticket + "=",
        ticket + " ",
        "." + ticket,
        f"{body}.",
        f".{signature}",
    )
    yield from (ticket[:-1], ticket[1:], ticket.upper(), body, f"{body}.{signature[::-1]}", f"{body[::-1]}.{signature}")
    yield from (ticket * 20, "x" * 2048, "x" * 2049, "x" * 60_000, "x." * 1024, "[" * 2000)


def test_what_is_no_ticket_is_refused_like_one_that_is_used(port: int, signed: Client, url: str) -> None:
    ticket = ticket_from(signed, url)
    for wrong in malformed(ticket):
        assert_refused(Client().get(f"{url}?ticket={quote(wrong, safe='')}", headers={"Accept": STREAM}))
    assert_refused(signed.get(f"{url}?ticket", headers={"Accept": STREAM}))
    assert_refused(signed.get(f"{url}?ticket=%ff%fe", headers={"Accept": STREAM}))
    assert opens(port, url, ticket)


@pytest.mark.parametrize("position", range(0, 200, 9))
def test_a_ticket_with_a_changed_character_is_refused(signed: Client, url: str, position: int) -> None:
    ticket = ticket_from(signed, url)
    position %= len(ticket) - 1  # the last character of base64 has bits that say nothing
    changed = ticket[:position] + ("A" if ticket[position] != "A" else "B") + ticket[position + 1 :]
    assert_refused(Client().get(f"{url}?ticket={changed}"))


def test_an_expired_ticket_is_refused(signed: Client, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = ticket_from(signed, url)
    now = signing.time.time
    monkeypatch.setattr(signing.time, "time", lambda: now() + 30.1)
    assert_refused(Client().get(f"{url}?ticket={ticket}"))


# --- who is looked at again ----------------------------------------------------------------

Change = Callable[[User], object]
LOSSES: dict[str, Change] = {
    "the user": lambda user: user.delete(),
    "being active": lambda user: User.objects.update(is_active=False),
    "the token": lambda user: Token.objects.all().delete(),
    "the token for another": lambda user: (Token.objects.all().delete(), Token.objects.create(user=user)),
    "the password": lambda user: (user.set_password("other"), user.save()),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_whoever_has_lost_something_meanwhile_is_refused(signed: Client, user: User, url: str, loss: str) -> None:
    ticket = ticket_from(signed, url)
    LOSSES[loss](User.objects.get(pk=user.pk))
    assert_refused(Client().get(f"{url}?ticket={ticket}"))


def test_whoever_may_not_read_any_more_is_told_so(port: int, signed: Client, user: User, url: str) -> None:
    ticket = ticket_from(signed, url)
    group = user.groups.create(name="banned")
    assert Client().get(f"{url}?ticket={ticket}").status_code == 403
    group.delete()
    assert opens(port, url, ticket)  # the refusal has not used it up


def test_an_anchor_that_is_gone_is_not_there(port: int, signed: Client, url: str, team: Team) -> None:
    ticket, key = ticket_from(signed, url), team.pk
    team.delete()
    assert Client().get(f"{url}?ticket={ticket}").status_code == 404
    Team.objects.create(pk=key, name="again")
    assert opens(port, url, ticket)  # what found nothing has not used it up


def test_the_token_ends_the_stream_that_its_ticket_opened(port: int, signed: Client, user: User, token: str) -> None:
    with native(port, "/names/", ticket_from(signed, "/names/")) as stream:
        stream.until(lambda client: client.state is not None)
        known = Identity(NamesChannel.label, str(user.pk), token, "authtoken.token")
        runtime.current().hubs.revoke(lambda identity: identity == known, "token")
        assert stream.until_end().names[-1] == "revoked"


def test_an_anonymous_reader_may_be_given_a_ticket(port: int, team: Team) -> None:
    url = f"/open/{team.pk}/"
    ticket = ticket_from(Client(), url)
    assert opens(port, url, ticket)
    assert not opens(port, url, ticket)


def test_a_session_may_be_exchanged_if_it_proves_its_origin(port: int, user: User, team: Team) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    for name in ("teams", "session"):
        url = f"/{name}/{team.pk}/"
        refused = client.post(f"{url}?ticket")
        assert refused.status_code == 403
        assert "CSRF" in refused.json()["detail"]
        client.cookies["csrftoken"] = "a" * 32
        given = client.post(f"{url}?ticket", headers={"X-CSRFToken": "a" * 32})
        assert given.status_code == 201
        del client.cookies["csrftoken"]
        ticket = given.json()["ticket"]
        assert opens(port, url, ticket)
        assert not opens(port, url, ticket)
    given = Client(enforce_csrf_checks=True, headers={"Authorization": f"Token {Token.objects.create(user=user).key}"})
    assert given.post(f"/teams/{team.pk}/?ticket").status_code == 201


def test_a_credential_that_could_not_be_found_again_is_not_exchanged(token: str, team: Team) -> None:
    response = Client().post(f"/key/{team.pk}/?ticket", headers={"X-Key": token})
    assert response.status_code == 403
    assert token not in response.content.decode()


# --- in company ----------------------------------------------------------------------------


def test_older_secret_keys_are_honoured(port: int, signed: Client, url: str, settings: Any) -> None:
    ticket, other = ticket_from(signed, url), ticket_from(signed, url)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert opens(port, url, ticket)
    settings.SECRET_KEY_FALLBACKS = []
    assert not opens(port, url, other)


def test_a_restart_makes_tickets_void_where_uses_are_forgotten(signed: Client, url: str) -> None:
    ticket = ticket_from(signed, url)
    runtime.reset()
    assert_refused(Client().get(f"{url}?ticket={ticket}"))


def test_no_ticket_is_written_into_a_log(port: int, signed: Client, url: str, team: Team, caplog: Any) -> None:
    """But for the server's own of requests; by then the ticket is used up."""
    with caplog.at_level(logging.DEBUG):
        tickets = [ticket_from(signed, url) for _ in range(3)]
        assert opens(port, url, tickets[0])
        assert not opens(port, url, tickets[0])
        assert not opens(port, f"/same/{team.pk}/", tickets[1])
        assert signed.get(f"{url}?ticket={tickets[1]}", headers={"Accept": JSON}).status_code == 401
        Team.objects.all().delete()
        assert Client().get(f"{url}?ticket={tickets[2]}").status_code == 404
    assert caplog.records
    ours = [record for record in caplog.records if record.name.partition(".")[0] in ("rxsse", "django")]
    for record in ours:
        for ticket in tickets:
            assert ticket not in record.getMessage()


def test_a_request_in_a_transaction_is_no_obstacle(
    port: int, signed: Client, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(database.settings_dict, "ATOMIC_REQUESTS", True)
    assert opens(port, url, ticket_from(signed, url))


@pytest.fixture
def cors(settings: Any) -> None:
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]


def test_another_origin_is_let_in(cors: None, port: int, signed: Client, url: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = Client().options(f"{url}?ticket", headers={"Origin": "https://front.example", **asked})
    assert preflight.status_code == 200
    assert "POST" in preflight["Access-Control-Allow-Methods"]
    assert "authorization" in preflight["Access-Control-Allow-Headers"]
    given = signed.post(f"{url}?ticket", headers={"Origin": "https://front.example"})
    assert (given.status_code, given["Access-Control-Allow-Origin"]) == (201, "https://front.example")
    with native(port, url, given.json()["ticket"], "Origin: https://front.example\r\n") as stream:
        stream.until(lambda client: client.state is not None)
        assert b"access-control-allow-origin: https://front.example\r\n" in stream.head.lower()


# --- across processes: Redis ---------------------------------------------------------------


def test_redis_out_of_reach_lets_nobody_in(
    settings: Any, signed: Client, url: str, own_redis: Any, prefix: str
) -> None:
    settings.RXSSE = {"REDIS_URL": own_redis.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.3, "ANNOUNCE_TIMEOUT": 0.1}
    runtime.reset()
    ticket = ticket_from(signed, url)
    assert runtime.current().hubs is not None  # the stream's own parts are up
    own_redis.pause()
    response = Client().get(f"{url}?ticket={ticket}", headers={"Accept": STREAM})
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert response.json() == {"detail": "The ticket can't be checked at present."}
    own_redis.resume()

    def answer() -> int:
        answered = Client().get(f"{url}?ticket={ticket}", headers={"Accept": STREAM})
        answered.close()
        return answered.status_code

    # What was given up may have reached Redis after all: refused then, never let in twice.
    seen: list[int] = []
    until(lambda: seen.append(answer()) or seen[-1] == 401)
    assert seen.count(200) <= 1
    until(lambda: Client().get(f"{url}?ticket={ticket_from(signed, url)}").status_code == 200)

"""Whoever loses the right to read loses the stream: every cause, over a real server (PROTOCOL I7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.db import connection, transaction
from django.test import Client
from rest_framework.authtoken.models import Token

from rxsse import runtime
from rxsse.asgi import StreamingHandler
from rxsse.guarding import verdicts
from tests.domain.models import Counter, Profile, Team
from tests.guarding import site
from tests.guarding.support import (
    assert_follows,
    assert_revoked,
    by_claims,
    by_session,
    by_token,
    ended,
    make_reader,
    reader,
)
from tests.streaming.support import Connection, serving
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

Open = Callable[..., Connection]


@pytest.fixture(autouse=True)
def sited(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.guarding.site"
    settings.RXSSE = {"RETRY_MILLISECONDS": 100, "PERMISSION_SECONDS": 0}
    site.SweptChannel.asked.clear()
    runtime.reset()
    yield
    runtime.reset()


@pytest.fixture(params=[StreamingHandler])
def port(request: Any, sited: None) -> Iterator[int]:
    stock = request.param is ASGIHandler
    with serving(request.param(), lifespan="off" if stock else "on") as (port, _):
        yield port


either = pytest.mark.parametrize("port", [StreamingHandler, ASGIHandler], indirect=True)


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="first")


@pytest.fixture
def ann(team: Team) -> User:
    return make_reader("ann", team)


@pytest.fixture
def bob(team: Team) -> User:
    return make_reader("bob", team)


@pytest.fixture
def opened(port: int, team: Team) -> Iterator[Open]:
    """Opens streams that are closed with the test."""
    with ExitStack() as stack:

        def opened(headers: str, channel: str = "team") -> Connection:
            return stack.enter_context(reader(port, f"/{channel}/{team.pk}/", headers))

        yield opened


def rename(team: Team, name: str) -> None:
    Team.objects.filter(pk=team.pk).update(name=name)


# --- what the reader rests on --------------------------------------------------------------


def delete_token(user: User) -> None:
    Token.objects.get(user=user).delete()


def rotate_token(user: User) -> None:
    Token.objects.filter(user=user).delete()
    Token.objects.create(user=user)


def overwrite_token(user: User) -> None:
    Token.objects.filter(user=user).update(key="f" * 40)


def deactivate(user: User) -> None:
    user.is_active = False
    user.save()


def delete_user(user: User) -> None:
    user.delete()


def change_password(user: User) -> None:
    user.set_unusable_password()  # another one, at no cost
    user.save()


def delete_session(user: User) -> None:
    Session.objects.all().delete()


CAUSES = [
    (by_token, delete_token, "credential"),
    (by_token, rotate_token, "credential"),
    (by_token, overwrite_token, "credential"),
    (by_token, deactivate, "user"),
    (by_token, delete_user, "user"),
    (by_session, deactivate, "user"),
    (by_session, delete_user, "user"),
    (by_session, change_password, "password"),
    (by_session, delete_session, "session"),
]


@pytest.mark.parametrize(("come", "lose", "reason"), CAUSES, ids=lambda value: getattr(value, "__name__", value))
def test_what_a_reader_came_by_is_lost(
    come: Any, lose: Any, reason: str, opened: Open, ann: User, bob: User, team: Team
) -> None:
    lost, others = opened(come(ann)), [opened(by_token(bob)), opened("", "open")]
    with transaction.atomic():  # what changes the state with it, or after it, is not for him any more
        rename(team, "second")
        lose(ann)
    rename(team, "third")
    assert_revoked(lost, reason)
    for other in others:
        assert_follows(other, "third")
        assert "revoked" not in other.client.names


@either
def test_every_application_ends_streams(opened: Open, ann: User, bob: User, team: Team) -> None:
    lost, other = opened(by_token(ann)), opened(by_token(bob))
    delete_token(ann)
    rename(team, "second")
    assert_revoked(lost, "credential")
    assert_follows(other, "second")


def test_logging_out_ends_the_streams_of_that_session_only(opened: Open, ann: User, team: Team) -> None:
    client = Client()
    client.force_login(ann)
    here = opened(f"Cookie: sessionid={client.session.session_key}\r\n")
    there, by_other_means = opened(by_session(ann)), opened(by_token(ann))
    client.logout()
    rename(team, "second")
    assert_revoked(here, "session")
    for other in (there, by_other_means):
        assert_follows(other, "second")


def test_a_token_outlives_a_password(opened: Open, ann: User, team: Team) -> None:
    by_both = opened(by_token(ann)), opened(by_session(ann))
    change_password(ann)
    rename(team, "second")
    assert_revoked(by_both[1], "password")
    assert_follows(by_both[0], "second")


def test_what_else_happens_to_a_user_ends_nothing(opened: Open, ann: User, team: Team) -> None:
    stream = opened(by_session(ann))
    ann.first_name = "Ann"
    ann.save()
    Client().force_login(ann)  # last_login
    for session in Session.objects.all():
        session.save()
    rename(team, "second")
    assert_follows(stream, "second")
    assert stream.client.names == ["snapshot", "patch"]


def test_a_reader_by_session_may_have_a_state_of_his_own(opened: Open, ann: User, team: Team) -> None:
    """His user is a lazy object, whose type has no key."""
    stream = opened(by_session(ann), "mine")
    rename(team, "second")
    assert_follows(stream, "second")


# --- permission ------------------------------------------------------------------------------


def leave_group(user: User) -> None:
    user.groups.clear()


def rename_group(user: User) -> None:
    Group.objects.update(name="others")


def delete_row(user: User) -> None:
    Profile.objects.get(user=user).delete()


def move_row(user: User) -> None:
    profile = Profile.objects.get(user=user)
    profile.team = None
    profile.save()


def give_row_away(user: User) -> None:
    """The row tells the new owner, not the one who loses it."""
    Profile.objects.filter(user=user).update(user=User.objects.create(username="new"))


@pytest.mark.parametrize(
    ("channel", "lose", "everybody"),
    [
        ("group", leave_group, False),
        ("group", rename_group, True),
        ("object", delete_row, False),
        ("object", move_row, False),
        ("object", give_row_away, False),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_permission_is_lost_by_a_named_model(
    channel: str, lose: Any, everybody: bool, opened: Open, ann: User, bob: User, team: Team
) -> None:
    lost, other, elsewhere = opened(by_token(ann), channel), opened(by_token(bob), channel), opened(by_token(ann))
    with transaction.atomic():
        rename(team, "second")
        lose(ann)
    rename(team, "third")
    assert_revoked(lost, "permission")
    if everybody:
        assert_revoked(other, "permission")
    else:
        assert_follows(other, "third")
    assert_follows(elsewhere, "third")


def test_what_is_rolled_back_ends_nothing(opened: Open, ann: User, team: Team) -> None:
    stream = opened(by_token(ann), "group")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        leave_group(ann)
        rename(team, "never")
        raise ZeroDivisionError
    rename(team, "second")
    assert_follows(stream, "second")
    assert stream.client.names == ["snapshot", "patch"]


def test_a_change_that_leaves_the_right_leaves_the_stream(opened: Open, ann: User, team: Team) -> None:
    stream = opened(by_token(ann), "group")
    for n in range(20):
        with transaction.atomic():
            rename(team, f"name {n}")
            ann.groups.add(Group.objects.create(name=f"group {n}"))
    assert_follows(stream, "name 19")
    assert set(stream.client.names) == {"snapshot", "patch"}


# --- the sweep -------------------------------------------------------------------------------


@pytest.fixture
def sweeping(settings: Any) -> None:
    settings.RXSSE = {**settings.RXSSE, "PERMISSION_SECONDS": 0.3}
    runtime.reset()


def test_a_sweep_finds_what_no_named_model_tells(sweeping: None, opened: Open, ann: User, bob: User) -> None:
    lost, other = opened(by_token(ann), "swept"), opened(by_token(bob), "swept")
    Counter.objects.create(name="not ann")
    assert ended(lost).events[-1] == ("revoked", {"reason": "permission"})
    asked = site.SweptChannel.asked.count(bob.pk)
    until(lambda: site.SweptChannel.asked.count(bob.pk) > asked + 1)
    Counter.objects.create(name="raise")
    client = ended(other)
    assert client.events[-1] == ("revoked", {"reason": "permission"})


def test_without_a_sweep_nobody_asks(opened: Open, ann: User, bob: User, team: Team) -> None:
    """What isn't named stays unseen until there is an occasion."""
    stream = opened(by_token(ann), "swept")
    Counter.objects.create(name="not ann")
    rename(team, "second")
    assert_follows(stream, "second")
    ann.first_name = "Ann"
    ann.save()
    assert ended(stream).events[-1] == ("revoked", {"reason": "permission"})


def test_streams_of_one_reader_and_topic_are_asked_about_once(sweeping: None, opened: Open, ann: User) -> None:
    streams = [opened(by_token(ann), "swept") for _ in range(20)]
    asked = site.SweptChannel.asked
    guard = runtime.current().guard
    assert len(guard._cases) == 1
    before = len(asked)
    sweeps = guard.sweeps
    until(lambda: guard.sweeps >= sweeps + 4)
    assert len(asked) - before <= guard.sweeps - sweeps + 1
    Counter.objects.create(name="not ann")
    for stream in streams:
        assert ended(stream).events[-1] == ("revoked", {"reason": "permission"})


def test_a_database_that_does_not_answer_revokes_nobody(
    sweeping: None, opened: Open, ann: User, team: Team, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Asked of a table that is away, as a restart or a failover shows itself: by errors of the database."""
    stream = opened(by_token(ann), "swept")
    with connection.schema_editor() as editor:
        editor.alter_db_table(Counter, "domain_counter", "domain_away")
    try:
        until(lambda: "can't be asked now" in caplog.text)
        rename(team, "second")  # no doubt about him: a sweep is no occasion to hold anything back
        assert_follows(stream, "second")
        ann.first_name = "Ann"
        ann.save()  # now there is
        until(lambda: any(case.held for case in runtime.current().guard._cases.all()))
        rename(team, "third")
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Counter, "domain_away", "domain_counter")
    assert_follows(stream, "third")
    assert "revoked" not in stream.client.names


@pytest.fixture
def sessions_in(request: Any, settings: Any) -> None:
    """Before the server starts, which asks once."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.SESSION_COOKIE_AGE = 3 if request.param == "signed_cookies" else 600


@pytest.mark.parametrize("sessions_in", ["cache"], indirect=True)
def test_a_cache_of_sessions_is_asked_by_the_sweep(sessions_in: None, opened: Open, sweeping: None, ann: User) -> None:
    client = Client()
    client.force_login(ann)
    stream, other = opened(f"Cookie: sessionid={client.session.session_key}\r\n"), opened(by_session(ann))
    client.logout()
    assert_revoked(stream, "session")
    assert not other.complete


# --- time ------------------------------------------------------------------------------------


def test_a_stream_does_not_outlive_its_claims(opened: Open, ann: User, team: Team) -> None:
    """Nor does it go on as one of nobody, who may read this as well."""
    short, long = opened(by_claims(ann, 1.5), "open"), opened(by_claims(ann, 600), "open")
    assert_revoked(short, "expired")
    rename(team, "second")
    assert_follows(long, "second")


def test_a_stream_by_ticket_does_not_outlive_what_the_ticket_was_given_for(
    port: int, opened: Open, ann: User, team: Team
) -> None:
    name, value = by_claims(ann, 3).strip().split(": ")
    given = Client().post(f"/team/{team.pk}/?ticket", headers={name: value})
    assert given.status_code == 201
    with reader(port, f"/team/{team.pk}/?ticket={given.json()['ticket']}", "") as stream:
        assert_revoked(stream, "expired")


def test_a_session_ends_in_time_and_may_be_prolonged(opened: Open, ann: User, team: Team, settings: Any) -> None:
    settings.SESSION_COOKIE_AGE = 3
    short, longer = by_session(ann), by_session(ann)
    streams = opened(short), opened(longer)
    key = longer.split("=")[1].strip()
    Session.objects.filter(pk=key).update(expire_date="2100-01-01T00:00:00Z")
    assert_revoked(streams[0], "expired")
    rename(team, "second")
    assert_follows(streams[1], "second")


@pytest.mark.parametrize("sessions_in", ["signed_cookies"], indirect=True)
def test_a_signed_cookie_ends_in_time(sessions_in: None, opened: Open, ann: User) -> None:
    client = Client()
    client.force_login(ann)
    assert_revoked(opened(f"Cookie: sessionid={client.cookies['sessionid'].value}\r\n"), "expired")


# --- races -----------------------------------------------------------------------------------


def test_who_is_revoked_while_he_connects_is_noticed(
    port: int, ann: User, bob: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permitted, then revoked, then registered: nothing but the order of these is controlled."""
    permitted, revoked = Event(), Event()
    lookup = site.TeamChannel.topic.__func__  # type: ignore[attr-defined]

    def topic(cls: Any, user: Any, kwargs: Any) -> Any:
        if user == ann:
            permitted.set()
            assert revoked.wait(20)
        return lookup(cls, user, kwargs)

    monkeypatch.setattr(site.TeamChannel, "topic", classmethod(topic))
    headers = by_token(ann)
    with reader(port, f"/team/{team.pk}/", by_token(bob)):  # its models are watched already
        with Connection(port, f"/team/{team.pk}/", headers=headers) as stream:
            assert permitted.wait(20)
            delete_token(ann)
            rename(team, "second")
            revoked.set()
            assert ended(stream).names == ["revoked"]


def test_the_first_reader_of_a_process_is_noticed_too(
    port: int, ann: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody announced yet what revoked him: he is asked about once it is watched."""
    lookup = site.TeamChannel.topic.__func__  # type: ignore[attr-defined]

    def topic(cls: Any, user: Any, kwargs: Any) -> Any:
        Token.objects.all().delete()
        return lookup(cls, user, kwargs)

    monkeypatch.setattr(site.TeamChannel, "topic", classmethod(topic))
    with Connection(port, f"/team/{team.pk}/", headers=by_token(ann)) as stream:
        assert ended(stream).names == ["revoked"]


def test_nothing_is_sent_while_the_answer_is_out(
    opened: Open, ann: User, bob: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes, and whatever comes meanwhile; a bystander goes on."""
    stream, other = opened(by_token(ann), "group"), opened(by_token(bob), "group")
    asking, answering = Event(), Event()
    ask = verdicts.ask

    def slowly(identities: Any) -> Any:
        asking.set()
        assert answering.wait(20)
        return ask(identities)

    monkeypatch.setattr(verdicts, "ask", slowly)
    changing = Thread(target=lambda: (leave_group(ann), connection.close()))
    changing.start()
    assert asking.wait(20)
    changing.join()
    for n in range(5):
        rename(team, f"name {n}")
        assert_follows(other, f"name {n}")
    answering.set()
    assert_revoked(stream, "permission")


def test_who_keeps_his_right_is_given_what_came_meanwhile(
    opened: Open, ann: User, bob: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, other = opened(by_token(ann), "group"), opened(by_token(bob), "group")
    asking, answering = Event(), Event()
    ask = verdicts.ask

    def slowly(identities: Any) -> Any:
        asking.set()
        assert answering.wait(20)
        return ask(identities)

    more = Group.objects.create(name="more")
    until(lambda: not any(case.asking for case in runtime.current().guard._cases.all()))
    monkeypatch.setattr(verdicts, "ask", slowly)
    ann.groups.add(more)
    assert asking.wait(20)
    for n in range(5):
        rename(team, f"name {n}")
        assert_follows(other, f"name {n}")
    assert stream.client.names == ["snapshot"]
    answering.set()
    assert_follows(stream, "name 4")
    assert stream.client.names == ["snapshot"] + ["patch"] * 5


# --- what it costs ---------------------------------------------------------------------------


def test_nobody_watches_once_nobody_reads(settings: Any, port: int, team: Team, ann: User) -> None:
    settings.RXSSE = {**settings.RXSSE, "COOL_SECONDS": 0.1}
    runtime.reset()
    feed = runtime.current().feed
    labels = ("auth.user", "authtoken.token", "auth.user_groups", "auth.group")
    assert not any(map(feed.is_watched, labels))
    with reader(port, f"/group/{team.pk}/", by_token(ann)):
        assert all(map(feed.is_watched, labels))
    until(lambda: not any(map(feed.is_watched, labels)))
    guard = runtime.current().guard
    assert not len(guard._cases)
    assert not any(guard._cases._rows.values())
    assert not guard._cases._channels

"""What a ticket says and when it is believed, for users and credentials of all sorts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.signing import Signer
from django.db.models import CASCADE, ForeignKey, Model
from django.test.utils import isolate_apps
from django.utils.functional import SimpleLazyObject
from rest_framework.authtoken.models import Token

from rxsse import signing
from rxsse.signing import NotExchangeable, Refused, issue, read
from tests.domain.models import Board, Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann", password="secret")


@pytest.fixture
def token(user: User) -> Token:
    return Token.objects.create(user=user)


def refuses(text: str, place: str = "here") -> bool:
    try:
        read(text, place)
    except Refused:
        return True
    return False


def test_the_reader_comes_back(user: User, token: Token) -> None:
    ticket = read(issue(user, token, "here", 30), "here")
    assert (ticket.user, ticket.credential) == (user, token)
    assert type(ticket.user) is User
    assert 0 < ticket.seconds <= 30


def test_two_tickets_of_one_reader_have_nothing_in_common(user: User, token: Token) -> None:
    one, two = (signing._signer("ticket", "here").unsign_object(issue(user, token, "here", 30)) for _ in range(2))
    assert one[:2] == two[:2]
    assert one[2] != two[2]
    assert one[4] != two[4]


@pytest.mark.parametrize("nobody", [None, AnonymousUser(), SimpleLazyObject(AnonymousUser)])
def test_nobody_comes_back_as_nobody(nobody: Any) -> None:
    ticket = read(issue(nobody, None, "here", 30), "here")
    assert (ticket.user, ticket.credential) == (None, None)


@pytest.mark.parametrize("credential", [None, "text", {"sub": "ann"}, object(), SimpleNamespace(pk=None)])
def test_a_credential_without_a_key_leaves_the_user(user: User, credential: Any) -> None:
    """Sessions, passwords, and what a JWT is decoded to."""
    ticket = read(issue(SimpleLazyObject(lambda: user), credential, "here", 30), "here")
    assert (ticket.user, ticket.credential) == (user, None)


def test_who_could_not_be_found_again_is_given_none(user: User, token: Token) -> None:
    class Decoded(SimpleNamespace):
        """A user who is in no table, as of a stateless JWT."""

        is_authenticated = True

    bob = User.objects.create(username="bob")
    for reader, credential in (
        (Decoded(pk=7), None),
        (Decoded(pk=None), None),
        (User(), None),
        (user, SimpleNamespace(pk=7)),
        (user, Team.objects.create(name="no key to a user")),
        (user, Token(key="never saved", user=user)),
        (bob, token),
        (AnonymousUser(), token),
    ):
        with pytest.raises(NotExchangeable) as raised:
            issue(reader, credential, "here", 30)
        assert token.key not in str(raised.value)


def test_a_deleted_credential_is_not_stood_in_for_by_its_neighbour(user: User) -> None:
    """Where users have several each; boards stand for them here."""
    keys = [Board.objects.create(slug=f"b{n}", code=f"B{n}", owner=user) for n in range(3)]
    texts = [issue(user, key, "here", 30) for key in keys]
    assert [read(text, "here").credential for text in texts] == keys
    keys[1].delete()
    assert [refuses(text) for text in texts] == [False, True, False]
    Board.objects.filter(pk=keys[2].pk).update(owner=User.objects.create(username="bob"))
    assert [refuses(text) for text in texts] == [False, True, True]


@isolate_apps("tests.domain")
def test_a_credential_may_refer_to_its_user_by_any_of_its_keys(user: User) -> None:
    class Key(Model):
        maker = ForeignKey(User, CASCADE, related_name="+")
        user = ForeignKey(User, CASCADE, related_name="+")

        class Meta:
            app_label = "domain"

    condition = str(signing._belonging(Key, user).query).partition(" WHERE ")[2].replace('"', "")
    assert condition == f"(domain_key.maker_id = {user.pk} OR domain_key.user_id = {user.pk})"


@pytest.mark.parametrize("place", ["", "her", "here ", "there", '["rxsse", "", "/here/"]'])
def test_a_place_is_a_place(user: User, place: str) -> None:
    assert refuses(issue(user, None, "here", 30), place)


def test_what_else_was_signed_is_no_ticket(user: User, token: Token) -> None:
    """Not even by ourselves: a seal is none, nor a ticket's content under another salt."""
    named = signing._signer("ticket", "here").unsign_object(issue(user, token, "here", 30))
    for signer in (Signer(), Signer(sep="."), Signer(sep=".", salt="rxsse"), signing._signer("seal", "here")):
        assert refuses(signer.sign_object(named))
    own = signing._signer("ticket", "here")
    assert not refuses(own.sign_object(named))
    for wrong in (
        None,
        7,
        "text",
        [],
        {},
        named[:4],
        [*named, 1],
        ["x" * 9, *named[1:]],
        [named[0], "no.model", *named[2:]],
    ):
        assert refuses(own.sign_object(wrong))
    assert refuses(own.sign_object([named[0], "", *named[2:]]))  # the user alone, without the token
    assert refuses(own.sign_object(["", "", *named[2:]]))
    assert refuses(own.sign(named[4]))


def test_a_ticket_is_short_and_plain(user: User, token: Token) -> None:
    user.username = "x" * 150
    user.save()
    text = issue(user, token, "here" * 1000, 30)
    assert len(text) < 250
    assert signing.FORM.fullmatch(text)


def test_life_is_counted_in_seconds(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    text = issue(user, None, "here", 5)
    now = signing.time.time()
    for later, refused in ((4.0, False), (5.1, True), (1e9, True)):
        monkeypatch.setattr(signing.time, "time", lambda later=later: now + later)
        assert refuses(text) == refused


def test_keys_may_be_changed(user: User, token: Token, settings: Any) -> None:
    text = issue(user, token, "here", 30)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "new"
    assert refuses(text)
    settings.SECRET_KEY_FALLBACKS = ["older", old]
    assert read(text, "here").credential == token
    user.set_password("other")
    user.save()
    assert refuses(text)


def test_a_user_without_sessions_will_do(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("django.contrib.auth.base_user.AbstractBaseUser.get_session_auth_fallback_hash")
    assert read(issue(user, None, "here", 30), "here").user == user
    monkeypatch.delattr("django.contrib.auth.base_user.AbstractBaseUser.get_session_auth_hash")
    assert read(issue(user, None, "here", 30), "here").user == user

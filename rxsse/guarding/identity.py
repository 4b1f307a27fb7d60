"""What a stream remembers of its reader: keys and times; knows no stream and keeps no request, user or row."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import import_module
from math import inf
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core import signing
from django.db import router
from django.db.models import Model
from django.utils.timezone import is_naive, make_aware
from rest_framework.authentication import BasicAuthentication
from rest_framework.request import Request

from rxsse.channels import StateChannel
from rxsse.rows import key_of, label_of


@dataclass(frozen=True, slots=True)
class Identity:
    """What a stream remembers of its reader: enough to ask again whether he may read, no more.

    ``user`` is the primary key as text (empty for an anonymous reader); ``known`` says whether it is
    one of ``AUTH_USER_MODEL``, so that it can be loaded. ``credential`` and ``kind`` are key and model
    label of the row that was presented, ``session`` the key of the session, where it was these.
    ``password`` is a digest that changes with it, where nothing else stands for the reader. ``expires``
    is when the credential ends for good, in seconds since 1970; ``look`` when it ends unless its row
    has been prolonged. ``position`` is `Guard.position` at the time before the reader was looked at.
    """

    channel: str
    user: str = ""
    credential: str = field(default="", repr=False)  # the key of a DRF token is the token
    kind: str = ""
    kwargs: tuple[tuple[str, Any], ...] = field(default=(), hash=False)  # a converter may give what has none
    session: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    expires: float = inf
    known: bool = True
    look: float = field(default=inf, compare=False)
    position: int = field(default=-1, compare=False)


def identity_of(
    request: Request,
    channel: type[StateChannel],
    kwargs: Mapping[str, Any],
    position: int = -1,
    until: float = inf,
    by_ticket: bool = False,
) -> Identity:
    """The reader of an authenticated request. ``until``: when a ticket says that his credential ends."""
    user, auth = request.user, request.auth
    key, known = _user_key(user)
    kind, credential = "", ""
    if getattr(auth, "pk", None) is not None:
        rows = isinstance(auth, Model)
        kind, credential = (label_of(type(auth)), key_of(type(auth), auth.pk)) if rows else ("", str(auth.pk))
    expires, look = min(until, expiry_of(request, channel, kwargs)), inf
    if kind:
        look = expiry_in(auth)
    session = ""
    if auth is None and not by_ticket:
        session, ends, looks = _session_of(request, user)
        expires, look = min(expires, ends), min(look, looks)
    password = password_of(user) if auth is None and key and known else ""
    said = tuple(sorted(kwargs.items()))
    return Identity(channel.label, key, credential, kind, said, session, password, expires, known, look, position)


def expiry_of(request: Request, channel: type[StateChannel], kwargs: Mapping[str, Any]) -> float:
    """When the request's credential ends for good: what it says itself, and what the channel says of it."""
    auth = request.auth
    said = channel(request.user, kwargs).get_expiry(request)
    return min(inf if isinstance(auth, Model) else expiry_in(auth), _seconds(said))


def expiry_in(auth: Any) -> float:
    """``exp`` of a JWT's claims, ``expiry`` or ``expires`` of a token, in seconds since 1970; inf: it has none."""
    if auth is None or isinstance(auth, (str, bytes)):
        return inf
    try:
        found = _seconds(auth["exp"])
    except (TypeError, LookupError, AttributeError):
        found = inf
    return min(found, *(_seconds(getattr(auth, name, None)) for name in ("exp", "expiry", "expires")))


def password_of(user: Any) -> str:
    """A short digest of what ends a user's sessions when it changes."""
    if not hasattr(user, "get_session_auth_hash"):
        return ""
    return blake2b(user.get_session_auth_hash().encode(), digest_size=9).hexdigest()


def session_store() -> Any:
    """The class of the project's sessions."""
    return import_module(settings.SESSION_ENGINE).SessionStore


def session_model() -> type[Model] | None:
    """The model of sessions that are rows; None where they are kept elsewhere."""
    ask = getattr(session_store(), "get_model_class", None)
    return None if ask is None else ask()


def session_end(key: str) -> float | None:
    """When the session ends, in seconds since 1970; None where there is none, inf where that can't be known."""
    model = session_model()
    if model is None:
        return inf if session_store()().exists(key) else None
    row: Any = model._base_manager.using(router.db_for_write(model)).filter(pk=key).first()
    return None if row is None else _seconds(row.expire_date)


def _session_of(request: Request, user: Any) -> tuple[str, float, float]:
    """Key of the session that the reader came by, when it ends for good, and when it may end; ("", inf, inf): none."""
    session = getattr(request._request, "session", None)
    if session is None or isinstance(request.successful_authenticator, BasicAuthentication):
        return "", inf, inf
    key = session.session_key
    if key is None or session.get(SESSION_KEY) != str(user.pk):
        return "", inf, inf
    if settings.SESSION_ENGINE.endswith(".signed_cookies"):
        # The key is the whole session, signed at a time: all there is to it is that it ends.
        signed = signing.b62_decode(key.rsplit(":", 2)[1])
        return "", float(signed + settings.SESSION_COOKIE_AGE), inf
    end = session_end(key)
    return key, inf, 0.0 if end is None else end  # ended since it was read: look at once


def _user_key(user: Any) -> tuple[str, bool]:
    pk = getattr(user, "pk", None)
    if pk is None:
        return "", True
    if isinstance(user, get_user_model()):
        return key_of(user.__class__, pk), True  # its type is a proxy, where a session is its source
    return str(pk), False


def _seconds(value: Any) -> float:
    if isinstance(value, datetime.datetime):
        return (make_aware(value) if is_naive(value) else value).timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return inf

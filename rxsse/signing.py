"""Turns a reader into a ticket, and a ticket into its reader again; knows neither requests nor what was used.

A ticket can be read by whoever holds it, and the primary key of a DRF token *is* the token.
So a ticket names its credential by a keyed digest only, the ``seal``, which the rows that
belong to the user are compared with. A changed password breaks the seal too.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet

from rxsse.exceptions import RxsseError

FORM = re.compile(r"[A-Za-z0-9._-]{1,2048}")
"""What is looked at at all. A ticket has some 200 characters, with an e-mail address as primary key 550."""


class NotExchangeable(RxsseError):
    """A ticket can't stand for this reader: user or credential could not be found again when it is used."""


class Refused(RxsseError):
    """Not a ticket, not one of this place, or not any more. Which, nobody is told."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket whose reader is who it was given to: ``user`` (None: anonymous) with ``credential`` (a row or None).

    ``nonce`` tells it from every other; ``seconds`` are left of its life. ``until`` is when what it was given
    for ends, in seconds since 1970.
    """

    user: Any
    credential: Any
    nonce: str
    seconds: float
    until: float = inf


def issue(user: Any, credential: Any, place: str, seconds: int, until: float = inf) -> str:
    """A ticket for ``place`` and ``seconds``; what it stands for ends at ``until``. Raises `NotExchangeable`."""
    known = None if _is_nobody(user) else user
    if known is not None and not (isinstance(known, get_user_model()) and known.pk is not None):
        raise NotExchangeable(f"{type(known).__name__} is not a row of AUTH_USER_MODEL")
    kind = ""
    if getattr(credential, "pk", None) is not None:
        model = type(credential)
        if not issubclass(model, Model) or not _belonging(model, known).filter(pk=credential.pk).exists():
            raise NotExchangeable(f"{model.__name__} is not a row with a foreign key to its user")
        kind = model._meta.label_lower
    nonce = secrets.token_urlsafe(12)
    expires = int((time.time() + seconds) * 1000)
    seal = _signer("seal", place).signature(_sealed(nonce, _states(known)[0], credential if kind else None))
    named = ["" if known is None else str(known.pk), kind, nonce, expires, seal, None if until == inf else until]
    return _signer("ticket", place).sign_object(named)


def read(text: str, place: str) -> Ticket:
    """The ticket that `issue` made for ``place``. May read the database. Raises `Refused`."""
    try:
        if not FORM.fullmatch(text):
            raise BadSignature
        user_key, kind, nonce, expires, seal, until = _signer("ticket", place).unsign_object(text)
        until = inf if until is None else until
        seconds = expires / 1000 - time.time()
        if seconds <= 0 or until <= time.time():
            raise Refused
        user = get_user_model()._default_manager.get(pk=user_key) if user_key else None
        rows: Iterable[Any] = _belonging(apps.get_model(kind), user) if kind else [None]
    except (BadSignature, ValueError, TypeError, LookupError, ValidationError, ObjectDoesNotExist) as error:
        raise Refused from error
    if user is None or user.is_active:
        signer, states = _signer("seal", place), _states(user)
        for row in rows:
            if any(_fits(signer, _sealed(nonce, state, row), seal) for state in states):
                return Ticket(user, row, nonce, seconds, until)
    raise Refused


def _is_nobody(user: Any) -> bool:
    return user is None or not (user.is_authenticated or user.pk is not None)


def _signer(part: str, place: str) -> Signer:
    """Signs with SECRET_KEY, knows SECRET_KEY_FALLBACKS; what is signed for one part and place is void at others."""
    return Signer(sep=".", salt=f"rxsse.1.{part}:{place}")


def _belonging(model: type[Model], user: Any) -> QuerySet[Any]:
    """The rows of ``model`` that refer to ``user``."""
    users = get_user_model().__mro__  # a key may be to the parent, in a project that extends Django's own user
    owners = [field.name for field in model._meta.concrete_fields if field.related_model in users]
    rows = model._default_manager.all()
    if user is None or not owners:
        return rows.none()
    return rows.filter(Q(*((owner, user) for owner in owners), _connector=Q.OR))


def _states(user: Any) -> list[str]:
    """What ends a user's sessions when it changes (the password): under the present key, then under older ones."""
    if not hasattr(user, "get_session_auth_hash"):
        return [""]
    return [user.get_session_auth_hash(), *getattr(user, "get_session_auth_fallback_hash", tuple)()]


def _sealed(nonce: str, state: str, credential: Any) -> str:
    return json.dumps([nonce, state, "" if credential is None else str(credential.pk)])


def _fits(signer: Signer, sealed: str, seal: str) -> bool:
    try:
        signer.unsign(f"{sealed}.{seal}")
    except BadSignature:
        return False
    return True

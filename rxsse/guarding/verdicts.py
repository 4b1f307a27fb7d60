"""Asks the database whether readers may still read; knows neither streams nor what gave occasion to ask."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import Error, connections, router
from django.http import Http404
from rest_framework.exceptions import APIException

from rxsse.channels import StateChannel, registry
from rxsse.guarding.identity import Identity, expiry_in, password_of, session_end
from rxsse.rows import pk_of

logger = logging.getLogger("rxsse.guarding")


class Verdict:
    """Who of those asked about may not read any more and why, and when to look again at the latest.

    ``cause`` is what kept some of them from being looked at: nobody can say now whether they may.
    """

    __slots__ = ("cause", "look", "reasons")

    def __init__(self) -> None:
        self.reasons: dict[Identity, str] = {}
        self.look = inf
        self.cause: Exception | None = None


class _Undecided(Exception):
    """What would have to be asked can't be reached."""


def ask(identities: Iterable[Identity]) -> Verdict:
    """Look at readers with the same channel, user and arguments; never raises."""
    verdict = Verdict()
    now = time.time()
    current: list[Identity] = []
    for identity in identities:
        if identity.expires <= now:
            verdict.reasons[identity] = "expired"
        else:
            current.append(identity)
            verdict.look = min(verdict.look, identity.expires)
    if current:
        try:
            _look(current, verdict)
        except _Undecided as error:
            verdict.cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    return verdict


def _look(identities: list[Identity], verdict: Verdict) -> None:
    """Add what the database says, at first what is about the reader alone."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred:  # one that died would answer nobody any more
            connection.close()
    first = identities[0]
    with _infrastructure():
        user = _load(first)
    for identity in identities:
        with _infrastructure():
            reason, look = _credential(identity, user)
        verdict.look = min(verdict.look, look)
        if reason:
            verdict.reasons[identity] = reason
    left = [identity for identity in identities if identity not in verdict.reasons]
    if left and first.known and not _permits(first, user):
        verdict.reasons.update(dict.fromkeys(left, "permission"))


def _load(identity: Identity) -> Any:
    """The user as he is now; None where he is no more."""
    if not identity.user:
        return AnonymousUser()
    if not identity.known:
        return None
    model = get_user_model()
    return model._base_manager.using(router.db_for_write(model)).filter(pk=identity.user).first()


def _credential(identity: Identity, user: Any) -> tuple[str, float]:
    """Why what the reader came with is void ("": it is not), and when to look again."""
    look = inf
    if identity.user and identity.known:
        if user is None or not getattr(user, "is_active", True):
            return "user", look
        if identity.password and password_of(user) != identity.password:
            return "password", look
    if identity.kind:
        model = apps.get_model(identity.kind)
        rows = model._base_manager.using(router.db_for_write(model))
        row = rows.filter(pk=pk_of(model, identity.credential)).first()
        if row is None:
            return "credential", look
        look = expiry_in(row)
    if identity.session:
        end = session_end(identity.session)
        if end is None:
            return "session", look
        look = min(look, end)
    return ("expired" if look <= time.time() else ""), look


def _permits(identity: Identity, user: Any) -> bool:
    channel: type[StateChannel] = registry[identity.channel]
    try:
        return channel.permits(user, dict(identity.kwargs))
    except (Error, OSError) as error:
        raise _Undecided from error
    except (APIException, PermissionDenied, Http404):
        return False
    except Exception:
        logger.exception("%s.has_permission() raised when it was asked again", channel.label)
        return False


@contextmanager
def _infrastructure() -> Iterator[None]:
    """Nothing of the project's says no in here: whatever is raised means that a database or a cache can't be asked."""
    try:
        yield
    except Exception as error:
        raise _Undecided from error

"""Who reads a stream: how a request is authenticated, and what is remembered of its reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from rest_framework.request import Request
from rest_framework.settings import api_settings

from rxsse.channels import StateChannel


@dataclass(frozen=True, slots=True)
class Identity:
    """What a stream remembers of its reader: enough to end it, no more.

    ``user`` is the primary key as text (empty for an anonymous reader), ``credential`` the key
    of what was presented, where it has one.
    """

    channel: str
    user: str
    credential: str


def identity_of(request: Request, channel: type[StateChannel]) -> Identity:
    """The reader of an authenticated request."""
    user_pk = getattr(request.user, "pk", None)
    credential = getattr(request.auth, "pk", None)
    return Identity(
        channel.label, "" if user_pk is None else str(user_pk), "" if credential is None else str(credential)
    )


def authentication_classes(channel: type[StateChannel]) -> list[Any]:
    """``Meta.authentication_classes``, or the project's defaults with TokenAuthentication among them.

    A token comes first, so that a reader without any is told ``WWW-Authenticate: Token`` (401).
    """
    declared = channel.option("authentication_classes")
    if declared is not None:
        return list(declared)
    defaults: list[Any] = list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    if apps.is_installed("rest_framework.authtoken"):
        from rest_framework.authentication import TokenAuthentication

        if not any(isinstance(kind, type) and issubclass(kind, TokenAuthentication) for kind in defaults):
            defaults.insert(0, TokenAuthentication)
    return defaults

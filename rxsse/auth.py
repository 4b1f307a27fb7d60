"""Who reads a stream: how a request is authenticated, by a ticket too, and what is remembered of it then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.settings import api_settings

from rxsse import runtime, signing
from rxsse.channels import StateChannel
from rxsse.guarding.identity import Identity, identity_of

SKEW = 60.0
"""Seconds that the clocks of two servers may be apart: a used ticket is remembered for so much longer than it lives."""


def reader_of(request: Request, channel: type[StateChannel], kwargs: Mapping[str, Any], position: int) -> Identity:
    """What a stream remembers of the reader of an authenticated request; ``position`` is from before it was that."""
    tickets = [kind for kind in request.authenticators or () if isinstance(kind, TicketAuthentication)]
    until = min((each.ticket.until for each in tickets if each.ticket is not None), default=inf)
    return identity_of(request, channel, kwargs, position, until, by_ticket=bool(tickets))


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


# --- tickets (PROTOCOL, "Tickets") -----------------------------------------------------------


class TicketAuthentication(BaseAuthentication):
    """``?ticket=``, for a stream and nothing else; the reader is who the ticket was given to."""

    ticket: signing.Ticket | None = None

    @staticmethod
    def applies_to(request: HttpRequest) -> bool:
        """Whether the ticket decides alone: it was put there for this one request, browsers add the rest unasked."""
        return request.method in ("GET", "HEAD") and "ticket" in request.GET

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Everything but whether it was used: that is for `spend`."""
        if request.method != "GET" or request.accepted_renderer.media_type != "text/event-stream":
            raise _refusal()
        try:
            ticket = self.ticket = signing.read(request.query_params["ticket"], _place(request))
        except signing.Refused as error:
            raise _refusal() from error
        return None if ticket.user is None else (ticket.user, ticket.credential)

    def authenticate_header(self, request: Request) -> str:
        return "Ticket"  # not one that a browser would ask a password for [rfc9110 §11.6.1]

    def spend(self) -> None:
        """Use the ticket up. Raises what 401 is made of where it was used before, and `Unavailable`."""
        if self.ticket is not None:
            remembered = self.ticket.seconds + SKEW
            if not runtime.current().tickets.spend(self.ticket.nonce, remembered):
                raise _refusal()


def ticket_for(request: Request, channel: type[StateChannel], kwargs: Mapping[str, Any]) -> str:
    """A ticket for the reader of an authenticated request, at its path. Raises 403 for one it can't stand for."""
    try:
        seconds = runtime.current().settings.TICKET_SECONDS
        identity = identity_of(request, channel, kwargs)
        # What its row says is looked up when it is used; a session isn't known any more by then.
        until = min(identity.expires, identity.look if identity.session else inf)
        return signing.issue(request.user, request.auth, _place(request), seconds, until)
    except signing.NotExchangeable as error:
        raise PermissionDenied(f"No ticket can be given for these credentials: {error}.") from error


def _refusal() -> AuthenticationFailed:
    # One for all: which rule a ticket broke would help nobody but who forges them.
    return AuthenticationFailed("Invalid ticket.")


def _place(request: Request) -> str:
    current = runtime.current()
    return json.dumps([current.settings.PREFIX, current.tickets.scope, request.path])

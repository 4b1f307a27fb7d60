"""Who may read anchors' channels through django-eventstream's views; knows no listener of theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django_eventstream.channelmanager import ChannelManagerBase, DefaultChannelManager
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from rxsse import runtime
from rxsse.channels import registry
from rxsse.eventstream.names import kwargs_of, topic_of
from rxsse.exceptions import ProtocolError
from rxsse.guarding.identity import Identity, identity_of
from rxsse.messages import Topic

logger = logging.getLogger("rxsse.eventstream")


class Channels(set[str]):
    """What a request asks for and, for anchors', who asks: a listener of theirs is given this very set."""

    def __init__(self, channels: Iterable[str], identities: Mapping[str, Identity]) -> None:
        super().__init__(channels)
        self.identities = identities
        self.revoked: frozenset[str] = frozenset()
        """Those that the reader has lost for good, whatever may still be true of his user."""

    def __iter__(self) -> Iterator[str]:
        # By its name is all that `can_read_channel` knows a channel.
        return (Revoked(channel) if channel in self.revoked else channel for channel in super().__iter__())


class Revoked(str):
    """A channel's name, to one who has lost it."""


class ChannelManagerMixin(ChannelManagerBase):  # type: ignore[misc]
    """Answers for anchors' channels; for all others the class that it is mixed into does."""

    def get_channels_for_request(self, request: Any, view_kwargs: Mapping[str, Any]) -> set[str]:
        channels = super().get_channels_for_request(request, view_kwargs)
        return Channels(channels, dict(self._identities(request, channels)))

    def can_read_channel(self, user: Any, channel: str) -> bool:
        """Whether the channel's ``has_permission`` says yes for the very anchor; a user's topic is his alone."""
        try:
            topic = topic_of(channel)
        except ProtocolError:
            return False
        if topic is None:
            return bool(super().can_read_channel(user, channel))
        if isinstance(channel, Revoked) or not getattr(user, "is_active", True):
            return False
        return self._permits(AnonymousUser() if user is None else user, topic)

    def is_channel_reliable(self, channel: str) -> bool:
        """False for anchors': an application's events aren't kept, and patches have a history of their own."""
        try:
            return topic_of(channel) is None and bool(super().is_channel_reliable(channel))
        except ProtocolError:
            return False

    def get_kwargs(self, topic: Topic) -> Mapping[str, Any] | None:
        """The arguments that ``has_permission`` is given for ``topic``; None: not known, so nobody may read it here.

        Found in the URLconf, where the route has one argument (or the anchor is a list). Override it for other routes:
        what it returns is used only if it leads to ``topic``.
        """
        return kwargs_of(topic)

    def _permits(self, user: Any, topic: Topic) -> bool:
        channel = registry[topic.channel]
        try:
            kwargs = self.get_kwargs(topic)
            if kwargs is None:
                logger.warning("%s: no route says which arguments lead to %s", channel.label, topic.name)
                return False
            return channel.permits(user, kwargs) and channel.topic(user, kwargs) == topic
        except (APIException, PermissionDenied, Http404):
            return False
        except Exception:
            if getattr(user, "is_authenticated", False):  # else: `user.memberships` of nobody
                logger.exception("%s could not say who may read %s", channel.label, topic.name)
            return False

    def _identities(self, request: Any, channels: Iterable[str]) -> Iterable[tuple[str, Identity]]:
        if getattr(getattr(request, "grip", None), "proxied", False):
            return  # held by the proxy, not here
        for channel in channels:
            try:
                topic = topic_of(channel)
                kwargs = None if topic is None else self.get_kwargs(topic)
            except ProtocolError:
                continue
            if topic is not None and kwargs is not None:
                runtime.current().engine  # noqa: B018 (hears from now on what revokes him)
                yield channel, identity_of(_authenticated(request), registry[topic.channel], kwargs)


class ChannelManager(ChannelManagerMixin, DefaultChannelManager):  # type: ignore[misc]
    """For ``EVENTSTREAM_CHANNELMANAGER_CLASS``: anchors' channels to who may read them, all others to everybody."""


def _authenticated(request: Any) -> Request:
    """DRF's form of a request whose user a middleware has found."""
    if isinstance(request, Request):
        return request
    user = getattr(request, "user", None) or AnonymousUser()
    found = Request(request)
    found.user, found.auth = user, None
    found._authenticator = None  # type: ignore[attr-defined]  # or it would look for one, and find nobody
    return found

"""Answers a proxy's requests: what a stream begins or goes on with, and the instruction to hold it; publishes nothing.

The body is exactly what a connection of our own would be sent at this moment, so the wire is the same. What a
proxy must do with it is in headers that it keeps to itself [grip].
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from gripcontrol import Channel, create_grip_channel_header

from rxsse import wire
from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.grip.excerpts import Given, excerpt
from rxsse.grip.proxies import Proxies, live_channel, reader_channel, state_channel
from rxsse.grip.register import BaseRegister, Held, new_id
from rxsse.guarding import verdicts
from rxsse.guarding.guard import Guard
from rxsse.guarding.identity import Identity
from rxsse.messages import Topic
from rxsse.streaming.hub import Hubs
from rxsse.streaming.topics import bye

logger = logging.getLogger("rxsse.grip")

PARAMETER = "grip"
"""The query parameter by which a proxy goes on with a stream that it holds."""

EARLY_SECONDS = 2.0
"""When a proxy asks again for a stream that began when nobody published its topic: what came since then it missed."""

LIVES = 2.5
"""A stream is forgotten after so many times GRIP_SECONDS without its proxy's coming back: it missed two turns."""

PROMISED = "!"
"""Ends the place of a stream that was told ``reset`` and waits for the snapshot."""


class Holding:
    """The serving side of GRIP in one process. All methods may be called from any thread."""

    def __init__(self, settings: Settings, register: BaseRegister, guard: Guard) -> None:
        self._settings = settings
        self._register = register
        self._guard = guard
        self._proxies = Proxies(settings)

    def wants(self, request: HttpRequest) -> bool:
        """Whether the stream that is asked for may be held by who asks."""
        return request.method == "GET" and self._proxies.sent(request.headers)

    def goes_on(self, request: HttpRequest) -> bool:
        """Whether a proxy goes on with a stream that it holds."""
        return PARAMETER in request.GET and self.wants(request)

    def begin(self, hubs: Hubs, topic: Topic, path: str, cursor: str | None, identity: Identity) -> HttpResponse:
        """The beginning of a stream, for a reader who was let in."""
        now = time.time()
        held = Held(new_id(), topic, path, identity, now, now + LIVES * self._settings.GRIP_SECONDS)
        response = self._answer(hubs, held, cursor)
        response.content = wire.retry(self._settings.RETRY_MILLISECONDS) + response.content
        return response

    def go_on(self, hubs: Hubs, request: HttpRequest) -> HttpResponse:
        """What a held stream is given that its proxy asks for again: after its time, or because it missed something."""
        position = self._guard.position
        try:
            held = self._register.find(request.GET[PARAMETER])
        except Unavailable as error:
            return self._unavailable(error)
        now = time.time()
        if held is None or held.path != request.path_info or self._is_old(held, now):
            # Whoever it is comes back with his own credentials.
            return _response(bye(self._settings.RETRY_MILLISECONDS))
        identity = replace(held.identity, position=position)
        verdict = verdicts.ask([identity])
        if identity in verdict.reasons:
            return _response(wire.revoked(verdict.reasons[identity]))
        until = now + LIVES * self._settings.GRIP_SECONDS
        held = replace(held, identity=replace(identity, look=verdict.look), until=until)
        return self._answer(
            hubs, held, _last_of(request.headers, state_channel(self._settings.PREFIX, held.topic.name))
        )

    def _answer(self, hubs: Hubs, held: Held, cursor: str | None) -> HttpResponse:
        try:
            # Before the state is read: what is published or revoked from here on is for this stream too.
            published = self._register.enter(held)
            seconds = 5 * self._settings.BACKEND_TIMEOUT
            given = excerpt(hubs.background(), held.topic, cursor, held.identity, seconds)
        except Unavailable as error:
            return self._unavailable(error)
        return self._held(given, held, published)

    def _held(self, given: Given, held: Held, published: bool) -> HttpResponse:
        response = _response(given.events)
        if given.ended:
            return response
        prefix, name = self._settings.PREFIX, held.topic.name
        place = f"{given.cursor}{PROMISED if given.stale else ''}"
        channels = [
            Channel(state_channel(prefix, name), place),
            Channel(live_channel(prefix, name)),
            Channel(reader_channel(prefix, held.id)),
        ]
        seconds = self._settings.GRIP_SECONDS * random.uniform(0.8, 1.0) if published else EARLY_SECONDS
        response["Grip-Hold"] = "stream"
        response["Grip-Channel"] = create_grip_channel_header(channels)
        # The query alone: a proxy may know the path by another name.
        response["Grip-Link"] = f"<?{PARAMETER}={held.id}>; rel=next; timeout={max(1, round(seconds))}"
        return response

    def _is_old(self, held: Held, now: float) -> bool:
        rotation = self._settings.ROTATE_SECONDS
        return bool(rotation) and now - held.since > rotation * random.uniform(0.8, 1.2)

    def _unavailable(self, error: Exception) -> HttpResponse:
        logger.warning("A proxy is given no stream to hold, its client has to come again: %s", error)
        return _response(wire.reset("unavailable") + bye(self._settings.RETRY_MILLISECONDS))


def _response(body: bytes) -> HttpResponse:
    # An encoding keeps GZipMiddleware away: what is published later isn't compressed.
    return HttpResponse(body, headers={**wire.HEADERS, "Content-Encoding": "identity"})


def _last_of(headers: Mapping[str, Any], channel: str) -> str | None:
    """The place at which the proxy has left the stream; None: it needs a snapshot."""
    for said in headers.get("Grip-Last", "").split(","):
        name, _, parameters = said.strip().partition(";")
        if name.strip() == channel:
            for parameter in parameters.split(";"):
                key, _, value = parameter.strip().partition("=")
                if key == "last-id" and not value.endswith(PROMISED):
                    return str(value)
    return None

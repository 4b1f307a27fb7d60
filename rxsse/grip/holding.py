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
from rxsse.grip.excerpts import excerpt
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

WAIT_SECONDS = 1.0
"""When a proxy asks again for a stream whose topic was not there in time."""

LONGEST = 100
"""Characters of a cursor that are kept: more than any has, few enough for whoever sends a million (I5)."""

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
        until = now + LIVES * self._settings.GRIP_SECONDS
        held = Held(new_id(), topic, path, identity, now, until, (cursor or "")[:LONGEST])
        response = self._answer(hubs, held, None, first=True)
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
        channel = state_channel(self._settings.PREFIX, held.topic.name)
        return self._answer(hubs, held, _last_of(request.headers, channel))

    def _answer(self, hubs: Hubs, held: Held, place: str | None, first: bool = False) -> HttpResponse:
        """``place``: where the proxy has left the stream; None: it was given nothing yet."""
        cursor = held.wanted if place is None else None if place.endswith(PROMISED) else place
        try:
            # Before the state is read: what is published or revoked from here on is for this stream too.
            published = self._register.enter(held)
        except Unavailable as error:
            return self._unavailable(error)
        try:
            given = excerpt(hubs.background(), held.topic, cursor, held.identity, self._settings.BACKEND_TIMEOUT)
        except Unavailable as error:
            logger.info("a held stream has to wait: %s", error)
            # As a connection of our own would be told while its topic is being opened.
            return self._hold(_response(wire.mark(None)), held, place, WAIT_SECONDS)
        if given.ended:
            return _response(given.events)
        # A proxy that had not subscribed yet may have missed what came since the state was read; at first it looks.
        sure = published and (first or place is not None)
        seconds = self._settings.GRIP_SECONDS * random.uniform(0.8, 1.0) if sure else EARLY_SECONDS
        place = f"{given.cursor}{PROMISED if given.stale else ''}"
        return self._hold(_response(given.events), held, place, seconds)

    def _hold(self, response: HttpResponse, held: Held, place: str | None, seconds: float) -> HttpResponse:
        prefix, name = self._settings.PREFIX, held.topic.name
        channels = [Channel(reader_channel(prefix, held.id))]
        if place is not None:  # nothing may be published to a stream that has no state to follow it on
            channels += [Channel(state_channel(prefix, name), place), Channel(live_channel(prefix, name))]
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
    return HttpResponse(body, headers=wire.HEADERS)


def _last_of(headers: Mapping[str, Any], channel: str) -> str | None:
    """The place at which the proxy has left the stream; None: at none yet."""
    for said in headers.get("Grip-Last", "").split(","):
        name, _, parameters = said.strip().partition(";")
        if name.strip() == channel:
            for parameter in parameters.split(";"):
                key, _, value = parameter.strip().partition("=")
                if key == "last-id":
                    return str(value)
    return None

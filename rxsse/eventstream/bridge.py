"""Takes the place of django-eventstream's listener manager: what ``send_event`` is given reaches anchors' streams, too.

Two ways in, one way on. ``add_to_queues`` is where ``send_event`` leaves an event in the process that calls it, unless
``EVENTSTREAM_REDIS`` is set. At `Listeners.received` arrives what another process has sent; with that setting, any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import orjson
from django_eventstream import views
from django_eventstream.event import Event
from django_eventstream.utils import get_channelmanager

from rxsse import runtime, wire
from rxsse.brokers.relay import Told
from rxsse.eventstream.names import topic_of
from rxsse.eventstream.permission import ChannelManagerMixin, Channels, Revoked
from rxsse.exceptions import ProtocolError
from rxsse.guarding.identity import Identity
from rxsse.messages import Fanout, Topic

logger = logging.getLogger("rxsse.eventstream")

LONGEST = 1_000_000
"""Bytes of an event on an anchor's channel, at most: a topic's ring keeps four million, for patches (I5)."""

UNKNOWN = (
    "an anchor's channel is listened to by nobody knows whom: its name came from a link that was signed for a proxy, "
    "or from a get_channels_for_request(self, request, view_kwargs) of your own; "
    "let that return super().get_channels_for_request(request, {'channels': ...})"
)


def fanout_of(told: Told) -> Fanout:
    """Raises ValueError where it can't be an event of a stream: its name is taken, or its body isn't JSON."""
    wire.message(told.event, b"")
    body = told.body.encode() if isinstance(told.body, str) else b""
    if len(body) > LONGEST:
        raise ValueError(f"{told.event!r} for {told.channel!r} has {len(body)} bytes; send at most {LONGEST}")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(
            f"{told.event!r} for {told.channel!r} is not JSON, as all on an anchor's channel is; leave json_encode out"
        ) from error
    return Fanout.message(told.event, body)


class _Seat:
    """One listener on one anchor's channel, as the guard sees a stream."""

    __slots__ = ("__weakref__", "channel", "held", "hub", "identity", "listener", "over")

    def __init__(self, hub: Listeners, listener: Any, channel: str, identity: Identity) -> None:
        self.hub = hub
        self.listener = listener
        self.channel = channel
        self.identity = identity
        self.held: bool | None = None
        """None: not said yet."""
        self.over = False
        """Whether it was ended, or has left: then nothing makes it listen again."""


class Listeners(views.ListenerManager):  # type: ignore[misc]
    """Who listens in this process through their views. May be called from any thread."""

    def __init__(self) -> None:
        super().__init__()
        # Ours reads the same channel, survives outages of Redis, and serves those who read an anchor's stream too.
        self.redis_listener = None
        self._seats: dict[Any, list[_Seat]] = {}

    # --- events ----------------------------------------------------------------------------

    def add_to_queues(self, channel: str, event: Any) -> None:
        """Raises `ProtocolError` or ValueError for what can't be sent on an anchor's channel; then nobody gets it."""
        topic = topic_of(channel)
        if topic is None:
            super().add_to_queues(channel, event)
            return
        id_ = None if event.id is None else str(event.id)
        told = Told(channel, str(event.type), event.data, id_)
        self._tell(topic, told)
        runtime.current().relay.send(told)

    def received(self, told: Told) -> None:
        """Another process has sent it; or, with ``EVENTSTREAM_REDIS``, any."""
        try:
            topic = topic_of(told.channel)
            if topic is None:
                self._queue(told)
            else:
                self._tell(topic, told)
        except (ProtocolError, ValueError) as error:
            logger.error("An event of the application was refused: %s", error)

    def _tell(self, topic: Topic, told: Told) -> None:
        current = runtime.current()
        fanout = fanout_of(told)

        def tell() -> None:
            current.tell(topic.name, fanout)
            self._queue(told)

        current.after_hearing(tell)

    def _queue(self, told: Told) -> None:
        super().add_to_queues(told.channel, Event(told.channel, told.event, told.body, id=told.id))

    # --- listeners; on their event loops ---------------------------------------------------

    def add_listener(self, listener: Any) -> None:
        runtime.current().open_relay()
        seats = self._seats[listener] = [_Seat(self, listener, *place) for place in _places(listener)]
        super().add_listener(listener)
        for seat in seats:
            held = runtime.current().guard.entered(seat)  # type: ignore[arg-type]
            with self.lock:
                if seat.held is None:  # else what was said meanwhile is the latest
                    self._set(seat, held)

    def remove_listener(self, listener: Any) -> None:
        seats = self._seats.pop(listener, [])
        with self.lock:
            for seat in seats:
                seat.over = True
                self.listeners_by_channel.setdefault(seat.channel, set()).add(listener)  # where `super` looks for it
        super().remove_listener(listener)
        for seat in seats:
            runtime.current().guard.left(seat)  # type: ignore[arg-type]

    # --- from the guard, as `rxsse.streaming.hub.Hub` --------------------------------------

    def hold(self, seats: Iterable[_Seat]) -> None:
        """Give them nothing: what is sent meanwhile they miss."""
        with self.lock:
            for seat in seats:
                self._set(seat, True)

    def release(self, seats: Iterable[_Seat]) -> None:
        with self.lock:
            for seat in seats:
                self._set(seat, False)

    def end(self, seats: Iterable[_Seat], reason: str) -> None:
        """Have their view ask again, and be told that it is over: that ends the connection, and says so their way."""
        for seat in seats:
            with self.lock:
                self._set(seat, True)
                seat.over = True
                seat.listener.channel_items.pop(seat.channel, None)
                seat.listener.channels.revoked |= {seat.channel}
                seat.listener.overflow = True
            with suppress(RuntimeError):  # its event loop is closed: so is the connection
                seat.listener.wake_threadsafe()

    def _set(self, seat: _Seat, held: bool) -> None:
        if seat.over:
            return
        seat.held = held
        listening = self.listeners_by_channel.setdefault(seat.channel, set())
        if held:
            listening.discard(seat.listener)
        else:
            listening.add(seat.listener)


def _places(listener: Any) -> Iterable[tuple[str, Identity]]:
    """The anchors' channels that it asks for, and who asks; nothing where the project's own class answers for them."""
    if isinstance(listener.channels, Channels):
        return listener.channels.identities.items()
    if isinstance(get_channelmanager(), ChannelManagerMixin) and any(map(_is_anchors, listener.channels)):
        logger.error("Refused: %s", UNKNOWN)
        _refuse(listener.channels)
    return ()


def _refuse(channels: set[str] | list[str]) -> None:
    """Have their view, which asks about these very names next, be told no."""
    named = [Revoked(channel) if _is_anchors(channel) else channel for channel in channels]
    channels.clear()
    channels.extend(named) if isinstance(channels, list) else channels.update(named)


def _is_anchors(channel: str) -> bool:
    try:
        return topic_of(channel) is not None
    except ProtocolError:
        return False


def install() -> None:
    """Put it in place; opens nothing."""
    if not isinstance(views.listener_manager, Listeners):
        views.listener_manager = Listeners()
    runtime.bridge(views.listener_manager.received)

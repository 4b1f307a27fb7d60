"""Fan-out within one process: publishing is calling; knows no other process."""

from __future__ import annotations

import logging

from rxsse.brokers.base import BaseBroker, Listener
from rxsse.conf import Settings
from rxsse.messages import Fanout, Topic

logger = logging.getLogger(__name__)


class MemoryBroker(BaseBroker):
    """Calls the listener before `publish` returns, in the publisher's thread.

    It holds no lock meanwhile: a listener may take its own, and call the broker while holding it.
    """

    def __init__(self, settings: Settings) -> None:
        self._listener: Listener | None = None
        self._subscribed: set[str] = set()

    def listen(self, listener: Listener) -> None:
        self._listener = listener

    def subscribe(self, topic: Topic) -> None:
        self._subscribed.add(topic.name)

    def unsubscribe(self, topic: Topic) -> None:
        self._subscribed.discard(topic.name)

    def publish(self, topic: Topic, fanout: Fanout) -> None:
        listener = self._listener
        if listener is None or topic.name not in self._subscribed:
            return
        try:
            listener.fanned_out(topic.name, fanout)
        except Exception:
            logger.exception("A listener of the broker failed")

    def ping(self) -> None:
        """Always within reach."""

    def close(self) -> None:
        self._listener = None
        self._subscribed.clear()

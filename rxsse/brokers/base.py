"""What a broker is: fan-out from the owner of a topic to every process that serves it.

A broker may lose messages and says so with `gap`; the patch log is the truth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from rxsse.messages import Fanout, Topic


class Listener(Protocol):
    """Receives fan-out, from the broker's own thread or the publishing one; must not block."""

    def fanned_out(self, topic_name: str, fanout: Fanout) -> None: ...

    def gap(self, reason: str) -> None:
        """Messages of any subscribed topic may be missing from before now: compare heads with the cache."""


class BaseBroker(ABC):
    """One process's end of the fan-out. All methods may be called from any thread."""

    @abstractmethod
    def listen(self, listener: Listener) -> None:
        """Deliver messages of subscribed topics to ``listener`` until `close`."""

    @abstractmethod
    def subscribe(self, topic: Topic) -> None:
        """Return once every message published from now on will be delivered. Raises `Unavailable`."""

    @abstractmethod
    def unsubscribe(self, topic: Topic) -> None:
        """Stop delivering the topic's messages."""

    @abstractmethod
    def publish(self, topic: Topic, fanout: Fanout) -> None:
        """Send to every subscribed process, this one included, in order per publisher. Raises `Unavailable`."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` unless the broker can be reached now."""

    @abstractmethod
    def close(self) -> None:
        """Deliver nothing more; free threads and connections."""

"""What a relay is: it carries an application's own events from the process that sends one to all others, at most once.

Knows no topic: it carries what django-eventstream's ``send_event`` was given, by the channel's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """One event of an application. ``body`` is text, as it was sent; ``id`` is of django-eventstream's storage."""

    channel: str
    event: str
    body: str
    id: str | None = None


class BaseRelay:
    """One process's end. This one reaches no other process. All methods may be called from any thread."""

    def open(self, receive: Callable[[Told], None]) -> None:
        """Have ``receive`` called, in a thread, with what other processes send from about now on, until `close`."""

    def ready(self, seconds: float) -> None:
        """Wait until all that is sent from now on will be received; ``seconds`` at most."""

    def send(self, told: Told) -> None:
        """Send to every other process that is open. Never raises: what doesn't get there is lost."""

    def close(self) -> None:
        """Receive nothing more; free threads and connections."""

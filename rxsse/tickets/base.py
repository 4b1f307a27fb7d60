"""What remembers used tickets: each is used once. Knows nothing of what a ticket says, nor who signs it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rxsse.conf import Settings


class BaseTickets(ABC):
    """All methods may be called from any thread."""

    scope: str
    """Where a ticket counts. It is signed with this, so that it is refused wherever its use would not be known."""

    @abstractmethod
    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""

    @abstractmethod
    def spend(self, nonce: str, seconds: float) -> bool:
        """Whether this is the first use of the ticket ``nonce``; of several at once, one is.

        Remembered for ``seconds`` (above 0): that long at least the ticket could still be presented. Raises
        `Unavailable` where it can't be told; then nobody may take it for unused.
        """

    @abstractmethod
    def close(self) -> None:
        """Free connections."""

"""Stand-ins for the request and the user, so that a state can't depend on more than its audience.

A state shared by all readers is derived once and sent to everybody: code that asks who reads
must fail loudly rather than serve one reader's view to the others.
"""

from __future__ import annotations

from typing import Any, NoReturn
from urllib.parse import urljoin

from rxsse.conf import get_settings
from rxsse.exceptions import AudienceError

_HOW = (
    "its state is shared by every reader; set Meta.audience = 'user' on the channel to derive it for each user, "
    "or don't look at the reader"
)


class NoUser:
    """Stands for ``channel.user`` where the state is shared: touching it is an error."""

    def __init__(self, channel: str) -> None:
        object.__setattr__(self, "_channel", channel)

    def _refuse(self) -> NoReturn:
        raise AudienceError(f"{object.__getattribute__(self, '_channel')} looked at the user, but {_HOW}")

    def __getattr__(self, name: str) -> Any:
        self._refuse()

    def __bool__(self) -> bool:
        self._refuse()

    def __eq__(self, other: object) -> bool:
        self._refuse()

    def __hash__(self) -> int:
        self._refuse()

    def __str__(self) -> str:
        self._refuse()


class StateRequest:
    """Stands for ``serializer.context["request"]``: the user of the audience and absolute URLs, nothing else."""

    versioning_scheme = None
    version = None
    method = "GET"

    def __init__(self, channel: str, user: Any) -> None:
        self._channel = channel
        self.user = user

    def build_absolute_uri(self, location: str | None = None) -> str:
        """``location`` under ``RXSSE["BASE_URL"]``; unchanged where that isn't set."""
        base = get_settings().BASE_URL
        return urljoin(base, location or "") if base else (location or "")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AudienceError(
            f"{self._channel} looked at request.{name}, but a state is derived outside any request; "
            "it may depend on the audience's user and on the database only"
        )


class NoKwargs(dict[str, Any]):
    """Stands for ``channel.kwargs`` while one row's state is derived: however it was addressed, it is one topic."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self._channel = channel

    def __missing__(self, name: str) -> Any:
        raise AudienceError(
            f"{self._channel} looked at kwargs[{name!r}] while deriving, but the state of one row is the same however "
            "the row was addressed; use kwargs in get_object() and has_permission() only"
        )

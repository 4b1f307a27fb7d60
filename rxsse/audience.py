"""Stand-ins for the request and the user, so that a state can't depend on more than its audience.

A state shared by all readers is derived once and sent to everybody: code that asks who reads
must fail loudly rather than serve one reader's view to the others.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import urljoin

from rest_framework.settings import api_settings

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
        self.GET = _NoQuery(channel)

    def build_absolute_uri(self, location: str | None = None) -> str:
        """``location`` under ``RXSSE["BASE_URL"]``; unchanged where that isn't set."""
        base = get_settings().BASE_URL
        return urljoin(base, location or "") if base else (location or "")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse_request(self._channel, name)


class _Refusing(Mapping[str, Any]):
    """A mapping that tells nothing, not even how large it is."""

    def __init__(self, channel: str) -> None:
        self._channel = channel

    @abstractmethod
    def _refuse(self) -> NoReturn:
        """Raise `AudienceError`."""

    def __getitem__(self, name: str) -> Any:
        self._refuse()

    def __contains__(self, name: object) -> bool:
        self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()


class NoKwargs(_Refusing):
    """Stands for ``channel.kwargs`` while one row's state is derived: however it was addressed, it is one topic."""

    def _refuse(self) -> NoReturn:
        raise AudienceError(
            f"{self._channel} looked at its kwargs while deriving, but the state of one row is the same however "
            "the row was addressed; use kwargs in get_object() and has_permission() only"
        )


class _NoQuery(_Refusing):
    """Stands for ``request.GET``. DRF's hyperlinks ask it for ``?format=``, which no state has."""

    def __contains__(self, name: object) -> bool:
        return name != api_settings.URL_FORMAT_OVERRIDE and super().__contains__(name)

    def _refuse(self) -> NoReturn:
        _refuse_request(self._channel, "GET")


def _refuse_request(channel: str, name: str) -> NoReturn:
    raise AudienceError(
        f"{channel} looked at request.{name}, but a state is derived outside any request; "
        "it may depend on the audience's user and on the database only"
    )

"""Who is held by a proxy, so that the owner publishes for them and can revoke them; knows neither proxies nor HTTP."""

from __future__ import annotations

import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Self

from django.urls import Resolver404, resolve

from rxsse.exceptions import ProtocolError
from rxsse.guarding.identity import Identity
from rxsse.messages import Topic


@dataclass(frozen=True, slots=True)
class Held:
    """One stream that a proxy holds.

    ``id`` is a secret: whoever has it can go on with the stream. ``path`` is what was asked for, as urlconfs see it.
    ``since`` and ``until`` are in seconds since 1970: when the stream began, and when it is forgotten. ``wanted`` is
    the cursor that its client came with.
    """

    id: str
    topic: Topic
    path: str
    identity: Identity
    since: float
    until: float
    wanted: str = ""

    def encode(self) -> str:
        identity = asdict(self.identity)
        del identity["kwargs"], identity["position"]  # the path says the former, the latter is a process's own
        times = {name: None if identity[name] == inf else identity[name] for name in ("expires", "look")}
        reader = identity | times
        return json.dumps([self.id, self.topic.name, self.path, reader, self.since, self.until, self.wanted])

    @classmethod
    def decode(cls, text: str | bytes) -> Self:
        """Raise `ProtocolError` on anything that `encode()` does not write, or whose path leads nowhere any more."""
        try:
            id_, name, path, identity, since, until, wanted = json.loads(text)
            kwargs = resolve(path).kwargs
            times = {key: inf if identity[key] is None else identity[key] for key in ("expires", "look")}
            reader = Identity(**(identity | times), kwargs=tuple(sorted(kwargs.items())))
            topic = replace(Topic.parse(name), kwargs=kwargs)
            return cls(id_, topic, path, reader, since, until, wanted)
        except (ValueError, TypeError, KeyError, Resolver404) as error:
            raise ProtocolError(
                "not a held stream: expected [id, topic, path, identity, since, until, wanted]"
            ) from error


def new_id() -> str:
    """128 bits that nobody guesses."""
    return secrets.token_urlsafe(16)


class Follower(ABC):
    """The owner, as the register meets it. Called from any thread; must neither block nor raise."""

    @abstractmethod
    def entered(self, held: Held) -> None:
        """A stream is held from now on, or longer than was said before."""

    @abstractmethod
    def all(self, held: Iterable[Held]) -> None:
        """These are all; what was said before may have had gaps."""


class BaseRegister(ABC):
    """All methods may be called from any thread; every one but `follow` raises `Unavailable` when out of reach."""

    shared: bool
    """Whether an owner in another process sees it."""

    @abstractmethod
    def enter(self, held: Held) -> bool:
        """Remember a stream, or that it goes on. Returns whether an owner publishes its topic at this moment."""

    @abstractmethod
    def find(self, id_: str) -> Held | None:
        """The stream, unless it was revoked or is over."""

    @abstractmethod
    def forget(self, ids: Iterable[str]) -> None:
        """These are over."""

    @abstractmethod
    def publishing(self, added: Iterable[str], removed: Iterable[str], seconds: float) -> bool:
        """The owner publishes the topics of these names from now on, those not any more.

        Counts for ``seconds`` together with all that it said before: then it is dead. Returns whether it leads:
        of several owners one does, until it is dead or resigns.
        """

    @abstractmethod
    def resign(self) -> None:
        """The owner ends: another one may lead."""

    @abstractmethod
    def follow(self, follower: Follower) -> None:
        """Tell it of every stream from now on, all that are held at first."""

    @abstractmethod
    def close(self) -> None:
        """Free connections."""


class MemoryRegister(BaseRegister):
    """The register of a process that serves alone, and whose owner is in the same process."""

    shared = False

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._topics: set[str] = set()
        self._follower: Follower | None = None
        self._lock = threading.Lock()

    def enter(self, held: Held) -> bool:
        with self._lock:
            self._held[held.id] = held
            if self._follower is not None:
                self._follower.entered(held)
            return held.topic.name in self._topics

    def find(self, id_: str) -> Held | None:
        held = self._held.get(id_)
        return held if held is not None and held.until > time.time() else None

    def forget(self, ids: Iterable[str]) -> None:
        with self._lock:
            for id_ in ids:
                self._held.pop(id_, None)

    def publishing(self, added: Iterable[str], removed: Iterable[str], seconds: float) -> bool:
        with self._lock:
            self._topics -= set(removed)
            self._topics |= set(added)
        return True

    def resign(self) -> None:
        """There is no other."""

    def follow(self, follower: Follower) -> None:
        with self._lock:
            self._follower = follower
            self._follower.all(list(self._held.values()))

    def close(self) -> None:
        self._follower = None


def create(settings: Any) -> BaseRegister:
    """One process's end of it. Opens no connection before its first use."""
    if settings.REDIS_URL is None:
        return MemoryRegister()
    from rxsse.grip.redis import RedisRegister

    return RedisRegister(settings)

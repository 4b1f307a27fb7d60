"""For an application's own tests: subscribe to a channel, see its state and patches, without any server.

Everything happens in the calling thread and on its database connection, so it works in
TestCase (where nothing is ever committed) as well as in TransactionTestCase.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied

from rxsse import patches
from rxsse.channels import StateChannel
from rxsse.cursors import Cursor, new_epoch
from rxsse.deriving.derivation import Derivation, Dirt
from rxsse.exceptions import Gone
from rxsse.runtime import Tap
from rxsse.uncaptured import Write, uncaptured

__all__ = ["Subscription", "Write", "subscribe", "uncaptured"]


class Subscription:
    """A reader of one topic. ``state`` is the snapshot plus every patch, and nothing else.

    Looking at `state`, `patches` or `cursor` first derives whatever has changed, and raises
    `Gone` while the anchor does not exist and `DeriveError` while it can't be serialized.
    """

    def __init__(self, channel: type[StateChannel], user: Any, kwargs: Mapping[str, Any]) -> None:
        self._derivation = Derivation(channel.topic(user, kwargs))
        self._tap = Tap(self._derivation.labels, self._derivation.alias)
        # One that is left open must not slow the rest of a test run down.
        self._close = weakref.finalize(self, self._tap.close)
        self._close.atexit = False
        self._derive(Dirt(whole=True))
        self._derivation.take()
        self._cursor = Cursor(new_epoch(), 0)
        self._seen = 0
        self._failed = False
        self._log: list[list[dict[str, Any]]] = []
        self.snapshot: Any = patches.loads(self._derivation.encode())
        """The state at the time of subscribing."""
        self._state = self.snapshot

    @property
    def state(self) -> Any:
        """The state as a client holds it now, as JSON values."""
        self._follow()
        return self._state

    @property
    def patches(self) -> list[list[dict[str, Any]]]:
        """The patch documents that arrived since this was last looked at; one for each revision."""
        self._follow()
        fresh, self._seen = self._log[self._seen :], len(self._log)
        return fresh

    @property
    def cursor(self) -> Cursor:
        self._follow()
        return self._cursor

    @property
    def gone(self) -> bool:
        """Whether the anchor does not exist any more: a client is told ``gone``."""
        try:
            self._follow()
        except Gone:
            return True
        return False

    def close(self) -> None:
        """Stop following: `state` stays as last looked at. Happens by itself when the subscription is forgotten."""
        self._close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _follow(self) -> None:
        changes, whole = self._tap.take()
        if not changes and not whole and not self._failed:
            return
        # What was taken when the serializer failed is not told again.
        whole, self._failed = whole or self._failed, True
        self._derive(Dirt(changes, whole))
        self._failed = False
        operations = self._derivation.take()
        if operations:
            patch = patches.encode(operations)
            self._state = patches.apply(self._state, patch)
            self._log.append(patches.loads(patch))
            self._cursor = self._cursor.next()

    def _derive(self, dirt: Dirt) -> None:
        self._derivation.refresh(lambda: dirt)
        self._tap.watch(self._derivation.labels)


def subscribe(channel: type[StateChannel], user: Any = None, **kwargs: Any) -> Subscription:
    """Subscribe to ``channel`` as ``user``; ``kwargs`` are its route's arguments.

    Raises PermissionDenied or Http404 as the endpoint would answer 403 or 404. Neither Redis
    nor MongoDB is needed or used: from here on this process does without (`runtime.reset` ends that).
    """
    if user is None:
        from django.contrib.auth.models import AnonymousUser

        user = AnonymousUser()
    if not channel.permits(user, kwargs):
        raise PermissionDenied(f"{channel.label}.has_permission() refused {user}")
    return Subscription(channel, user, kwargs)

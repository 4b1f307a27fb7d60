"""Which models somebody watches, said in the database; knows nothing of announcements.

One row for each model and watching process, until when it holds. A process that dies is forgotten by itself.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterable

from django.db import DatabaseError, connections
from django.db.utils import Error

from rxsse.exceptions import Unavailable
from rxsse.feeds import tables

logger = logging.getLogger(__name__)

HOLDS = 30.0
"""Seconds that a process's interest holds: long enough that a paused process (a deploy, a swap storm) keeps it."""
RENEWED = 10.0
"""Seconds between renewals: two may fail."""
LOOKED_FOR = 5.0
"""Seconds between two looks for tables that are not there: who runs `migrate` while servers run waits this long."""


class Presence:
    """In which databases the tables are."""

    def __init__(self, *, needed: bool = True) -> None:
        """``needed``: where they are absent somebody has to be told."""
        self._level = logging.WARNING if needed else logging.DEBUG
        self._there: set[str] = set()
        self._absent_until: dict[str, float] = {}

    def in_(self, alias: str) -> bool:
        """Whether they are in this one, asked by the calling thread's connection. Never raises."""
        if alias in self._there:
            return True
        if time.monotonic() < self._absent_until.get(alias, 0.0):
            return False
        try:
            found = alias in tables.aliases() and tables.exist(connections[alias])
        except Exception as error:
            logger.debug("Whether there is an outbox in %r can't be told: %s", alias, error)
            found = False
        if found:
            self._there.add(alias)
        else:
            if alias not in self._absent_until:
                logger.log(self._level, "There is no outbox in the database %r; run `manage.py migrate`", alias)
            self._absent_until[alias] = time.monotonic() + LOOKED_FOR
        return found

    def everywhere(self) -> list[str]:
        """The databases that have them."""
        return [alias for alias in tables.aliases() if self.in_(alias)]


class Watchers:
    """What this process watches, and what it knows of everybody's watching."""

    def __init__(self, presence: Presence, ttl: float, wait: float) -> None:
        self._presence = presence
        self._ttl = ttl
        self._wait = wait
        self._name = secrets.token_hex(8)
        self._saying = threading.Lock()
        self._said: frozenset[str] | None = None
        self._asking = threading.Lock()
        self._watched: frozenset[str] = frozenset()
        self._known_until = 0.0
        self.others = True
        """Whether another process watches anything, as far as is known."""

    # --- writer's side -------------------------------------------------------------------

    def is_watched(self, model: str) -> bool:
        if self._said is not None and model in self._said:
            return True
        if time.monotonic() < self._known_until:
            return model in self._watched
        return self._ask(model)

    def _ask(self, model: str) -> bool:
        if not self._asking.acquire(timeout=self._wait):
            return True
        try:
            asked = time.monotonic()  # before the answer was made: what is said later is known a ttl later
            if asked < self._known_until:
                return model in self._watched
            present = self._presence.everywhere()
            if not present:
                return False  # nobody can have said anything
            found = tables.ask(connections[present[0]])
            if not found.current:
                return True
            self._watched = frozenset(model for model, _ in found.watched)
            self.others = any(name != self._name for _, name in found.watched)
            self._known_until = asked + self._ttl
            return model in self._watched
        except Exception as error:  # I6: not knowing means watched
            logger.debug("Who watches can't be told: %s", error)
            return True
        finally:
            self._asking.release()

    # --- owner's side --------------------------------------------------------------------

    def watch(self, models: Iterable[str]) -> float:
        """Seconds until every writer knows. Raises `Unavailable`."""
        wanted = frozenset(models)
        with self._saying:
            added = not wanted <= (self._said or frozenset())
            self._said = wanted
            self._known_until = 0.0
            try:
                self._say(wanted)
            except (DatabaseError, Error) as error:
                raise Unavailable("the database can't be told which models are watched") from error
        return self._ttl if added else 0.0

    def renew(self) -> bool:
        """Say it again. True where it had been forgotten meanwhile: writers may have kept silent.

        Raises the database's errors.
        """
        with self._saying:
            return bool(self._said) and not self._say(self._said or frozenset())

    def withdraw(self) -> None:
        """Say that this process watches nothing any more, as far as the database can be told."""
        with self._saying:
            if self._said:
                try:
                    self._say(frozenset())
                except Exception as error:
                    logger.debug("What was watched expires by itself: %s", error)
            self._said = None

    def _say(self, models: frozenset[str]) -> bool:
        """Whether it was known everywhere."""
        known = [tables.say(connections[alias], self._name, models, HOLDS) for alias in self._presence.everywhere()]
        return all(known)

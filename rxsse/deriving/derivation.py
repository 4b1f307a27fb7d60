"""Keeps one topic's replica at the serializer's output: reads in one snapshot, splices or reads whole.

Knows the database and the replica; nothing of logs, feeds, leases or clients.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.models import Model

from rxsse.channels import Reading
from rxsse.deriving.loading import Loader, ReadWhole
from rxsse.deriving.reading import snapshot_of
from rxsse.deriving.recording import listening, recording, track
from rxsse.deriving.replica import Replica, RowKey
from rxsse.deriving.splicing import Splice
from rxsse.deriving.touching import touch
from rxsse.exceptions import DeriveError, Gone, Unavailable
from rxsse.messages import Change, Topic
from rxsse.tree import Tree, labels_of

logger = logging.getLogger("rxsse.deriving")


@dataclass(frozen=True, slots=True)
class Dirt:
    """What may have changed since the last refresh; ``whole``: anything; ``audit``: nothing else should have."""

    changes: tuple[Change, ...] = ()
    whole: bool = False
    audit: bool = False


Collect = Callable[[], Dirt]


class Derivation:
    """The state of one topic. Not thread-safe: one refresh at a time."""

    def __init__(self, topic: Topic, question: Callable[[str], str | None] = lambda alias: None) -> None:
        """``question(alias)`` is SQL that tells whether a snapshot holds what nobody could announce.

        Raises `DeriveError` where the channel's declaration doesn't hold.
        """
        try:
            with listening(), recording() as self._built:
                self._reading = Reading(topic)
        except Exception as error:
            raise DeriveError(f"{topic.name} is declared wrongly: {error}") from error
        self.topic = topic
        self._question = question
        self._replica = Replica()
        self._filled = False
        self._tables: set[str] = set()
        self._rows: set[RowKey] = set()
        self.read_whole = False
        """Whether the last refresh read the anchor whole."""
        self.drift: int | None = None
        """How many operations an audit needed beyond the changes it knew; None where the last refresh was none."""

    @property
    def alias(self) -> str:
        """The database that is read."""
        return self._reading.alias

    @property
    def labels(self) -> frozenset[str]:
        """Every model whose changes can matter, as far as the last refresh showed."""
        tree = self._reading.tree
        shown = labels_of(self._reading.model) if tree is None else tree.labels
        read = (label for label, _ in self._rows)
        return frozenset({*shown, *self._tables, *self._replica.table_readers, *self._replica.reader_labels, *read})

    def encode(self) -> bytes:
        """The state after the last refresh as JSON text; the same object while nothing changes."""
        return self._replica.encode()

    def concerns(self, change: Change) -> bool:
        """Whether ``change`` can matter; not to be asked during a refresh."""
        tree = self._reading.tree
        return tree is None or self._spoils(change) or bool(touch(self._replica, tree, change))

    @property
    def operations(self) -> list[bytes]:
        """What leads from the state last taken to the present one; grows until `take`."""
        return self._replica.operations

    def take(self) -> list[bytes]:
        return self._replica.take_operations()

    def refresh(self, collect: Collect) -> None:
        """Bring the state to one committed state of the database; see `operations` for what changed.

        ``collect`` is asked once the snapshot is fixed, and must name every change of every
        transaction in it that the state doesn't have yet. Raises `Gone`, `Unavailable` (the
        database) or `DeriveError` (the serializer or the channel); the replica then still
        agrees with its operations and the next refresh should be a whole one.
        """
        try:
            self._refresh_in_snapshot(collect)
        except (Gone, Unavailable):
            raise
        except (OperationalError, InterfaceError) as error:
            raise Unavailable("the database can't be read at present") from error
        except DatabaseError as error:
            raise DeriveError(f"reading {self.topic.name} failed in the database") from error
        except Exception as error:
            raise DeriveError(f"the serializer of {self.topic.name} raised {type(error).__name__}") from error

    def _refresh_in_snapshot(self, collect: Collect) -> None:
        opened = connections[self._reading.alias].connection
        try:
            self._read(collect)
            return
        except (DatabaseError, InterfaceError):
            if not _was_lost(self._reading.alias, opened):
                raise
        # The server or a proxy may have closed a connection that was idle: that is no outage yet.
        self._read(collect)

    def _read(self, collect: Collect) -> None:
        alias = self._reading.alias
        with snapshot_of(alias, self._question(alias)) as unheard, listening():
            dirt = collect()
            # What was announced is not all: reading only that would split a transaction that was not (I3).
            self._refresh(replace(dirt, whole=True) if unheard else dirt)

    def _refresh(self, dirt: Dirt) -> None:
        self.drift, self.read_whole = None, False
        rows = self._reading.load_user()
        whole = not self._filled or dirt.whole or any(map(self._spoils, dirt.changes))
        loader = self._loader(whole, rows)
        if not whole:
            try:
                Splice(self._replica, loader).apply(dirt.changes)
                self._tables |= loader.tables
                self._rows |= loader.rows
                if not dirt.audit:
                    return
                # In the same snapshot: what a whole read finds beyond that is nothing that anybody announced.
                self.drift = -len(self._replica.operations)
                loader = self._loader(True, rows)
            except ReadWhole as reason:
                logger.debug("reading %s whole: %s", self.topic.name, reason)
        self._read_whole(loader)
        if self.drift is not None:
            self.drift += len(self._replica.operations)

    def _loader(self, whole: bool, rows: frozenset[RowKey]) -> Loader:
        tree = self._tree(whole)
        loader = Loader(tree, self._reading.queryset, self._reading.alias, self._reading.user_key)
        loader.tables |= self._reading.depends_on | self._built.tables
        loader.rows |= rows | self._built.rows
        return loader

    def _tree(self, whole: bool) -> Tree:
        """The tree; built anew for a whole read where its fields depend on the reader or on the database."""
        tree = self._reading.tree
        if tree is None or (whole and (self._reading.by_reader or self._built.tables)):
            if isinstance(self._reading.user, Model):
                track(self._reading.user)
            with recording() as self._built:
                tree = self._reading.rebuild()
        return tree

    def _spoils(self, change: Change) -> bool:
        """Whether everything must be read again: the change is to something that isn't followed row by row."""
        if change.model in self._tables:
            return True
        if change.keys is None:
            return any(label == change.model for label, _ in self._rows)
        return any((change.model, key) in self._rows for key in change.keys)

    def _read_whole(self, loader: Loader) -> None:
        found = loader.read()
        many = loader.tree.many
        if not many and not found:
            raise Gone(f"the anchor of {self.topic.name} does not exist")
        value = found if many else found[0]
        self.read_whole = True
        self._tables, self._rows = loader.tables, loader.rows
        if self._filled:
            self._replica.set_value(self._replica.top, 0, value)
        else:
            self._replica.fill(value)
            self._filled = True


def _was_lost(alias: str, opened: Any) -> bool:
    """Whether the connection ``opened`` broke. Django may have replaced it already while rolling back."""
    connection = connections[alias]
    if opened is None or connection.in_atomic_block:
        return False
    if connection.connection is opened and not connection.is_usable():
        connection.close()
    return connection.connection is not opened

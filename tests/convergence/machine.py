"""The state machine: random transactions, subscriptions that come and go, agreement at every quiet point.

In this process, through `rxsse.testing`; clients apply patches with the library ``jsonpatch`` only.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any

import jsonpatch
from django.apps import apps
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from rxsse.exceptions import Gone
from rxsse.testing import Subscription, subscribe
from tests.convergence import transactions, writes
from tests.convergence.subjects import ABSENT, LASTING, Subject, any_subject, comparable, out_of_order

RANDOM = st.randoms(use_true_random=False)
SECRET = re.compile(r"SECRET<(\d+)>")
CLIENTS = 6


class Watcher:
    """One client of one subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        kwargs = subject.kwargs()
        assert kwargs is not None
        self.subscription: Subscription = subscribe(subject.channel, subject.user, **kwargs)
        self.state = deepcopy(self.subscription.snapshot)
        self.revision = self.subscription.cursor.revision
        self.gone = False
        self._scan(self.state)

    def follow(self) -> None:
        """Apply what has come, one revision at a time."""
        try:
            documents = self.subscription.patches
        except Gone:
            self.gone = True
            return
        for document in documents:
            self._scan(document)
            self.state = jsonpatch.apply_patch(self.state, document)
            self.revision += 1
        assert self.subscription.cursor.revision == self.revision

    def _scan(self, sent: Any) -> None:
        for owner in SECRET.findall(json.dumps(sent)):
            assert int(owner) == self.subject.user_id, f"{self.subject} was sent a row of user {owner}: {sent}"

    def check(self) -> None:
        """The client shows what the serializer returns now."""
        self.follow()
        expected = self.subject.expected()
        if self.gone:
            assert expected is ABSENT or self.subject.name not in LASTING
            return
        assert comparable(self.subject, self.state) == comparable(self.subject, expected), self.subject
        assert not list(out_of_order(self.state))


class Convergence(RuleBasedStateMachine):
    """Committed transactions, as in production and in TransactionTestCase."""

    def __init__(self) -> None:
        super().__init__()
        self.watchers: list[Watcher] = []
        self.compared = 0

    @initialize()
    def begin(self) -> None:
        clear_tables()
        writes.populate()

    @rule(rng=RANDOM)
    def write(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 3)):
            with suppress(DatabaseError):  # two rows of one slug, say: refused and rolled back, as in any application
                transactions.run(rng)

    @precondition(lambda self: len(self.watchers) < CLIENTS)
    @rule(rng=RANDOM)
    def connect(self, rng: Random) -> None:
        subject = any_subject(rng)
        if subject is not None:
            self.watchers.append(Watcher(subject))

    @precondition(lambda self: self.watchers)
    @rule(rng=RANDOM)
    def disconnect(self, rng: Random) -> None:
        watcher = self.watchers.pop(rng.randrange(len(self.watchers)))
        watcher.subscription.close()

    @precondition(lambda self: self.watchers)
    @rule(rng=RANDOM)
    def follow(self, rng: Random) -> None:
        rng.choice(self.watchers).follow()

    @precondition(lambda self: self.watchers)
    @rule()
    def settle(self) -> None:
        for watcher in list(self.watchers):
            watcher.check()
            self.compared += 1
            if watcher.gone:
                self.watchers.remove(watcher)
                watcher.subscription.close()

    def teardown(self) -> None:
        try:
            self.settle()  # type: ignore[call-arg]
        finally:
            for watcher in self.watchers:
                watcher.subscription.close()


class UncommittedConvergence(Convergence):
    """Everything inside one transaction that is rolled back at the end, as in TestCase."""

    def __init__(self) -> None:
        super().__init__()
        self._block = transaction.atomic()
        self._block.__enter__()

    @initialize()
    def begin(self) -> None:
        writes.populate()

    @rule(rng=RANDOM)
    def write(self, rng: Random) -> None:
        for _ in range(rng.randint(1, 3)):
            with suppress(DatabaseError), transaction.atomic():
                transactions.run(rng)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            transaction.set_rollback(True)
            self._block.__exit__(None, None, None)


def clear_tables() -> None:
    """Empty every table that a run writes to."""
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True) if _is_written(model)]
    statements = connection.ops.sql_flush(no_style(), tables, reset_sequences=False, allow_cascade=True)
    connection.ops.execute_sql_flush(statements)


def _is_written(model: Any) -> bool:
    return model._meta.app_label in ("domain", "auth", "authtoken") and not model._meta.proxy and model._meta.managed

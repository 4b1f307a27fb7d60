"""Short runs of the state machine, each example from scratch."""

from __future__ import annotations

from random import Random

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.convergence import writes
from tests.convergence.machine import Convergence, UncommittedConvergence, Watcher
from tests.convergence.subjects import SHAPES, Subject, any_subject
from tests.domain.models import Board, Secret

SHORT = settings(max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.django_db(transaction=True)
def test_clients_show_what_the_serializer_returns() -> None:
    run_state_machine_as_test(Convergence, settings=SHORT)


@pytest.mark.django_db
def test_clients_follow_a_transaction_that_is_never_committed() -> None:
    run_state_machine_as_test(UncommittedConvergence, settings=SHORT)


@pytest.mark.django_db
def test_every_shape_is_followed_through_every_write() -> None:
    """Fixed seeds, so that each kind of write meets each kind of client in every run of the suite."""
    rng = Random(1)
    writes.populate()
    for function in dict.fromkeys(writes.WRITES):
        with transaction.atomic():  # rolled back, so that every kind finds all the rows
            _follow_through(function, rng)
            transaction.set_rollback(True)


def _follow_through(function: writes.Write, rng: Random) -> None:
    subjects = [subject for name in SHAPES if (subject := any_subject(rng, name)) is not None]
    watchers = [Watcher(subject) for subject in subjects]
    # To compare takes most of the time, and PostgreSQL has other runs, with processes, that do it all day.
    for count in (1, 6) if connection.vendor == "sqlite" else (5,):
        for _ in range(count):
            function(rng)
        for watcher in watchers:
            watcher.check()
        watchers = [watcher for watcher in watchers if not watcher.gone]
    for watcher in watchers:
        watcher.subscription.close()


@pytest.mark.django_db
def test_nobody_sees_a_row_of_somebody_else() -> None:
    writes.populate()
    board = Board.objects.earliest("pk")
    readers = list(writes.readers())
    clients = [Watcher(Subject("private-board", reader.pk, board.pk)) for reader in readers]
    secrets = [Secret.objects.create(board=board, owner=one, text=writes.secret_of(one)) for one in readers]
    for client in clients:
        client.check()
        assert len(client.state["secrets"]) == 1
    # A change of owner, a delete, and all of it in one statement: each time every client is compared and scanned.
    Secret.objects.filter(pk=secrets[0].pk).update(owner=readers[1], text=writes.secret_of(readers[1]))
    for client, count in zip(clients, (0, 2, 1), strict=True):
        client.check()
        assert len(client.state["secrets"]) == count
    secrets[2].delete()
    Secret.objects.update(owner=readers[0], text=writes.secret_of(readers[0]))
    for client, count in zip(clients, (2, 0, 0), strict=True):
        client.check()
        assert len(client.state["secrets"]) == count
    assert clients[2].revision == 2

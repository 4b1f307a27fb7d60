"""Jobs run, whatever other jobs do; threads end and take their connections with them."""

from __future__ import annotations

import threading

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from rxsse.deriving.workers import Workers
from tests.waiting import until


def test_jobs_run_on_a_few_threads(caplog: pytest.LogCaptureFixture) -> None:
    workers = Workers(2)
    threads: set[threading.Thread] = set()
    together = threading.Barrier(2)

    def fail() -> None:
        raise ZeroDivisionError

    def meet() -> None:
        together.wait(20)
        threads.add(threading.current_thread())

    workers.submit(fail)
    workers.submit(meet)
    workers.submit(meet)
    until(lambda: len(threads) == 2)
    workers.close(20)
    assert "a job failed" in caplog.text
    assert not any(thread.is_alive() for thread in threads)


def test_what_was_submitted_is_finished_first() -> None:
    workers = Workers(1)
    done: list[int] = []
    for number in range(50):
        workers.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    workers.close(20)
    assert done == list(range(50))


def test_a_job_may_close_its_own_workers() -> None:
    workers = Workers(1)
    done = threading.Event()

    def close() -> None:
        workers.close(20)
        done.set()

    workers.submit(close)
    assert done.wait(20)


@pytest.mark.django_db(transaction=True)
def test_connections_end_with_their_thread() -> None:
    workers = Workers(1)
    used: list[BaseDatabaseWrapper] = []
    states: list[bool] = []

    def read() -> None:
        mine = connections["default"]
        mine.ensure_connection()
        used.append(mine)
        states.append(mine.connection is not None)

    workers.submit(read)
    workers.close(20)
    assert states == [True]
    assert used[0].connection is None

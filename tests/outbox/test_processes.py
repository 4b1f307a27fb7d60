"""What other processes write reaches a browser with neither Redis nor MongoDB, whatever becomes of them."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Callable
from contextlib import closing

from rxsse.feeds.outbox_reading import KEPT
from tests.outbox.support import Server, Site, Watcher, server
from tests.waiting import until

SOON = 0.3
"""Seconds from a commit in another process to the patch."""

DIES_AFTER_COMMIT = """
import os, signal
from rxsse.feeds.outbox import OutboxFeed
OutboxFeed.commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
DIES_BEFORE_COMMIT = """
import os, signal
from rxsse.feeds.outbox import OutboxFeed
prepare = OutboxFeed.prepare
OutboxFeed.prepare = lambda *given: (prepare(*given), os.kill(os.getpid(), signal.SIGKILL))
"""


def amounts(watcher: Watcher) -> list[int]:
    return [account["amount"] for account in watcher.state["accounts"]]


def test_a_change_in_a_shell_is_shown_soon(
    place: Site, watcher: Watcher, record_property: Callable[[str, object], None]
) -> None:
    delays = []
    with place.shell() as execute:
        for number in range(1, 13):
            committed = execute(f"Account.objects.filter(pk=1).update(amount={number})")
            until(lambda number=number: amounts(watcher) == [number, 300])  # type: ignore[misc]
            delays.append(watcher.patches[-1] - committed)
    assert len(watcher.patches) == 12
    record_property("delays", delays)
    assert statistics.median(delays) < SOON


def test_a_writer_killed_right_after_its_commit_has_announced_it(place: Site, watcher: Watcher) -> None:
    done = place.run(
        f"{DIES_AFTER_COMMIT}\nfrom tests.domain.models import Account\nAccount.objects.filter(pk=1).update(amount=7)"
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    until(lambda: amounts(watcher) == [7, 300])


def test_a_writer_killed_right_before_its_commit_has_not(place: Site, watcher: Watcher) -> None:
    done = place.run(
        f"{DIES_BEFORE_COMMIT}\nfrom tests.domain.models import Account\nAccount.objects.filter(pk=1).update(amount=7)"
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    place.write("Account.objects.filter(pk=2).update(amount=8)")
    until(lambda: amounts(watcher) == [400, 8])


def test_two_servers_hear_of_the_same_change(place: Site, watcher: Watcher) -> None:
    with server(place.environment) as second, closing(Watcher(second.port, "/rx/ledgers/1/")) as other:
        place.write("Account.objects.filter(pk=1).update(amount=9)")
        until(lambda: amounts(watcher) == amounts(other) == [9, 300])


def test_a_server_that_was_paused_finds_out_what_it_missed(place: Site, serving: Server, watcher: Watcher) -> None:
    """Others don't wait for it; what it can't have heard of it reads."""
    with server(place.environment) as second, closing(Watcher(second.port, "/rx/ledgers/1/")) as other:
        serving.pause()
        place.write("Account.objects.filter(pk=1).update(amount=11)")
        until(lambda: amounts(other) == [11, 300])
        with place.sql() as sql:
            until(lambda: sql("SELECT count(*) FROM rxsse_outbox").fetchone()[0] == 0, seconds=KEPT + 20)
        assert amounts(watcher) == [400, 300]
        serving.resume()
        until(lambda: amounts(watcher) == [11, 300])


def test_raw_sql_of_another_program_is_shown(place: Site, watcher: Watcher) -> None:
    place.write("from django.core.management import call_command\ncall_command('rxsse_triggers', 'create')")
    with place.sql() as sql:
        sql("UPDATE domain_account SET amount = amount - 1")
        until(lambda: amounts(watcher) == [399, 299])
        sql("INSERT INTO domain_account (ledger_id, amount) VALUES (1, 2)")
        until(lambda: amounts(watcher) == [399, 299, 2])
        sql("DELETE FROM domain_account WHERE amount = 299")
        until(lambda: amounts(watcher) == [399, 2])

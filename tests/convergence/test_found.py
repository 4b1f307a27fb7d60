"""What the convergence suite has found, each reduced to the least that shows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F

from rxsse import patches
from rxsse.brokers.memory import MemoryBroker
from rxsse.caches.memory import MemoryCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.deriving.hearing import Hearing
from rxsse.deriving.inbox import Inbox
from rxsse.deriving.owning import Backends, Owned
from rxsse.deriving.topics import HotTopic
from rxsse.deriving.workers import Workers
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Announcement, Change, Fanout, Kind, Operation, Phase, Topic
from rxsse.testing import subscribe
from tests.domain.channels import LedgerChannel, WideBoardChannel
from tests.domain.models import Account, Board, Crust, Ledger, Seat

TOPIC = Topic("tests.Channel", "1")
PATCH = b'[{"op":"remove","path":"/tasks/0"}]'


class OvertakenCache(MemoryCache):
    """While the log is read, fan-out delivers the very patch that the log will answer with."""

    overtaking: HotTopic

    def since(self, topic: Topic, cursor: Cursor) -> Sequence[bytes] | None:
        missing = super().since(topic, cursor)
        self.overtaking.deliver(Fanout(Kind.PATCH, cursor.epoch, cursor.revision + 1, PATCH))
        return missing


class RecordingSink:
    def __init__(self) -> None:
        self.seen: list[tuple[Cursor, bytes]] = []

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        self.seen.append((cursor, patch))


def test_a_patch_from_the_log_and_from_fan_out_at_once_is_one_revision() -> None:
    settings = Settings()
    cache = OvertakenCache(settings)
    backends = Backends(
        settings, MemoryFeed(settings), cache, MemoryBroker(settings), Inbox(), lambda topic, labels: 0.0
    )
    workers = Workers(1)
    hot = cache.overtaking = HotTopic(TOPIC, backends, workers, "owner", Hearing(backends.feed))
    start = Cursor("epoch", 2)
    cache.begin(TOPIC, start, b"{}", replacing=None)
    cache.append(TOPIC, start.next(), PATCH)
    sink = RecordingSink()
    hot._outlet.open(start)
    hot._outlet.add(sink)  # type: ignore[arg-type]
    try:
        hot._catch_up()
    finally:
        workers.close(1)
    assert sink.seen == [(start.next(), PATCH)]


class SlowlyKnown(MemoryFeed):
    """Writers know of a watched model ``delay`` seconds later; until then they announce nothing."""

    delay = 0.0

    def watch(self, models: Iterable[str]) -> float:
        super().watch(models)
        return self.delay


@contextmanager
def ledger_owned(delay: float) -> Iterator[tuple[Owned, Inbox, list[Account]]]:
    """The owner of four accounts of 100, whose writers know after ``delay`` seconds; nothing is announced to it."""
    settings = Settings()
    feed, inbox = SlowlyKnown(settings), Inbox()
    feed.delay = delay
    backends = Backends(
        settings, feed, MemoryCache(settings), MemoryBroker(settings), inbox, lambda name, labels: feed.watch(labels)
    )
    ledger = Ledger.objects.create(name="l")
    accounts = [ledger.accounts.create(amount=100) for _ in range(4)]
    owned = Owned(LedgerChannel.topic(AnonymousUser(), {"pk": ledger.pk}), backends, lambda: None, lambda fanout: None)
    owned.open()
    try:
        yield owned, inbox, accounts
    finally:
        owned.close()


def move(amount: int, source: Account, target: Account) -> Announcement:
    """Move money; returns what a writer that knows would have announced."""
    Account.objects.filter(pk=source.pk).update(amount=F("amount") - amount)
    Account.objects.filter(pk=target.pk).update(amount=F("amount") + amount)
    keys = tuple(str(account.pk) for account in (source, target))
    changes = (Change("domain.account", Operation.UPDATE, keys, frozenset({"amount"})),)
    return Announcement(f"{source.pk}>{target.pk}", Phase.COMMITTED, "default", changes)


def amounts(owned: Owned) -> Any:
    _, state = owned.snapshot()
    return [account["amount"] for account in patches.loads(state)["accounts"]]


def end_window(owned: Owned) -> None:
    """From now on every writer knows."""
    owned._blind_until = time.monotonic()


def assert_not_split(owned: Owned, inbox: Inbox, accounts: list[Account]) -> None:
    """Transactions that nobody announces share a row with some that somebody does."""
    for spent in (30, 60):
        move(30, accounts[0], accounts[1])
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        assert amounts(owned)[0] == 100 - spent
        assert sum(amounts(owned)) == 400


@pytest.mark.django_db
def test_a_transaction_that_nobody_announced_is_not_split_by_one_that_was() -> None:
    """A topic turns hot and a writer doesn't know yet: another one's announcement must not show half of it (I3)."""
    with ledger_owned(delay=3600) as (owned, inbox, accounts):
        assert_not_split(owned, inbox, accounts)


@pytest.mark.django_db
def test_a_transaction_that_nobody_announced_is_not_split_once_every_writer_knows() -> None:
    with ledger_owned(delay=3600) as (owned, inbox, accounts):
        move(30, accounts[0], accounts[1])
        end_window(owned)
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        assert amounts(owned) == [70, 129, 101, 100]


@pytest.mark.django_db
def test_what_nobody_announced_is_read_when_the_window_ends() -> None:
    with ledger_owned(delay=3600) as (owned, _, accounts):
        move(30, accounts[0], accounts[1])
        assert owned.recheck_after > 0
        end_window(owned)
        owned.spoil()  # which is what the clock does after that time
        owned.refresh()
        assert amounts(owned) == [70, 130, 100, 100]


@pytest.mark.django_db
def test_after_the_window_only_what_was_announced_is_read() -> None:
    """The tests above would pass for an owner that reads everything for ever."""
    with ledger_owned(delay=3600) as (owned, inbox, accounts):
        end_window(owned)
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        Account.objects.filter(pk=accounts[3].pk).update(amount=0)
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        assert amounts(owned) == [100, 98, 102, 100]


@pytest.mark.django_db
def test_after_a_gap_a_transaction_of_a_writer_that_is_still_cut_off_is_not_split() -> None:
    """The feed is back, and one writer says so before another one has tried it again (I3)."""
    with ledger_owned(delay=0) as (owned, inbox, accounts):
        inbox.gap("the feed was out of reach")
        owned.refresh()
        assert_not_split(owned, inbox, accounts)


@pytest.mark.django_db
def test_some_time_after_a_gap_only_what_was_announced_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxsse.deriving.inbox._DOUBT", 0.0)
    with ledger_owned(delay=0) as (owned, inbox, accounts):
        inbox.gap("the feed was out of reach")
        owned.refresh()
        Account.objects.filter(pk=accounts[3].pk).update(amount=0)
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        assert amounts(owned) == [100, 99, 101, 100]


@pytest.mark.django_db
def test_a_transaction_that_has_not_yet_said_committed_is_not_split() -> None:
    """It is in the database, and a later one of the same rows is announced first (I3)."""
    with ledger_owned(delay=0) as (owned, inbox, accounts):
        late = move(30, accounts[0], accounts[1])
        inbox.announced(replace(late, phase=Phase.PREPARED))
        inbox.announced(move(1, accounts[1], accounts[2]))
        owned.refresh()
        assert amounts(owned) == [70, 129, 101, 100]
        inbox.announced(replace(late, changes=()))
        owned.refresh()
        assert amounts(owned) == [70, 129, 101, 100]


@pytest.mark.django_db
def test_a_table_with_a_dot_in_its_name_is_recognised_in_sql() -> None:
    """A method field counts rows of other boards: no relation leads to them, only its query tells."""
    _, other = (Board.objects.create(slug=slug, code=slug, title=slug) for slug in ("one", "other"))
    with subscribe(WideBoardChannel, User(pk=1), slug="one") as client:
        other.crumbs.create(text="crumb")
        assert client.state["crumb_count"] == 1
        Crust.objects.create(text="crust")
        assert client.state["crusts"] == ["crust"]


@pytest.mark.django_db
def test_rows_with_composite_keys_are_spliced() -> None:
    board = Board.objects.create(slug="one", code="one", title="one")
    with subscribe(WideBoardChannel, User(pk=1), slug="one") as client:
        seat = board.seats.create(number=1)
        Seat.objects.bulk_create(Seat(board=board, number=number) for number in (2, 3))
        assert client.state["seats"] == [{"number": number, "taken_by": ""} for number in (3, 2, 1)]
        seat.taken_by = "ann"
        seat.save()
        board.seats.filter(number=2).delete()
        assert client.state["seats"] == [{"number": 3, "taken_by": ""}, {"number": 1, "taken_by": "ann"}]

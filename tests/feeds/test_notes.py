"""A writer that can't reach Redis leaves word in the database, exactly where it writes (PROTOCOL I3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, F, When

from rxsse import capture, patches
from rxsse.brokers.memory import MemoryBroker
from rxsse.caches.memory import MemoryCache
from rxsse.capture import announcing
from rxsse.conf import Settings
from rxsse.deriving.inbox import Inbox
from rxsse.deriving.owning import Backends, Owned
from rxsse.deriving.reading import snapshot_of
from rxsse.feeds import tables
from rxsse.feeds.redis import RedisFeed
from tests.domain.channels import LedgerChannel
from tests.domain.models import Account, Ledger, Team
from tests.feeds.recording import Recorder
from tests.inside.support import reader
from tests.inside.test_metrics import installation
from tests.services import Server, free_port
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

Open = Callable[[str], RedisFeed]


@pytest.fixture
def open_feed(prefix: str) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_(url: str) -> RedisFeed:
            feed = RedisFeed(Settings(REDIS_URL=url, PREFIX=prefix, INTEREST_TTL=0.05, BACKEND_TIMEOUT=1.0))
            stack.callback(feed.close)
            return feed

        yield open_


@pytest.fixture
def writing(request: pytest.FixtureRequest) -> Iterator[Callable[[RedisFeed], None]]:
    """Has what is written from now on announced on the given feed."""
    former = announcing._feed
    capture.install()
    yield lambda feed: capture.connect(lambda: feed)
    announcing._feed = former


@pytest.fixture
def cut_off(open_feed: Open) -> RedisFeed:
    """The feed of a writer that reaches nothing."""
    return open_feed(f"redis://127.0.0.1:{free_port()}/0")


def notes() -> int:
    return len(tables.ids(connection, 100))


def asked(feed: RedisFeed) -> bool:
    with snapshot_of("default", feed.question("default")) as unheard:
        return unheard


def test_a_transaction_that_nobody_hears_of_leaves_word(cut_off: RedisFeed, writing: Any) -> None:
    writing(cut_off)
    assert not asked(cut_off)
    with transaction.atomic():
        Team.objects.create(name="a")
        Team.objects.create(name="b")
    assert notes() == 1
    assert asked(cut_off)


def test_what_is_rolled_back_leaves_none(cut_off: RedisFeed, writing: Any) -> None:
    writing(cut_off)
    with transaction.atomic():
        Team.objects.create(name="a")
        transaction.set_rollback(True)
    assert notes() == 0


def test_a_statement_of_its_own_is_a_transaction_with_its_note(cut_off: RedisFeed, writing: Any) -> None:
    """The first one finds out that Redis is away, the second one knows."""
    writing(cut_off)
    Team.objects.create(name="a")
    assert notes() == 1
    Team.objects.update(name="b")
    assert notes() == 2
    with pytest.raises(IntegrityError):
        Ledger.objects.create(pk=Ledger.objects.create(name="l").pk, name="m")
    assert notes() == 3  # of the ledger that was created
    assert Team.objects.get().name == "b"


def test_without_the_table_writes_go_on(cut_off: RedisFeed, writing: Any) -> None:
    writing(cut_off)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rxsse_outbox RENAME TO away")
    try:
        assert cut_off.question("default") is None
        Team.objects.create(name="a")
        with transaction.atomic():
            Team.objects.update(name="b")
        assert Team.objects.get().name == "b"
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO rxsse_outbox")
    assert notes() == 0


def test_a_table_that_takes_nothing_fails_no_write(
    cut_off: RedisFeed, writing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing(cut_off)
    monkeypatch.setitem(tables._INSERT, connection.vendor, "INSERT INTO rxsse_outbox (body) VALUES (%s, 1, 2)")
    with transaction.atomic():
        Team.objects.create(name="a")
    Team.objects.update(name="b")
    assert Team.objects.get().name == "b"
    assert notes() == 0


def test_who_can_speak_leaves_none(redis_url: str, open_feed: Open, writing: Any) -> None:
    feed = open_feed(redis_url)
    writing(feed)
    feed.watch(["domain.team"])
    Team.objects.create(name="a")
    with transaction.atomic():
        Team.objects.update(name="b")
    assert not feed.transactional
    assert notes() == 0


def test_notes_are_told_to_everybody_before_they_are_removed(
    own_redis: Server, open_feed: Open, cut_off: RedisFeed, writing: Any
) -> None:
    hearing, recorder = open_feed(own_redis.url), Recorder()
    hearing.listen(recorder)
    hearing.mend()
    hearing.catch_up()
    assert recorder.gaps == []
    writing(cut_off)
    Team.objects.bulk_create(Team(name=str(n)) for n in range(3))
    for name in "ab":
        Team.objects.update(name=name)
    own_redis.stop()
    hearing.mend()
    assert notes() == 3
    own_redis.start()
    until(lambda: not hearing.mend() and not notes())
    until(lambda: recorder.gaps)


def test_many_notes_are_removed_in_batches(redis_url: str, open_feed: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxsse.feeds.notes.REMOVED_AT_ONCE", 2)
    monkeypatch.setattr("rxsse.feeds.notes.FOUND_AT_ONCE", 5)
    for _ in range(7):
        tables.write(connection, tables.GAP)
    feed = open_feed(redis_url)
    feed.mend()
    assert notes() == 2
    feed.mend()
    assert notes() == 0


@pytest.mark.urls("tests.inside.site")
def test_what_nobody_announced_is_on_the_screen_while_the_writer_is_still_cut_off(
    settings: Any, redis_url: str, prefix: str, cut_off: RedisFeed, writing: Any
) -> None:
    team = Team.objects.create(name="0")
    with installation(settings, REDIS_URL=redis_url, PREFIX=prefix, AUDIT_SECONDS=0) as port:
        with reader(port, f"/team/{team.pk}/") as stream:
            writing(cut_off)
            for name in "12":
                Team.objects.update(name=name)
                stream.until(lambda client, name=name: client.state["name"] == name, "the patch")  # type: ignore[misc]
            until(lambda: notes() == 0)


def test_a_writer_that_alone_is_cut_off_has_its_transactions_not_split(
    redis_url: str, open_feed: Open, cut_off: RedisFeed, writing: Any
) -> None:
    """Its transactions share rows with those of one that speaks: nobody sees half of either."""
    settings, inbox, hearing, speaking = Settings(), Inbox(), open_feed(redis_url), open_feed(redis_url)
    hearing.listen(inbox)
    backends = Backends(
        settings, hearing, MemoryCache(settings), MemoryBroker(settings), inbox, lambda _, labels: hearing.watch(labels)
    )
    ledger = Ledger.objects.create(name="l")
    one, two, three = (ledger.accounts.create(amount=100) for _ in range(3))
    owned = Owned(LedgerChannel.topic(AnonymousUser(), {"pk": ledger.pk}), backends, lambda: None, lambda fanout: None)
    owned.open()
    owned._blind_until = 0.0  # every writer knows

    def amounts() -> list[int]:
        owned.refresh()
        _, state = owned.snapshot()
        return [account["amount"] for account in patches.loads(state)["accounts"]]

    def move(source: Account, target: Account) -> None:
        """In one statement, and in two."""
        moved = Case(When(pk=source.pk, then=F("amount") - 10), default=F("amount") + 10)
        Account.objects.filter(pk__in=[source.pk, target.pk]).update(amount=moved)
        with transaction.atomic():
            Account.objects.filter(pk=source.pk).update(amount=F("amount") - 10)
            Account.objects.filter(pk=target.pk).update(amount=F("amount") + 10)

    try:
        writing(cut_off)
        move(one, two)
        writing(speaking)
        move(two, three)
        assert amounts() == [80, 100, 120]
        hearing.mend()  # somebody has told all, the note is gone, and the next snapshot shows no trace of it
        writing(cut_off)
        move(one, two)
        hearing.mend()
        writing(speaking)
        move(two, three)
        assert amounts() == [60, 100, 140]
    finally:
        owned.close()


def test_a_database_that_takes_no_delete_keeps_others_from_nothing(
    redis_url: str, open_feed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica shows the same notes, and is asked first."""
    tables.write(connection, tables.GAP)
    feed = open_feed(redis_url)
    (id_,) = tables.ids(connection, 100)
    monkeypatch.setattr(feed._notes, "find", lambda: {"replica": [id_], "default": [id_]})
    feed.mend()
    assert notes() == 0

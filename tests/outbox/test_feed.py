"""The outbox within real transactions: what is written when, what a snapshot shows, who removes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from rxsse import capture
from rxsse.capture import announcing
from rxsse.conf import Settings
from rxsse.deriving.reading import snapshot_of
from rxsse.feeds import outbox_reading, tables
from rxsse.feeds.outbox import OutboxFeed
from rxsse.messages import Announcement, Operation, Phase
from tests.capture.models import Cafe, Person, Project, Seat, Tag
from tests.feeds.recording import Recorder, carried
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

POSTGRESQL = connections.settings["default"]["ENGINE"].endswith("postgresql")
"""There two writers write at once; on SQLite they take turns, and who has written sees what is there now."""

Open = Callable[[], OutboxFeed]


@pytest.fixture
def open_feed() -> Iterator[Open]:
    """One more process's end, as far as the outbox can tell."""
    opened: list[OutboxFeed] = []

    def open_() -> OutboxFeed:
        opened.append(OutboxFeed(Settings(OUTBOX=True, INTEREST_TTL=0.05)))
        return opened[-1]

    yield open_
    for feed in opened:
        feed.close()


@pytest.fixture
def writer(open_feed: Open) -> Iterator[OutboxFeed]:
    """The feed on which this process's writes are announced."""
    feed = open_feed()
    before = announcing._feed
    capture.install()
    capture.connect(lambda: feed)
    yield feed
    announcing._feed = before


@pytest.fixture
def reader(open_feed: Open) -> Recorder:
    """Another process that watches and listens."""
    feed, recorder = open_feed(), Recorder()
    feed.listen(recorder)
    feed.watch(["capture.person", "capture.project", "capture.place", "capture.cafe", "capture.seat"])
    return recorder


@pytest.fixture(params=["own thread", "another process"])
def hearing(request: pytest.FixtureRequest, writer: OutboxFeed, reader: Recorder) -> Recorder:
    if request.param == "another process":
        return reader
    recorder = Recorder()
    writer.listen(recorder)
    return recorder


def rows() -> list[str]:
    return [body for _, body in tables.read(connection, 0).rows]


def in_thread(work: Callable[[], object]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def test_asking_right_after_a_commit_begins_no_transaction(reader: Recorder) -> None:
    """At that moment Django has not yet switched autocommit on again, and can't where one has begun."""
    forgetful = OutboxFeed(Settings(OUTBOX=True, INTEREST_TTL=0.0))
    before = announcing._feed
    capture.connect(lambda: forgetful)
    try:
        with transaction.atomic():
            Person.objects.create(name="ann")
            Tag.objects.create(name="nobody watches")
        assert connection.get_autocommit()
    finally:
        announcing._feed = before
        forgetful.close()
    until(lambda: len(reader.told) == 1)


def test_each_transaction_is_heard_of_once(hearing: Recorder) -> None:
    ann = Person.objects.create(name="ann")
    with transaction.atomic():
        bob = Person.objects.create(name="bob")
        Project.objects.create(title="x", owner=bob)
    ann.delete()
    until(lambda: len(hearing.told) >= 3)
    assert [(told.phase, [change.operation for change in told.changes]) for told in hearing.announcements] == [
        (Phase.COMMITTED, [Operation.INSERT]),
        (Phase.COMMITTED, [Operation.INSERT, Operation.INSERT]),
        (Phase.COMMITTED, [Operation.DELETE]),
    ]
    assert len(set(hearing.ids)) == 3


def test_a_row_is_there_exactly_when_the_change_is(writer: OutboxFeed, reader: Recorder) -> None:
    seen: list[tuple[bool, int]] = []

    def look() -> None:
        seen.append((Person.objects.exists(), len(rows())))

    with transaction.atomic():
        Person.objects.create(name="ann")
        transaction.on_commit(lambda: in_thread(look))
        if POSTGRESQL:
            in_thread(look)
    assert seen[-1] == (True, 1)
    assert seen[:-1] in ([], [(False, 0)])


def test_what_is_rolled_back_leaves_nothing(writer: OutboxFeed, reader: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Person.objects.create(name="ann")
        raise ZeroDivisionError
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Person.objects.create(name="bob")
            raise ZeroDivisionError
    assert rows() == []


def test_a_statement_that_fails_leaves_nothing(writer: OutboxFeed, reader: Recorder) -> None:
    Person.objects.create(name="ann")
    with pytest.raises(IntegrityError):
        Person.objects.create(name="ann")
    assert len(rows()) == 1
    assert not connection.in_atomic_block
    assert connection.get_autocommit()


def test_what_nobody_watches_is_not_written(writer: OutboxFeed) -> None:
    Person.objects.create(name="ann")
    with transaction.atomic():
        Person.objects.create(name="bob")
    assert rows() == []


def test_writing_changes_nothing_else(writer: OutboxFeed, reader: Recorder) -> None:
    person = Person.objects.create(name="ann")
    person.name = "eve"
    person.save()
    assert Person.objects.filter(name="eve").update(name="ann") == 1
    assert Person.objects.filter(name="nobody").update(name="ann") == 0
    assert Person.objects.filter(pk=person.pk).delete() == (1, {"capture.Person": 1})
    cafe = Cafe.objects.create(name="corner", seats=3)
    assert Cafe.objects.filter(pk=cafe.pk).update(name="round", seats=4) == 1
    Seat.objects.bulk_create([Seat(row="a", number=1), Seat(row="a", number=2)])
    assert Seat.objects.count() == 2


def test_a_snapshot_shows_just_the_transactions_in_it(writer: OutboxFeed, open_feed: Open) -> None:
    """PROTOCOL I3: what the owner reads of the outbox, and what it reads of the data, are one state."""
    feed, recorder = open_feed(), Recorder()
    feed.listen(recorder)
    feed.watch(["capture.person"])
    Person.objects.create(name="before")
    with snapshot_of("default"):
        assert Person.objects.count() == 1
        feed.catch_up()
        assert len(recorder.told) == 1
        in_thread(lambda: Person.objects.create(name="after"))
        assert Person.objects.count() == 1
        assert len(rows()) == 1
        feed.catch_up()
    until(lambda: len(recorder.told) == 2)
    assert len(set(recorder.ids)) == 2


if POSTGRESQL:

    def test_a_transaction_that_began_first_and_ends_last_is_not_skipped(writer: OutboxFeed, reader: Recorder) -> None:
        with transaction.atomic():
            assert writer.prepare(carried("early"))
            in_thread(lambda: Person.objects.create(name="late"))
            until(lambda: len(reader.told) == 1)
        until(lambda: len(reader.told) == 2)
        assert reader.ids[1] == "early"


def test_many_readers_hear_everything_and_the_outbox_is_emptied(
    writer: OutboxFeed, open_feed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_reading, "KEPT", 1.0)
    monkeypatch.setattr(outbox_reading, "REMOVAL", 0.05)
    recorders = [Recorder() for _ in range(3)]
    for recorder in recorders:
        feed = open_feed()
        feed.listen(recorder)
        feed.watch(["capture.person"])
    for number in range(40):
        Person.objects.create(name=str(number))
    for recorder in recorders:
        until(lambda recorder=recorder: len(recorder.told) == 40)  # type: ignore[misc]
    until(lambda: rows() == [])
    assert all(len(set(recorder.ids)) == 40 and not recorder.gaps for recorder in recorders)


def test_a_reader_that_was_away_for_too_long_reconciles(
    writer: OutboxFeed, reader: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_reading, "PATIENCE", 0.0)
    until(lambda: "the outbox was not looked at for a while" in reader.gaps)


def test_a_row_that_can_not_be_read_is_a_gap(writer: OutboxFeed, reader: Recorder) -> None:
    tables.write(connection, "gap")
    until(lambda: reader.gaps)
    tables.write(connection, carried("1").encode().decode())
    until(lambda: reader.ids == ["1"])


def without_outbox() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rxsse_outbox RENAME TO rxsse_away")


def with_outbox() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rxsse_away RENAME TO rxsse_outbox")


def test_an_outbox_that_takes_nothing_fails_no_write(writer: OutboxFeed, reader: Recorder) -> None:
    """PROTOCOL I6: the write stands, and who can be told without the table is."""
    own = Recorder()
    writer.listen(own)
    Person.objects.create(name="first")
    without_outbox()
    try:
        with transaction.atomic():
            Person.objects.create(name="ann")
        Person.objects.create(name="bob")
    finally:
        with_outbox()
    assert Person.objects.count() == 3
    until(lambda: len(own.announcements) == 3)
    Person.objects.create(name="eve")  # told as ever
    assert len(own.announcements) == 4
    writer.commit(carried("late"))
    until(lambda: "late" in reader.ids)
    assert reader.gaps


def test_without_the_tables_it_is_a_feed_of_one_process(writer: OutboxFeed) -> None:
    without_outbox()
    try:
        own = Recorder()
        writer.listen(own)
        assert writer.watch(["capture.person"]) >= 0
        with transaction.atomic():
            Person.objects.create(name="ann")
        assert len(own.told) == 1
    finally:
        with_outbox()


if POSTGRESQL:

    def test_an_answer_from_an_old_snapshot_does_not_count(writer: OutboxFeed, open_feed: Open) -> None:
        other = open_feed()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT 1 FROM capture_person")
            in_thread(lambda: other.watch(["capture.person"]))
            Person.objects.create(name="ann")
        assert len(rows()) == 1


def test_a_write_in_a_doomed_transaction_stays_django_s_own_error(writer: OutboxFeed, reader: Recorder) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Person.objects.create(name="ann")
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM nowhere")
    assert rows() == []


def test_a_commit_that_is_refused_leaves_nothing(writer: OutboxFeed, reader: Recorder) -> None:
    own = Recorder()
    writer.listen(own)
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.create(title="x", owner_id=77)  # a deferred constraint
    assert rows() == []
    assert own.told == []


def test_withdrawn_and_committed_after_the_transaction(writer: OutboxFeed, reader: Recorder) -> None:
    """What is found out too late to be part of the transaction follows it."""
    with transaction.atomic():
        Tag.objects.create(name="x")  # unwatched; on SQLite, who has written is not overtaken by other writers
        assert writer.prepare(carried("1"))
    extended = Announcement("1", Phase.COMMITTED, "default", carried("1").changes * 2)
    writer.commit(extended)
    until(lambda: len(reader.told) == 2)
    assert reader.told == [carried("1"), extended]


if POSTGRESQL:

    def test_a_reader_whose_connection_is_cut_misses_nothing(writer: OutboxFeed, reader: Recorder) -> None:
        Person.objects.create(name="before")
        until(lambda: len(reader.told) == 1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        Person.objects.create(name="after")
        until(lambda: len(reader.told) == 2)
        assert len(set(reader.ids)) == 2

    def test_a_reader_is_woken_long_before_it_would_look(writer: OutboxFeed) -> None:
        feed, recorder = OutboxFeed(Settings(OUTBOX=True, OUTBOX_POLL_SECONDS=3600.0)), Recorder()
        try:
            feed.listen(recorder)
            feed.watch(["capture.person"])
            for number in range(10):
                Person.objects.create(name=str(number))
                until(lambda number=number: len(recorder.told) == number + 1)  # type: ignore[misc]
        finally:
            feed.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "rxsse-outbox"]

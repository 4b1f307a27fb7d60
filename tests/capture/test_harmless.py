"""Nothing that goes wrong in capture or in the feed reaches a write (PROTOCOL I6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler, SQLDeleteCompiler, SQLInsertCompiler, SQLUpdateCompiler
from django.test.utils import CaptureQueriesContext

from rxsse import capture
from rxsse.capture import transactions
from rxsse.capture.ledger import Ledger
from rxsse.messages import Announcement, Change, Operation, Phase
from tests.capture.models import Odd, Person
from tests.capture.recording import RecordingFeed

pytestmark = pytest.mark.django_db(transaction=True)

Complaints = Callable[[], set[str]]


class BrokenFeed(RecordingFeed):
    def is_watched(self, model: str) -> bool:
        raise RuntimeError("no")

    def prepare(self, announcement: Announcement) -> bool:
        raise RuntimeError("no")

    def commit(self, announcement: Announcement) -> None:
        raise RuntimeError("no")


def write() -> None:
    Person.objects.create(name="ann")
    with transaction.atomic():
        Person.objects.create(name="bob")
    assert Person.objects.count() == 2


def test_a_feed_that_breaks_its_word(feed: RecordingFeed, complaints: Complaints) -> None:
    capture.connect(BrokenFeed)
    write()
    assert len(complaints()) == 3


def test_no_feed_to_be_had(feed: RecordingFeed, complaints: Complaints) -> None:
    def unavailable() -> RecordingFeed:
        raise RuntimeError("wrong settings")

    capture.connect(unavailable)
    write()
    assert len(complaints()) == 1


def test_disconnected(feed: RecordingFeed, complaints: Complaints) -> None:
    capture.disconnect()
    write()
    assert feed.heard == []
    assert not complaints()


def test_a_key_that_can_not_be_read_means_any_row(feed: RecordingFeed, complaints: Complaints) -> None:
    with transaction.atomic():
        Odd.objects.create(id=1)
    Odd.objects.create(id=2)
    Odd.objects.filter(pk=1).update(note="x")

    assert feed.committed() == [
        (Change("capture.odd", Operation.INSERT, None),),
        (Change("capture.odd", Operation.INSERT, None),),
        (Change("capture.odd", Operation.UPDATE, None),),
    ]
    assert len(complaints()) == 2


def test_a_ledger_that_fails(feed: RecordingFeed, complaints: Complaints, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    for name in ("savepoint", "release", "rollback", "whole"):
        monkeypatch.setattr(Ledger, name, broken)
    with transaction.atomic():
        Person.objects.create(name="ann")
        with transaction.atomic():
            Person.objects.create(name="bob")
        transaction.savepoint_rollback(str(transaction.savepoint()))
    assert Person.objects.count() == 2
    assert transactions._LEDGER not in connection.__dict__
    assert complaints()
    (told,) = feed.heard  # refers to nothing that was prepared: readers can't miss that they missed something
    assert (told.phase, told.changes) == (Phase.COMMITTED, ())


def test_each_trouble_is_logged_once(
    feed: RecordingFeed, complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    capture.connect(BrokenFeed)
    write()
    Person.objects.all().delete()
    write()

    assert len(caplog.records) == 3
    assert all(record.exc_info for record in caplog.records)


def test_a_statement_of_unknown_kind_passes(feed: RecordingFeed, complaints: Complaints) -> None:
    compiler = SQLInsertCompiler(None, connection, "default")
    with pytest.raises(AttributeError):  # Django's own, as without capture
        compiler.execute_sql()
    assert len(complaints()) == 1


def test_install_and_uninstall_leave_django_as_it_was(feed: RecordingFeed) -> None:
    capture.uninstall()
    names = ("commit", "set_autocommit", "rollback", "close", "savepoint", "savepoint_commit", "savepoint_rollback")
    try:
        assert "execute_sql" not in SQLDeleteCompiler.__dict__
        originals = [BaseDatabaseWrapper.__dict__[name] for name in names]
        originals += [cls.__dict__["execute_sql"] for cls in (SQLCompiler, SQLInsertCompiler, SQLUpdateCompiler)]
        assert not any(
            hasattr(original, "__wrapped__") and "rxsse" in original.__code__.co_filename for original in originals
        )
        Person.objects.create(name="ann")
        assert feed.heard == []
    finally:
        capture.install()
    wrapped = SQLInsertCompiler.execute_sql
    capture.install()
    assert SQLInsertCompiler.execute_sql is wrapped
    Person.objects.create(name="bob")
    assert len(feed.committed()) == 1


@pytest.mark.parametrize("models", [None, set()])
def test_no_query_is_added(feed: RecordingFeed, models: set[str] | None) -> None:
    def queries() -> list[str]:
        Person.objects.all().delete()
        with CaptureQueriesContext(connection) as context:
            person = Person.objects.create(name="ann")
            person.save()
            Person.objects.filter(name="ann").update(name="bob")
            Person.objects.bulk_create([Person(name="eve")])
            person.delete()
            with transaction.atomic():
                Person.objects.filter(name="eve").delete()
        return [query["sql"].split()[0] for query in context]

    feed.models = models
    capture.uninstall()
    try:
        bare = queries()
    finally:
        capture.install()
    assert queries() == bare

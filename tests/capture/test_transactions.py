"""When transactions are announced: before and after each commit, once, and nothing of what was rolled back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.db.models.signals import post_save
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from rxsse import capture
from rxsse.messages import Announcement, Change, Operation, Phase
from tests.capture.models import Cafe, Person, Project, Task
from tests.capture.recording import RecordingFeed

pytestmark = pytest.mark.django_db(transaction=True)

PREPARED, COMMITTED, WITHDRAWN = Phase
INSERT, UPDATE, DELETE = Operation


class Oops(Exception):
    pass


def names() -> set[str]:
    return set(Person.objects.values_list("name", flat=True))


def persons(changes: tuple[Change, ...]) -> set[str]:
    """The names of the rows that an announcement of persons names."""
    keys = {key for change in changes for key in change.keys or ()}
    return set(Person.objects.filter(pk__in=keys).values_list("name", flat=True))


def test_a_statement_alone_is_prepared_before_it_runs(feed: RecordingFeed) -> None:
    seen: list[tuple[Phase, set[str]]] = []
    feed.look = lambda announcement: seen.append((announcement.phase, names()))
    person = Person.objects.create(name="ann")

    assert seen == [(PREPARED, set()), (COMMITTED, {"ann"})]
    assert feed.heard[0].changes == (Change("capture.person", INSERT, None),)
    assert feed.heard[1].changes == (Change("capture.person", INSERT, (str(person.pk),)),)
    assert feed.heard[0].id == feed.heard[1].id


def test_committed_says_nothing_that_prepared_has_said(feed: RecordingFeed) -> None:
    person = Person.objects.create(name="ann")
    feed.heard.clear()
    person.save()

    assert [len(announcement.changes) for announcement in feed.heard] == [1, 0]


def test_committed_says_it_all_where_prepared_was_not_heard(feed: RecordingFeed) -> None:
    person = Person.objects.create(name="ann")
    feed.heard.clear()
    feed.accepts = False
    person.save()

    assert feed.phases == [PREPARED, PREPARED, COMMITTED]
    assert feed.heard[2].changes == feed.heard[1].changes != ()


def test_a_statement_that_nobody_heard_of_beforehand_is_said_again_from_within_a_transaction(
    feed: RecordingFeed,
) -> None:
    """Where a feed that has failed can still do something: leave word in the database, for one."""
    within: list[bool] = []
    feed.accepts = False
    feed.look = lambda announcement: within.append(not connection.get_autocommit())
    Person.objects.create(name="ann")
    assert within[:2] == [False, True]
    assert Person.objects.count() == 1


def test_a_refused_statement_is_withdrawn(feed: RecordingFeed) -> None:
    Person.objects.create(name="ann")
    feed.heard.clear()
    with pytest.raises(IntegrityError):
        Person.objects.create(name="ann")

    assert feed.phases == [PREPARED, WITHDRAWN]


def test_a_transaction_is_one_announcement(feed: RecordingFeed) -> None:
    seen: list[set[str]] = []
    other = connection.copy()

    def look(announcement: Announcement) -> None:
        with other.cursor() as cursor:
            cursor.execute("SELECT name FROM capture_person")
            seen.append({name for (name,) in cursor.fetchall()})

    feed.look = look
    with transaction.atomic():
        Person.objects.create(name="ann")
        with transaction.atomic():
            Person.objects.create(name="bob")
        assert feed.heard == []
    other.close()

    assert feed.phases == [PREPARED, COMMITTED]
    assert seen == [set(), {"ann", "bob"}]
    assert persons(feed.only()) == {"ann", "bob"}


def test_a_rollback_says_nothing_and_harms_nothing_after_it(feed: RecordingFeed) -> None:
    for _ in range(3):
        with pytest.raises(Oops), transaction.atomic():
            Person.objects.create(name="ann")
            raise Oops
        assert feed.heard == []
        with transaction.atomic():
            Person.objects.create(name="bob")
        assert persons(feed.only()) == {"bob"}
        Person.objects.all().delete()
        feed.heard.clear()


def test_savepoints_that_are_rolled_back_are_left_out(feed: RecordingFeed) -> None:
    with transaction.atomic():
        with pytest.raises(Oops), transaction.atomic():
            Person.objects.create(name="gone")
            with transaction.atomic():
                Person.objects.create(name="gone too")
            raise Oops
        with transaction.atomic():
            Person.objects.create(name="ann")
            with pytest.raises(Oops), transaction.atomic():
                Person.objects.create(name="gone again")
                raise Oops
        Person.objects.create(name="bob")

    (change,) = feed.only()
    assert change.keys is not None
    assert len(change.keys) == 2
    assert persons((change,)) == names() == {"ann", "bob"}


def test_savepoints_made_by_hand(feed: RecordingFeed) -> None:
    with transaction.atomic():
        first = transaction.savepoint()
        Person.objects.create(name="gone")
        transaction.savepoint_rollback(first)
        Person.objects.create(name="ann")
        second = transaction.savepoint()
        Person.objects.create(name="gone")
        transaction.savepoint_rollback(second)
        third = transaction.savepoint()
        Person.objects.create(name="bob")
        transaction.savepoint_commit(third)

    (change,) = feed.only()
    assert change.keys is not None
    assert len(change.keys) == 2
    assert persons((change,)) == names() == {"ann", "bob"}


def test_a_savepoint_older_than_the_first_note(feed: RecordingFeed) -> None:
    with transaction.atomic():
        with pytest.raises(Oops), transaction.atomic():
            with transaction.atomic():
                Person.objects.create(name="gone")
                raise Oops
    assert feed.heard == []


def test_a_swallowed_error_inside_atomic_rolls_everything_back(feed: RecordingFeed) -> None:
    Person.objects.create(name="ann")
    feed.heard.clear()
    with transaction.atomic():
        Person.objects.create(name="bob")
        with pytest.raises(IntegrityError):
            Person.objects.create(name="ann")
    assert names() == {"ann"}
    assert feed.heard == []

    Person.objects.create(name="eve")
    assert persons(feed.only()) == {"eve"}


def test_atomic_without_savepoint(feed: RecordingFeed) -> None:
    with transaction.atomic():
        Person.objects.create(name="ann")
        with pytest.raises(Oops), transaction.atomic(savepoint=False):
            Person.objects.create(name="bob")
            raise Oops
    assert names() == set()
    assert feed.heard == []


def test_a_kept_rollback_flag_is_a_commit(feed: RecordingFeed) -> None:
    with transaction.atomic():
        with pytest.raises(Oops), transaction.atomic(savepoint=False):
            Person.objects.create(name="ann")
            raise Oops
        transaction.set_rollback(False)

    assert persons(feed.only()) == names() == {"ann"}


def test_durable(feed: RecordingFeed) -> None:
    with transaction.atomic(durable=True):
        Person.objects.create(name="ann")
    assert persons(feed.only()) == {"ann"}


def test_without_autocommit(feed: RecordingFeed) -> None:
    transaction.set_autocommit(False)
    try:
        Person.objects.create(name="ann")
        Person.objects.create(name="bob")
        with pytest.raises(Oops), transaction.atomic():
            Person.objects.create(name="gone")
            raise Oops
        assert feed.heard == []
        transaction.commit()
        assert persons(feed.only()) == {"ann", "bob"}
        Person.objects.create(name="gone")
        transaction.rollback()
        Person.objects.create(name="eve")
        transaction.commit()
        assert persons(feed.only()) == {"eve"}
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_atomic_without_autocommit_commits_on_sqlite_when_it_began_the_transaction(feed: RecordingFeed) -> None:
    transaction.set_autocommit(False)
    try:
        with transaction.atomic():
            Person.objects.create(name="ann")
        committed = connection.vendor == "sqlite"
        assert feed.phases == ([PREPARED, COMMITTED] if committed else [])
        transaction.rollback()
        assert names() == ({"ann"} if committed else set())
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_what_sqlite_commits_by_the_way(feed: RecordingFeed) -> None:
    transaction.set_autocommit(False)
    Person.objects.create(name="ann")
    try:
        transaction.set_autocommit(True)
    except DatabaseError:  # PostgreSQL refuses; what was written can still be committed
        assert feed.phases == [PREPARED, WITHDRAWN]
        feed.heard.clear()
        transaction.commit()
        transaction.set_autocommit(True)
    assert persons(feed.only()) == names() == {"ann"}


def test_commit_and_rollback_refused_inside_atomic_lose_nothing(feed: RecordingFeed) -> None:
    with transaction.atomic():
        Person.objects.create(name="ann")
        for refused in (transaction.rollback, transaction.commit, lambda: transaction.set_autocommit(True)):
            with pytest.raises(transaction.TransactionManagementError):
                refused()
        assert feed.heard == []
    assert persons(feed.only()) == {"ann"}


def test_a_commit_that_fails_is_withdrawn(feed: RecordingFeed) -> None:
    with pytest.raises(IntegrityError):
        with transaction.atomic():
            Task.objects.create(project_id=999)  # the constraint is deferred to the commit
    if feed.heard:
        assert feed.phases == [PREPARED, WITHDRAWN]
    feed.heard.clear()

    Person.objects.create(name="ann")
    assert persons(feed.only()) == {"ann"}


def test_a_commit_of_unknown_outcome_is_announced(feed: RecordingFeed, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = connection._commit

    def commit_and_lose_the_answer() -> None:
        commit()
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", commit_and_lose_the_answer)
    with pytest.raises(OperationalError):
        with transaction.atomic():
            Person.objects.create(name="ann")
    monkeypatch.undo()

    assert names() == {"ann"}
    assert persons(feed.only()) == {"ann"}


def test_a_connection_lost_in_a_transaction(feed: RecordingFeed) -> None:
    def lose() -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.close()
        raise OperationalError

    with pytest.raises(OperationalError):
        with transaction.atomic():
            Person.objects.create(name="gone")
            lose()
    assert feed.heard == []
    assert names() == set()

    with transaction.atomic():
        Person.objects.create(name="ann")
    assert persons(feed.only()) == {"ann"}


def test_a_commit_that_fails_with_nothing_watched_says_nothing(
    feed: RecordingFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("database is locked")

    feed.models = set()
    monkeypatch.setattr(connection, "_commit", fail)
    with pytest.raises(OperationalError):
        with transaction.atomic():
            Person.objects.create(name="gone")
    monkeypatch.undo()
    assert feed.heard == []


def test_a_hook_that_raises_loses_no_announcement(feed: RecordingFeed) -> None:
    def hook() -> None:
        raise Oops

    with pytest.raises(Oops):
        with transaction.atomic():
            transaction.on_commit(hook)
            Person.objects.create(name="ann")
    assert feed.phases == [PREPARED, COMMITTED]


def test_writes_in_a_hook_are_a_transaction_of_their_own(feed: RecordingFeed) -> None:
    with transaction.atomic():
        transaction.on_commit(lambda: Person.objects.create(name="bob"))
        Person.objects.create(name="ann")

    assert [persons(changes) for changes in feed.committed()] == [{"ann"}, {"bob"}]


def test_applications_count_their_own_hooks_only(feed: RecordingFeed) -> None:
    with transaction.atomic():
        Person.objects.create(name="ann")
        assert connection.run_on_commit == []


@pytest.fixture
def resaving(db: None) -> Iterator[None]:
    def resave(sender: Any, instance: Person, created: bool, **_: Any) -> None:
        if created:
            instance.name = instance.name.upper()
            instance.save()

    post_save.connect(resave, sender=Person)
    yield
    post_save.disconnect(resave, sender=Person)


def test_saving_again_in_post_save(feed: RecordingFeed, resaving: None) -> None:
    with transaction.atomic():
        Person.objects.create(name="ann")

    changes = feed.only()
    assert [change.operation for change in changes] == [INSERT, UPDATE]
    assert persons(changes) == {"ANN"}

    Person.objects.create(name="bob")
    assert [persons(changes) for changes in feed.committed()] == [{"BOB"}, {"BOB"}]


def test_atomic_requests(feed: RecordingFeed, settings: Any) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        Person.objects.create(name=request.GET["name"])
        if "fail" in request.GET:
            raise Oops
        Person.objects.create(name=request.GET["name"] + "2")
        return HttpResponse()

    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        atomic_view: Callable[[HttpRequest], HttpResponse] = BaseHandler().make_view_atomic(view)
        with pytest.raises(Oops):
            atomic_view(RequestFactory().get("/?name=gone&fail"))
        atomic_view(RequestFactory().get("/?name=ann"))
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False

    assert persons(feed.only()) == names() == {"ann", "ann2"}


def test_threads_do_not_mix(feed: RecordingFeed) -> None:
    if connection.vendor == "sqlite":
        writers = ["ann"]  # one writer at a time
    else:
        writers = ["ann", "bob", "eve"]
    written = threading.Barrier(len(writers) + 1)

    def write(name: str) -> None:
        try:
            with transaction.atomic():
                Person.objects.create(name=name)
                written.wait(20)
                Person.objects.create(name=name + "2")
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in writers]
    for thread in threads:
        thread.start()
    written.wait(20)
    for thread in threads:
        thread.join(20)

    told = sorted(sorted(persons(changes)) for changes in feed.committed())
    assert told == [[name, name + "2"] for name in writers]


def test_an_inherited_models_update_outside_atomic(feed: RecordingFeed) -> None:
    Cafe.objects.create(name="a", seats=1)
    feed.heard.clear()
    Cafe.objects.update(name="b", seats=2)

    assert {change.model for changes in feed.committed() for change in changes} == {"capture.cafe", "capture.place"}


def test_an_inherited_models_update_that_fails_half_way_is_not_withdrawn(feed: RecordingFeed) -> None:
    Cafe.objects.create(name="a", seats=1)
    feed.heard.clear()
    with pytest.raises(IntegrityError):
        Cafe.objects.update(name=None, seats=2)  # the child's statement is committed, the parent's refused

    assert Cafe.objects.get().seats == 2
    assert [changes[0].model for changes in feed.committed()] == ["capture.cafe"]


class TestUnwatched:
    def test_nothing_is_said(self, feed: RecordingFeed) -> None:
        feed.models = set()
        with transaction.atomic():
            Person.objects.create(name="ann")
        Person.objects.create(name="bob").delete()

        assert feed.heard == []

    def test_who_watches_before_the_commit_is_told(self, feed: RecordingFeed) -> None:
        feed.models = set()
        with transaction.atomic():
            Person.objects.create(name="ann")
            feed.watch(["capture.person"])

        assert feed.phases == [PREPARED, COMMITTED]
        assert feed.only() == (Change("capture.person", INSERT, None),)

    def test_who_watches_during_the_commit_is_told(self, feed: RecordingFeed, monkeypatch: pytest.MonkeyPatch) -> None:
        feed.models = set()
        commit = connection._commit

        def watch_and_commit() -> None:
            feed.watch(["capture.person"])
            commit()

        monkeypatch.setattr(connection, "_commit", watch_and_commit)
        with transaction.atomic():
            Person.objects.create(name="ann")

        assert feed.phases == [COMMITTED]
        assert feed.only() == (Change("capture.person", INSERT, None),)

    def test_who_watches_during_a_statement_alone_is_told(self, feed: RecordingFeed) -> None:
        feed.models = set()

        def watch(execute: Any, *args: Any) -> Any:
            feed.watch(["capture.person"])
            return execute(*args)

        with connection.execute_wrapper(watch):
            person = Person.objects.create(name="ann")

        assert feed.phases == [COMMITTED]
        assert feed.only() == (Change("capture.person", INSERT, (str(person.pk),)),)

    def test_a_rollback_forgets_it(self, feed: RecordingFeed) -> None:
        feed.models = set()
        with transaction.atomic():
            with pytest.raises(Oops), transaction.atomic():
                Person.objects.create(name="ann")
                raise Oops
            feed.watch(["capture.person"])
        assert feed.heard == []


class TestPending:
    def test_is_what_is_not_committed_yet(self, feed: RecordingFeed) -> None:
        assert capture.pending().changes == ()
        with transaction.atomic():
            person = Person.objects.create(name="ann")
            position, changes = capture.pending()
            assert changes == (Change("capture.person", INSERT, (str(person.pk),)),)
            assert capture.pending(since=position).changes == ()
            person.save()
            position, changes = capture.pending(since=position)
            assert changes == (Change("capture.person", UPDATE, (str(person.pk),)),)
        assert capture.pending().changes == ()

    def test_a_rollback_is_news(self, feed: RecordingFeed) -> None:
        with transaction.atomic():
            position = capture.pending().position
            with pytest.raises(Oops), transaction.atomic():
                person = Person.objects.create(name="ann")
                position, changes = capture.pending(since=position)
                assert changes
                raise Oops
            position, changes = capture.pending(since=position)
            assert changes == (Change("capture.person", INSERT, (str(person.pk),)),)
            assert capture.pending().changes == ()

    def test_what_was_written_before_anyone_watched_may_be_taken_back(self, feed: RecordingFeed) -> None:
        feed.models = set()
        with transaction.atomic():
            with pytest.raises(Oops), transaction.atomic():
                Person.objects.create(name="ann")
                feed.watch(["capture.person"])
                position = capture.pending().position
                raise Oops
            assert capture.pending(since=position).changes == (Change("capture.person", INSERT, None),)

    @pytest.mark.django_db(transaction=False)
    def test_works_where_nothing_is_ever_committed(self, feed: RecordingFeed) -> None:
        position = capture.pending().position
        with transaction.atomic():
            Project.objects.create(title="apollo")
        assert [change.model for change in capture.pending(since=position).changes] == ["capture.project"]
        assert feed.heard == []

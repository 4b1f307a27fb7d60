"""Writes that Django never sees are noted by triggers, in the words of capture."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import override_settings

from rxsse import triggers
from rxsse.conf import Settings
from rxsse.feeds import tables
from rxsse.feeds.outbox import OutboxFeed
from rxsse.messages import Change, Operation
from tests.capture.models import Cafe, Person, Project, Seat, Tag, Task
from tests.feeds.recording import Recorder
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

POSTGRESQL = connections.settings["default"]["ENGINE"].endswith("postgresql")
LABELS = "person project project_tags task tag place cafe seat badge remark odd folded"

Sql = Callable[..., None]


@pytest.fixture
def made() -> Iterator[None]:
    triggers.create("default")
    yield
    triggers.remove("default")
    assert not triggers.installed("default")


@pytest.fixture
def heard(made: None) -> Iterator[Recorder]:
    feed, recorder = OutboxFeed(Settings(OUTBOX=True)), Recorder()
    feed.listen(recorder)
    feed.watch([f"capture.{label}" for label in LABELS.split()])
    yield recorder
    feed.close()


@pytest.fixture
def sql() -> Sql:
    def execute(statement: str, *values: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)

    return execute


def changes(heard: Recorder) -> dict[tuple[str, Operation], Change]:
    """What was heard of each model, row by row or statement by statement, in one change each."""
    found: dict[tuple[str, Operation], Change] = {}
    for announcement in heard.announcements:
        for change in announcement.changes:
            before = found.get((change.model, change.operation))
            keys = change.keys
            if before is not None and before.keys is not None and keys is not None:
                keys = tuple(sorted({*before.keys, *keys}))
            found[change.model, change.operation] = Change(change.model, change.operation, keys, None, change.relations)
    return found


def hear(heard: Recorder, model: str, operation: Operation, keys: tuple[str, ...] | None) -> Change:
    key = (f"capture.{model}", operation)
    until(lambda: key in changes(heard) and changes(heard)[key].keys == keys, f"{keys}, not {heard.told}")
    return changes(heard)[key]


def test_rows_are_named_with_their_relations(heard: Recorder, sql: Sql) -> None:
    sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann'), (8, 'bob')")
    sql("INSERT INTO capture_project (id, title, owner_id) VALUES (3, 'x', 7)")
    sql("UPDATE capture_project SET owner_id = NULL WHERE title = 'x'")
    sql("DELETE FROM capture_project WHERE id = 3")
    hear(heard, "person", Operation.INSERT, ("7", "8"))
    assert hear(heard, "project", Operation.INSERT, ("3",)).relations == {"owner_id": ("7",)}
    assert hear(heard, "project", Operation.UPDATE, ("3",)).relations == {"owner_id": (None,)}
    assert hear(heard, "project", Operation.DELETE, ("3",)).relations == {"owner_id": (None,)}
    assert heard.gaps == []


def test_a_key_that_is_changed_names_both_rows(heard: Recorder, sql: Sql) -> None:
    sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
    sql("UPDATE capture_person SET id = 9 WHERE id = 7")
    hear(heard, "person", Operation.UPDATE, ("7", "9") if not POSTGRESQL else ("9", "7"))


def test_keys_of_several_columns_of_text_and_of_uuids(heard: Recorder, sql: Sql) -> None:
    key = uuid.UUID(int=77)
    sql("INSERT INTO capture_tag (id, name) VALUES (%s, 'red')", str(key) if POSTGRESQL else key.hex)
    sql("INSERT INTO capture_seat (\"row\", number, person_id) VALUES ('a,b', 4, NULL)")
    hear(heard, "tag", Operation.INSERT, (str(key),))
    hear(heard, "seat", Operation.INSERT, ("a\\,b,4",))
    assert Seat.objects.get(pk=("a,b", 4))


def test_both_tables_of_an_inherited_model_and_the_table_between(heard: Recorder, sql: Sql) -> None:
    sql("INSERT INTO capture_place (id, name) VALUES (5, 'here')")
    sql("INSERT INTO capture_cafe (place_ptr_id, seats) VALUES (5, 2)")
    sql("INSERT INTO capture_project (id, title) VALUES (3, 'x')")
    key = uuid.UUID(int=78)
    sql("INSERT INTO capture_tag (id, name) VALUES (%s, 'red')", str(key) if POSTGRESQL else key.hex)
    sql(
        "INSERT INTO capture_project_tags (id, project_id, tag_id) VALUES (1, 3, %s)",
        str(key) if POSTGRESQL else key.hex,
    )
    hear(heard, "place", Operation.INSERT, ("5",))
    hear(heard, "cafe", Operation.INSERT, ("5",))
    between = hear(heard, "project_tags", Operation.INSERT, ("1",))
    assert between.relations == {"project_id": ("3",), "tag_id": (str(key),)}
    assert Cafe.objects.get().name == "here"


def test_what_is_rolled_back_is_not_heard_of(heard: Recorder, sql: Sql) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
        raise ZeroDivisionError
    sql("INSERT INTO capture_person (id, name) VALUES (8, 'bob')")
    hear(heard, "person", Operation.INSERT, ("8",))


def test_a_statement_that_meets_no_row_and_what_nobody_watches_leave_nothing(made: None, sql: Sql) -> None:
    sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
    sql("UPDATE capture_person SET name = 'x' WHERE id = 99")
    assert tables.read(connection, 0).rows == []


def test_a_statement_on_many_rows_names_some_or_is_noted_row_by_row(heard: Recorder, sql: Sql) -> None:
    Person.objects.bulk_create([Person(name=str(number)) for number in range(600)])
    sql("UPDATE capture_person SET name = name || 'x'")
    until(lambda: ("capture.person", Operation.UPDATE) in changes(heard))
    if POSTGRESQL:
        hear(heard, "person", Operation.UPDATE, None)
    else:
        until(lambda: len(changes(heard)["capture.person", Operation.UPDATE].keys or ()) == 600)


def test_names_that_the_trigger_itself_might_use(heard: Recorder, sql: Sql) -> None:
    """A column may have any name; none of them may break somebody's write."""
    sql('ALTER TABLE capture_person ADD COLUMN "rxsse_rows" integer DEFAULT 0')
    sql('ALTER TABLE capture_person ADD COLUMN "keys" integer DEFAULT 0')
    try:
        sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
        hear(heard, "person", Operation.INSERT, ("7",))
    finally:
        sql('ALTER TABLE capture_person DROP COLUMN "rxsse_rows"')
        sql('ALTER TABLE capture_person DROP COLUMN "keys"')


def test_the_orm_still_works_with_them(heard: Recorder) -> None:
    owner = Person.objects.create(name="ann")
    project = Project.objects.create(title="x", owner=owner)
    project.tags.add(Tag.objects.create(name="red"))
    assert Project.objects.filter(pk=project.pk).update(title="y") == 1
    assert [task.pk for task in Task.objects.bulk_create([Task(project=project), Task(project=project)])]
    assert owner.delete()[0] == 1


if POSTGRESQL:

    def test_truncate(heard: Recorder, sql: Sql) -> None:
        sql("INSERT INTO capture_seat (\"row\", number) VALUES ('a', 1)")
        sql("TRUNCATE capture_seat")
        hear(heard, "seat", Operation.DELETE, None)

    def test_somebody_who_may_not_write_into_the_outbox(heard: Recorder, sql: Sql) -> None:
        sql("CREATE ROLE rxsse_other")
        sql("GRANT INSERT ON capture_person TO rxsse_other")
        try:
            with transaction.atomic():
                sql("SET LOCAL ROLE rxsse_other")
                sql("SET LOCAL search_path TO public, pg_temp")
                sql("INSERT INTO public.capture_person (id, name) VALUES (7, 'ann')")
            hear(heard, "person", Operation.INSERT, ("7",))
        finally:
            sql("DROP OWNED BY rxsse_other")
            sql("DROP ROLE rxsse_other")

    def test_a_trigger_that_fails_fails_no_write(heard: Recorder, sql: Sql) -> None:
        """PROTOCOL I6"""
        sql("ALTER TABLE rxsse_outbox RENAME TO rxsse_away")
        try:
            sql("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
        finally:
            sql("ALTER TABLE rxsse_away RENAME TO rxsse_outbox")
        assert Person.objects.count() == 1

    def test_one_that_is_switched_off_is_outdated(made: None, sql: Sql) -> None:
        sql("ALTER TABLE capture_person DISABLE TRIGGER rxsse_update")
        assert triggers.compare("default").outdated == ["capture_person"]
        assert triggers.create("default") == ["capture_person"]
        assert not triggers.compare("default")


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("rxsse_triggers", *arguments, stdout=output)
    return output.getvalue()


def test_the_command(sql: Sql) -> None:
    with pytest.raises(CommandError, match=r"missing on .*capture_person"):
        run("check")
    assert "capture_person" in run("create")
    assert "nothing to do" in run("create")
    assert "as they should be" in run("check")
    name = "rxsse_update" if POSTGRESQL else "rxsse_update_capture_person"
    sql(f"DROP TRIGGER {name}{' ON capture_person' if POSTGRESQL else ''}")
    with pytest.raises(CommandError, match=r"missing on capture_person\."):
        run("check")
    assert "made right on capture_person." in run("create")
    assert "capture_person" in run("remove")
    assert "nothing to do" in run("remove")
    assert not triggers.installed("default")


def test_no_table_of_the_outbox_itself_has_any(made: None) -> None:
    assert not {"rxsse_outbox", "rxsse_interest", "django_session"}.intersection(
        triggers.VENDORS[connection.vendor].found(connection)
    )


def test_migrate_keeps_them_right(made: None, sql: Sql) -> None:
    """A changed column makes SQLite build the table anew, which then has none."""
    for name in list(triggers.VENDORS[connection.vendor].found(connection)["capture_task"]):
        sql(triggers.VENDORS[connection.vendor].removing(connection, "capture_task", name))
    assert triggers.compare("default").missing == ["capture_task"]
    call_command("migrate", verbosity=0)
    assert not triggers.compare("default")


def test_migrate_makes_them_where_they_are_wanted() -> None:
    call_command("migrate", verbosity=0)
    assert not triggers.installed("default")
    with override_settings(RXSSE={"OUTBOX": True, "TRIGGERS": True}):
        call_command("migrate", verbosity=0)
    assert not triggers.compare("default")
    triggers.remove("default")

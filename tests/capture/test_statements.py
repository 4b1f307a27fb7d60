"""What each kind of ORM write is announced as, read from what a reader of the feed is told."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections
from django.db.models import Case, F, Q, Value, When
from django.db.models.query import QuerySet
from django.db.models.sql.subqueries import InsertQuery
from django.test.utils import CaptureQueriesContext

from rxsse.capture import statements
from rxsse.messages import Change, Operation
from tests.capture.models import (
    Badge,
    Cafe,
    Folded,
    LoudProject,
    Person,
    Place,
    Project,
    Remark,
    Seat,
    Tag,
    Task,
)
from tests.capture.recording import RecordingFeed

pytestmark = pytest.mark.django_db(transaction=True)

INSERT, UPDATE, DELETE = Operation


@pytest.fixture
def project(db: None) -> Project:
    return Project.objects.create(title="apollo", owner=Person.objects.create(name="ann"))


def keys(*rows: object) -> tuple[str, ...]:
    return tuple(str(getattr(row, "pk", row)) for row in rows)


def test_create_names_the_row_and_its_relations(project: Project, feed: RecordingFeed) -> None:
    task = Task.objects.create(project=project, title="go")

    assert feed.only() == (Change("capture.task", INSERT, keys(task), None, {"project_id": keys(project)}),)


def test_save_names_the_row(project: Project, feed: RecordingFeed) -> None:
    project.save()

    owner = {"owner_id": keys(project.owner)}
    assert feed.only() == (Change("capture.project", UPDATE, keys(project), None, owner),)


def test_update_fields_are_told_with_the_columns_computed_from_them(project: Project, feed: RecordingFeed) -> None:
    project.title = "gemini"
    project.save(update_fields=["title"])

    assert feed.only() == (Change("capture.project", UPDATE, keys(project), frozenset({"title", "loud"})),)


def test_save_of_a_given_key_that_does_not_exist_is_an_insert_alone(feed: RecordingFeed) -> None:
    Place(pk=70, name="bar").save(force_insert=False)
    Person(pk=7, name="bob").save()

    assert [[change.operation for change in changes] for changes in feed.committed()] == [[INSERT], [INSERT]]


def test_an_update_that_matches_nothing_is_withdrawn(feed: RecordingFeed) -> None:
    assert Task.objects.filter(rank=5).update(title="x") == 0
    assert Task.objects.filter(rank=5).delete()[0] == 0

    assert feed.committed() == []


def test_an_update_of_no_rows_is_not_announced(feed: RecordingFeed) -> None:
    Task.objects.filter(pk__in=[]).update(title="x")
    Task.objects.none().update(title="x")

    assert feed.committed() == []


def test_expressions_leave_the_relation_open(project: Project, feed: RecordingFeed) -> None:
    task = Task.objects.create(project=project)
    feed.heard.clear()
    task.rank = F("rank") + 1
    task.save(update_fields=["rank"])
    Task.objects.filter(pk=task.pk).update(project=F("project"))

    assert feed.committed() == [
        (Change("capture.task", UPDATE, keys(task), frozenset({"rank"})),),
        (Change("capture.task", UPDATE, keys(task), frozenset({"project_id"})),),
    ]


def test_a_model_instance_is_a_relation_value(project: Project, feed: RecordingFeed) -> None:
    other = Project.objects.create(title="other")
    task = Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(pk=task.pk).update(project=other)

    told = Change("capture.task", UPDATE, keys(task), frozenset({"project_id"}), {"project_id": keys(other)})
    assert feed.only() == (told,)


def test_update_by_another_column_names_no_rows(project: Project, feed: RecordingFeed) -> None:
    Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(rank=0).update(title="x")
    Task.objects.filter(project__title="apollo").update(title="y")
    Task.objects.update(title="z")

    assert [changes[0].keys for changes in feed.committed()] == [None, None, None]


def test_update_by_relation_names_the_relation(project: Project, feed: RecordingFeed) -> None:
    Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(project=project, rank=0).update(title="x")
    Task.objects.filter(project__in=[project, project.pk + 1]).update(title="x")

    first, second = feed.committed()
    assert first == (Change("capture.task", UPDATE, None, frozenset({"title"}), {"project_id": keys(project)}),)
    assert second[0].relations == {"project_id": keys(project, project.pk + 1)}


def test_rows_that_move_are_told_where_they_are_not_whence_they_came(project: Project, feed: RecordingFeed) -> None:
    other = Project.objects.create(title="other")
    Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(project=project).update(project=other)

    assert feed.only()[0].relations == {"project_id": keys(other)}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Q(pk=1), ("1",)),
        (Q(pk="1"), ("1",)),
        (Q(pk__in={3}), ("3",)),
        (Q(pk__in=[1, 2], rank=4), ("1", "2")),
        (Q(pk=1) | Q(pk__in=[2, 3]), ("1", "2", "3")),
        (Q(pk=1) | Q(rank=2), None),
        (~Q(pk=1), None),
        (Q(pk=1) ^ Q(pk=2), None),
        (Q(pk__gt=1), None),
        (Q(pk=F("rank")), None),
        (Q(project__tasks__pk=1), None),
        (Q(pk__in=[1, None]), ("1",)),
    ],
)
def test_keys_read_from_conditions(
    condition: Q, expected: tuple[str, ...] | None, project: Project, feed: RecordingFeed
) -> None:
    Task.objects.bulk_create([Task(pk=number, project=project) for number in (1, 2, 3)])
    feed.heard.clear()
    Task.objects.filter(condition).update(title="x")

    told = [changes[0].keys for changes in feed.committed()]
    assert told in ([expected], [])  # nothing where no row matched


def test_subquery_names_no_rows(project: Project, feed: RecordingFeed) -> None:
    Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(pk__in=Task.objects.filter(rank=0)).update(title="x")

    assert feed.only()[0].keys is None


def test_another_alias_of_the_same_table_is_another_table(project: Project, feed: RecordingFeed) -> None:
    first, second = Task.objects.create(project=project), Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(project__tasks=first).update(title="x")

    assert Task.objects.get(pk=second.pk).title == "x"
    assert feed.only()[0].keys is None


def test_delete_and_cascade(project: Project, feed: RecordingFeed) -> None:
    tag = Tag.objects.create(name="red")
    project.tags.add(tag)
    Task.objects.create(project=project)
    feed.heard.clear()
    pk = project.pk
    project.delete()

    told = {(change.model, change.operation): change for change in feed.only()}
    assert told["capture.project", DELETE].keys == (str(pk),)
    assert told["capture.task", DELETE].relations == {"project_id": (str(pk),)}
    assert told["capture.project_tags", DELETE].relations == {"project_id": (str(pk),)}


def test_set_null(project: Project, feed: RecordingFeed) -> None:
    owner = project.owner
    assert owner is not None
    owner.delete()

    told = {(change.model, change.operation): change for change in feed.only()}
    assert told["capture.project", UPDATE].relations["owner_id"] == (None,)
    assert told["capture.person", DELETE].keys is not None


def test_no_signal_is_connected_so_deletes_stay_fast(project: Project, feed: RecordingFeed) -> None:
    Task.objects.create(project=project)
    with CaptureQueriesContext(connection) as queries:
        Task.objects.filter(project=project).delete()

    assert [query["sql"].split()[0] for query in queries] == ["BEGIN", "DELETE", "COMMIT"]


def test_bulk_create(project: Project, feed: RecordingFeed) -> None:
    tasks = Task.objects.bulk_create([Task(project=project) for _ in range(3)])

    assert feed.only() == (Change("capture.task", INSERT, keys(*tasks), None, {"project_id": keys(project)}),)


def test_bulk_create_that_ignores_conflicts(project: Project, feed: RecordingFeed) -> None:
    Badge.objects.create(code="a", person_id="ann")
    feed.heard.clear()
    Badge.objects.bulk_create(
        [Badge(code="a", person_id="ann"), Badge(code="b", person_id="ann")], ignore_conflicts=True
    )
    Task.objects.bulk_create([Task(project=project)], ignore_conflicts=True)

    badges, tasks = feed.committed()
    assert badges == (Change("capture.badge", INSERT, ("a", "b"), None, {"person_id": ("ann",)}),)
    assert tasks == (Change("capture.task", INSERT, None, None, {"project_id": keys(project)}),)


def test_upsert_names_the_rows_in_the_way(feed: RecordingFeed) -> None:
    old = Person.objects.create(name="ann")
    feed.heard.clear()
    Person.objects.bulk_create(
        [Person(name="ann"), Person(name="bob")],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["name"],
    )

    told = {change.operation: change for change in feed.only()}
    updates = told[UPDATE].keys
    assert updates is None or str(old.pk) in updates


def test_bulk_update(project: Project, feed: RecordingFeed) -> None:
    tasks = Task.objects.bulk_create([Task(project=project) for _ in range(3)])
    feed.heard.clear()
    for task in tasks:
        task.title = "x"
    Task.objects.bulk_update(tasks, ["title", "project"])

    assert feed.only() == (Change("capture.task", UPDATE, keys(*tasks), frozenset({"title", "project_id"})),)


def test_conditional_update(project: Project, feed: RecordingFeed) -> None:
    task = Task.objects.create(project=project)
    feed.heard.clear()
    Task.objects.filter(pk=task.pk).update(title=Case(When(rank=0, then=Value("zero")), default=Value("more")))

    assert feed.only() == (Change("capture.task", UPDATE, keys(task), frozenset({"title"})),)


def test_get_or_create_and_update_or_create(feed: RecordingFeed) -> None:
    person, _ = Person.objects.get_or_create(name="ann")
    Person.objects.get_or_create(name="ann")
    Person.objects.update_or_create(pk=person.pk, defaults={"name": "bob"})

    assert [[(change.operation, change.keys) for change in changes] for changes in feed.committed()] == [
        [(INSERT, keys(person))],
        [(UPDATE, keys(person))],
    ]


def test_many_to_many(project: Project, feed: RecordingFeed) -> None:
    red, blue = Tag.objects.create(name="red"), Tag.objects.create(name="blue")
    feed.heard.clear()

    project.tags.add(red)
    (added,) = feed.only()
    assert (added.model, added.operation) == ("capture.project_tags", INSERT)
    assert added.relations == {"project_id": keys(project), "tag_id": keys(red)}

    project.tags.set([blue])
    removed, added = feed.only()
    assert removed.relations == {"project_id": keys(project), "tag_id": keys(red)}
    assert added.relations == {"project_id": keys(project), "tag_id": keys(blue)}

    project.tags.clear()
    assert feed.only()[0].relations == {"project_id": keys(project)}


def test_symmetrical_many_to_many(project: Project, feed: RecordingFeed) -> None:
    other = Project.objects.create(title="other")
    project.kin.add(other)
    feed.heard.clear()
    project.kin.remove(other)

    (change,) = feed.only()
    assert {name: set(values) for name, values in change.relations.items()} == {
        "from_project_id": {*keys(project, other)},
        "to_project_id": {*keys(project, other)},
    }


def test_proxy_is_its_model(project: Project, feed: RecordingFeed) -> None:
    loud = LoudProject.objects.get(pk=project.pk)
    loud.save(update_fields=["title"])
    created = LoudProject.objects.create(title="new")
    created.delete()

    assert {change.model for changes in feed.committed() for change in changes} <= {
        "capture.project",
        "capture.project_tags",
        "capture.project_kin",
        "capture.task",
    }


def test_every_table_of_an_inherited_model_speaks_for_itself(feed: RecordingFeed) -> None:
    cafe = Cafe.objects.create(name="a", seats=2)
    inserts = feed.only()
    assert {(change.model, change.operation, change.keys) for change in inserts} == {
        ("capture.place", INSERT, keys(cafe)),
        ("capture.cafe", INSERT, keys(cafe)),
    }
    assert inserts[-1].relations == {"place_ptr_id": keys(cafe)}

    Cafe.objects.filter(seats=2).update(name="b")
    assert feed.only() == (Change("capture.place", UPDATE, keys(cafe), None),)

    Cafe.objects.filter(seats=2).update(name="c", seats=3)
    told = {change.model: change.keys for changes in feed.committed() for change in changes}
    assert told == {"capture.cafe": keys(cafe), "capture.place": keys(cafe)}

    cafe.delete()
    assert {(change.model, change.keys) for change in feed.only() if change.operation is DELETE} == {
        ("capture.place", (str(told_pk),))
        for told_pk in [*told["capture.place"]]  # type: ignore[misc]
    } | {("capture.cafe", told["capture.cafe"])}
    assert not Place.objects.exists()


def test_uuid_keys_are_canonical(feed: RecordingFeed) -> None:
    tag = Tag.objects.create(name="red")
    text = str(tag.pk)
    Tag.objects.filter(pk=tag.pk.hex.upper()).update(name="blue")
    Tag.objects.filter(pk=uuid.UUID(text)).delete()

    assert {change.keys for changes in feed.committed() for change in changes if change.model == "capture.tag"} == {
        (text,)
    }


def test_text_keys_and_relations_by_another_column(feed: RecordingFeed) -> None:
    ann = Person.objects.create(name="ann")
    feed.heard.clear()
    Badge.objects.create(code="x/1,2", person=ann)
    Badge.objects.filter(person=ann).delete()

    insert, delete = feed.committed()
    assert insert == (Change("capture.badge", INSERT, ("x/1,2",), None, {"person_id": ("ann",)}),)
    assert delete == (Change("capture.badge", DELETE, None, None, {"person_id": ("ann",)}),)


def test_a_key_that_is_written_names_no_rows(feed: RecordingFeed) -> None:
    Badge.objects.create(code="old", person=Person.objects.create(name="ann"))
    feed.heard.clear()
    Badge.objects.filter(pk="old").update(code="new")

    assert feed.only() == (Change("capture.badge", UPDATE, None),)


def test_composite_keys(feed: RecordingFeed) -> None:
    seat = Seat.objects.create(row="A,", number=7)
    seat.person = Person.objects.create(name="ann")
    seat.save()
    Seat.objects.filter(pk__in=[("A,", 7)]).update(person=None)
    Seat.objects.filter(row="A,").update(person=None)
    seat.delete()

    told = [c for changes in feed.committed() for c in changes if c.model == "capture.seat"]
    assert [change.keys for change in told] == [("A\\,,7",)] * 3 + [None, ("A\\,,7",)]
    assert told[1].fields is None


def test_generic_relations(project: Project, feed: RecordingFeed) -> None:
    kind = ContentType.objects.get_for_model(Project)
    remark = Remark.objects.create(subject=project, text="hm")
    Remark.objects.filter(content_type=kind, object_id=str(project.pk)).delete()

    insert, delete = feed.committed()[-2:]
    relations = {"content_type_id": keys(kind), "object_id": keys(project)}
    assert insert == (Change("capture.remark", INSERT, keys(remark), None, relations),)
    assert delete == (Change("capture.remark", DELETE, None, None, relations),)


def test_fixtures(feed: RecordingFeed, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fixtures") / "people.json"
    path.write_text(json.dumps([{"model": "capture.person", "pk": 5, "fields": {"name": "ann"}}]))
    call_command("loaddata", str(path), stdout=io.StringIO())

    assert [(c.model, c.operation, c.keys) for c in feed.only()] == [("capture.person", INSERT, ("5",))]


@pytest.mark.asyncio
async def test_async_calls(feed: RecordingFeed) -> None:
    person = await Person.objects.acreate(name="ann")
    await person.asave()
    await Person.objects.filter(pk=person.pk).aupdate(name="bob")
    await Person.objects.all().adelete()

    await sync_to_async(connections.close_all)()  # the executor's thread has its own

    assert [changes[-1].operation for changes in feed.committed()] == [INSERT, UPDATE, UPDATE, DELETE]


def test_deferred_columns_are_not_fetched(project: Project, feed: RecordingFeed) -> None:
    query = InsertQuery(Project)
    query.insert_values(Project._meta.local_concrete_fields, [Project.objects.only("pk").get()])
    with CaptureQueriesContext(connection) as queries:
        changes = statements.inserted(query, None, ())

    assert len(queries) == 0
    assert changes == (Change("capture.project", INSERT, keys(project)),)


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql", "mysql"])
def test_what_a_collation_holds_for_equal_is_not_named(vendor: str) -> None:
    def chosen(queryset: QuerySet[Folded] | QuerySet[Badge]) -> object:
        return statements._keys(statements._chosen(queryset.query, vendor))

    assert chosen(Folded.objects.filter(pk="A")) is None
    assert chosen(Badge.objects.filter(pk="A")) == (None if vendor == "mysql" else ("A",))


def test_more_rows_than_bounds_are_not_named(project: Project, feed: RecordingFeed) -> None:
    Task.objects.bulk_create([Task(project=project) for _ in range(600)])

    unnamed = (Change("capture.task", INSERT, None, None, {"project_id": keys(project)}),)
    assert feed.only() == unnamed

    query = InsertQuery(Task)  # what is one statement outside of any transaction, from Django 6.0 on
    tasks = [Task(pk=number, project=project) for number in range(10_000, 10_600)]
    query.insert_values(Task._meta.local_concrete_fields, tasks)
    query.get_compiler("default").execute_sql()
    assert feed.only() == unnamed

"""Random programs of writes: whatever a commit changed in the database was announced, before it and once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rxsse.messages import Announcement, Change, Operation, Phase
from rxsse.rows import key_of, label_of, text_of
from tests.capture.models import Badge, Cafe, Person, Place, Project, Remark, Seat, Tag, Task
from tests.capture.recording import RecordingFeed

pytestmark = pytest.mark.django_db(transaction=True)

TAGS, KIN = Project.tags.through, Project.kin.through
# Children first: the order in which all rows can be deleted.
TABLES: list[type[models.Model]] = [TAGS, KIN, Task, Remark, Badge, Seat, Cafe, Place, Project, Person, Tag]
Row = dict[str, str | None]
State = dict[str, dict[str, Row]]


class Undo(Exception):
    pass


def pick(model: type[models.Model], number: int) -> Any:
    rows = list(model._default_manager.order_by("pk"))
    return rows[number % len(rows)]  # ZeroDivisionError where there are none: a statement that isn't made


def save(a: int, b: int) -> None:
    row = pick([Task, Project, Person, Cafe, Seat][a % 5], b)
    if isinstance(row, Task):
        row.project = pick(Project, a)
    if isinstance(row, (Person, Cafe)):
        row.name = f"n{a % 6}"
    row.save()


def save_again(a: int, b: int) -> None:
    task = pick(Task, a)
    task.rank = F("rank") + b
    task.save(update_fields=["rank"])


def bulk_update(a: int, b: int) -> None:
    tasks = list(Task.objects.all()[: 1 + a])
    for task in tasks:
        task.rank, task.project = b, pick(Project, b)
    Task.objects.bulk_update(tasks, ["rank", "project"])


def upsert(a: int, b: int) -> None:
    people = [Person(name=f"n{number % 6}") for number in {a % 6, b % 6}]
    Person.objects.bulk_create(people, update_conflicts=True, unique_fields=["name"], update_fields=["name"])


WRITES: list[Callable[[int, int], object]] = [
    lambda a, b: Person.objects.create(name=f"n{a % 6}"),
    lambda a, b: Project.objects.create(title=f"p{a}", owner=pick(Person, b) if b % 2 else None),
    lambda a, b: Task.objects.create(project=pick(Project, a), title=f"t{b}"),
    lambda a, b: Tag.objects.create(name=f"g{a}"),
    lambda a, b: Cafe.objects.create(name=f"c{a}", seats=b),
    lambda a, b: Badge.objects.create(code=f"b{a % 4}", person=pick(Person, b)),
    lambda a, b: Seat.objects.create(row=f"{a % 3}", number=b % 3, person=pick(Person, b)),
    lambda a, b: Remark.objects.create(subject=pick(Project, a), text=f"r{b}"),
    save,
    save_again,
    bulk_update,
    upsert,
    lambda a, b: Task.objects.bulk_create([Task(project=pick(Project, a)) for _ in range(1 + b % 4)]),
    lambda a, b: Badge.objects.bulk_create([Badge(code="b0", person=pick(Person, a))], ignore_conflicts=True),
    lambda a, b: Person.objects.get_or_create(name=f"n{a % 6}"),
    lambda a, b: Seat.objects.update_or_create(row="0", number=a % 3, defaults={"person": pick(Person, b)}),
    lambda a, b: Task.objects.filter(project=pick(Project, a)).update(rank=b),
    lambda a, b: Task.objects.filter(project__title=f"p{a}").update(project=pick(Project, b)),
    lambda a, b: Task.objects.filter(rank__lt=a).update(title=f"u{b}", rank=F("rank") + 1),
    lambda a, b: Badge.objects.filter(pk=f"b{a % 4}").update(code=f"b{b % 4}"),
    lambda a, b: Cafe.objects.filter(seats__gte=a).update(name=f"c{b}", seats=b),
    lambda a, b: Place.objects.filter(pk=pick(Place, a).pk).update(name=f"x{b}"),
    lambda a, b: pick([Person, Project, Task, Tag, Cafe, Seat, Badge][a % 7], b).delete(),
    lambda a, b: Task.objects.filter(rank=a).delete(),
    lambda a, b: Person.objects.filter(name__in=[f"n{a % 6}", f"n{b % 6}"]).delete(),
    lambda a, b: Remark.objects.filter(object_id=str(pick(Project, a).pk)).delete(),
    lambda a, b: pick(Project, a).tags.add(pick(Tag, b), pick(Tag, a)),
    lambda a, b: pick(Project, a).tags.remove(pick(Tag, b)),
    lambda a, b: pick(Project, a).tags.set([pick(Tag, a), pick(Tag, b)]),
    lambda a, b: pick(Project, a).tags.clear(),
    lambda a, b: pick(Tag, a).project_set.set([pick(Project, b)]),
    lambda a, b: pick(Project, a).kin.add(pick(Project, b)),
    lambda a, b: pick(Project, a).kin.remove(pick(Project, b)),
    lambda a, b: pick(Project, a).kin.clear(),
]

small = st.integers(0, 9)
write = st.tuples(st.sampled_from(range(len(WRITES))), small, small)
program = st.recursive(
    st.lists(write, min_size=1, max_size=6),
    lambda body: st.lists(st.one_of(write, st.tuples(st.booleans(), st.booleans(), body)), min_size=1, max_size=6),
    max_leaves=12,
)


def run(steps: Any) -> None:
    for step in steps:
        if isinstance(step[0], bool):
            savepoint, undo, body = step
            try:
                with transaction.atomic(savepoint=savepoint):
                    run(body)
                    if undo:
                        raise Undo
            except (Undo, DatabaseError):
                pass
        else:
            number, a, b = step
            try:
                WRITES[number](a, b)
            except ZeroDivisionError:
                pass  # nothing to write on
            except DatabaseError:  # a constraint, or a transaction already broken
                if not (connection.in_atomic_block or connection.get_autocommit()):
                    raise  # PostgreSQL takes nothing more but a rollback


class Witness:
    """Sees what is committed through a connection of its own, and checks each announcement against it."""

    def __init__(self, feed: RecordingFeed) -> None:
        self.connection = connection.copy()
        self.feed = feed
        self.prepared: set[str] = set()
        self.open: dict[str, tuple[Change, ...]] = {}
        self.state = self.look()
        self.failures: list[BaseException] = []
        feed.look = self.record

    def look(self) -> State:
        state: State = {}
        with self.connection.cursor() as cursor:
            for model in TABLES:
                meta = model._meta
                fields = meta.local_concrete_fields
                places = [fields.index(field) for field in meta.pk_fields]
                names = ", ".join(f'"{field.column}"' for field in fields)
                cursor.execute(f'SELECT {names} FROM "{meta.db_table}"')
                rows = state[label_of(model)] = {}
                for values in cursor.fetchall():
                    pk = [values[place] for place in places]
                    key = key_of(model, pk[0] if len(pk) == 1 else pk)
                    rows[key] = {
                        field.attname: text_of(field, value) for field, value in zip(fields, values, strict=True)
                    }
        return state

    def record(self, announcement: Announcement) -> None:
        # Capture keeps a feed's errors from the writer: these have to be kept for the end.
        try:
            self.check(announcement)
        except Exception as failure:
            self.failures.append(failure)

    def check(self, announcement: Announcement) -> None:
        """What has changed since the last look is covered by the transactions that are under way."""
        if announcement.phase is Phase.PREPARED:
            self.compare()
            assert announcement.id not in self.prepared
            self.prepared.add(announcement.id)
            self.open[announcement.id] = announcement.changes
            return
        assert announcement.id in self.open, "ended, but not prepared, or twice"
        if announcement.phase is Phase.COMMITTED and announcement.changes:
            self.open[announcement.id] = announcement.changes
        elif announcement.phase is Phase.WITHDRAWN:
            del self.open[announcement.id]
        self.compare()
        self.open.pop(announcement.id, None)

    def compare(self) -> None:
        now = self.look()
        changes = tuple(change for noted in self.open.values() for change in noted)
        for label, rows in now.items():
            before = self.state[label]
            for key in before.keys() | rows.keys():
                assert covered(changes, label, key, before.get(key), rows.get(key)), (label, key, changes)
        self.state = now

    def finish(self) -> None:
        self.feed.look = lambda announcement: None
        if self.failures:
            raise self.failures[0]
        assert self.look() == self.state, "a commit was not announced"
        assert self.open == {}
        self.connection.close()


def covered(changes: tuple[Change, ...], label: str, key: str, before: Row | None, after: Row | None) -> bool:
    """Whether somebody who re-reads what ``changes`` name looks at this row, and at the columns that differ."""
    if before == after:
        return True
    own = [change for change in changes if change.model == label]
    naming = [change for change in own if names(change, key, before, after)]
    if any(moves(change) for change in naming):
        # On its way from one parent to another it may have been written by relations it had in between.
        naming += [change for change in own if change.keys is None]
    if before is None or after is None:
        return bool(naming)
    written = {name for name in before if before[name] != after[name]}
    return any(change.fields is None for change in naming) or written <= {
        name for change in naming for name in change.fields or ()
    }


def names(change: Change, key: str, before: Row | None, after: Row | None) -> bool:
    if change.keys is not None:
        return key in change.keys
    # An update tells where rows have gone, and nothing of where they were.
    fixed = set(change.relations) - moves(change)
    return all(any(row[name] in change.relations[name] for row in (before, after) if row) for name in fixed)


def moves(change: Change) -> set[str]:
    """The columns by which an update takes rows from one parent to another."""
    if change.operation is not Operation.UPDATE:
        return set()
    return {name for name in change.fields or change.relations if name.endswith("_id")}


@pytest.fixture
def cleared(feed: RecordingFeed) -> Callable[[], None]:
    def clear() -> None:
        feed.look = lambda announcement: None
        with connection.cursor() as cursor:
            for model in TABLES:
                cursor.execute(f'DELETE FROM "{model._meta.db_table}"')
        people = Person.objects.bulk_create([Person(name=f"n{number}") for number in range(3)])
        for number, person in enumerate(people):
            project = Project.objects.create(title=f"p{number}", owner=person)
            project.tags.add(Tag.objects.create(name="g"))
            Task.objects.create(project=project, rank=number)
        feed.heard.clear()

    return clear


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=program)
def test_in_autocommit(feed: RecordingFeed, cleared: Callable[[], None], steps: Any) -> None:
    cleared()
    witness = Witness(feed)
    run(steps)
    witness.finish()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs=st.lists(st.tuples(program, st.booleans()), min_size=1, max_size=3))
def test_without_autocommit(feed: RecordingFeed, cleared: Callable[[], None], programs: Any) -> None:
    cleared()
    witness = Witness(feed)
    transaction.set_autocommit(False)
    try:
        for steps, undo in programs:
            try:
                run(steps)
            except DatabaseError:
                undo = True
            (transaction.rollback if undo else transaction.commit)()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    witness.finish()

"""Anchors that are one row and what hangs on it: after every write the state is the serializer's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core import serializers as django_serializers
from django.db import connection, models, transaction
from django.db.models import F, Prefetch
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers

from rxsse.deriving.recording import _labels_by_table, tables_in
from rxsse.exceptions import DeriveError, Gone
from rxsse.testing import subscribe
from tests.deriving.support import Reader, channel_of, rendered
from tests.domain.channels import BoardChannel, CoverChannel, DigestChannel, PersonChannel, TagChannel, TaskChannel
from tests.domain.models import (
    Board,
    Comment,
    Cover,
    Digest,
    Document,
    Label,
    Note,
    Profile,
    Report,
    Secret,
    Step,
    Task,
    Team,
    Watch,
)
from tests.domain.serializers import (
    LabelSerializer,
    NoteSerializer,
    PersonSerializer,
    ReportSerializer,
    SecretSerializer,
    TeamSerializer,
    UserSerializer,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


@pytest.fixture
def bob() -> User:
    return User.objects.create(username="bob")


@pytest.fixture
def board(ann: User) -> Board:
    return Board.objects.create(slug="b", code="B", title="Board", owner=ann)


@pytest.fixture
def task(board: Board) -> Task:
    return Task.objects.create(board=board, title="Task", position=1)


class ShortSerializer(serializers.ModelSerializer[Task]):
    class Meta:
        model = Task
        fields = ("id", "title", "position")


def nesting(model: Any, *names: str, **members: Any) -> serializers.ModelSerializer[Any]:
    """A serializer of ``model`` with its key, ``names`` and ``members``."""
    meta = type("Meta", (), {"model": model, "fields": ("pk", *names, *members)})
    made: Any = type("Made", (serializers.ModelSerializer,), {**members, "Meta": meta})
    return made()


def anchored(anchor: Any, row: Any, user: Any = None, **options: Any) -> Reader:
    return Reader(channel_of(anchor, **options), user, pk=row.pk)


# --- relations ---------------------------------------------------------------------------


def test_a_foreign_key_moves_empties_and_loses_its_row(board: Board) -> None:
    red, blue = (Team.objects.create(name=name) for name in ("red", "blue"))
    reader = anchored(nesting(Board, "title", team=TeamSerializer()), board)
    for team in (red, blue, None, blue):
        board.team = team
        board.save()
        reader.check()
    blue.name = "green"
    blue.save()
    reader.check()
    assert reader.operations == [{"op": "replace", "path": "/team/name", "value": "green"}]
    blue.delete()  # SET_NULL
    assert reader.check()["team"] is None
    Board.objects.update(team=red)
    assert reader.check()["team"]["name"] == "red"


def test_rows_move_between_two_lists_of_one_tree(ann: User) -> None:
    team = Team.objects.create(name="t")
    one, two = (Board.objects.create(slug=s, code=s.upper(), title=s, team=team) for s in ("a", "b"))
    tasks = [Task.objects.create(board=one, title=f"t{n}", position=n) for n in range(4)]
    inner = type(nesting(Board, "title", tasks=ShortSerializer(many=True)))
    reader = anchored(nesting(Team, "name", boards=inner(many=True)), team)
    tasks[1].board = two
    tasks[1].save()
    assert [len(board["tasks"]) for board in reader.check("boards")["boards"]] == [3, 1]
    Task.objects.filter(title="t2").update(board=two)
    reader.check("boards")
    tasks[1].board, tasks[0].board = one, two
    with transaction.atomic():
        tasks[1].save()
        tasks[0].save()
    reader.check("boards")
    # Whole boards arrive and leave with what hangs on them.
    two.team = None
    two.save()
    assert len(reader.check("boards")["boards"]) == 1
    tasks[3].board = two
    tasks[3].save()
    two.team = team
    two.save()
    reader.check("boards")


def test_rows_tied_by_another_column_than_the_key(board: Board, task: Task) -> None:
    other = Board.objects.create(slug="o", code="O", title="Other")
    reader = anchored(nesting(Board, "code", tasks=ShortSerializer(many=True)), board)
    Task.objects.filter(pk=task.pk).update(board_id="O")
    assert reader.check()["tasks"] == []
    with transaction.atomic():
        Task.objects.all().delete()
        other.delete()
        Board.objects.filter(pk=board.pk).update(code="O")
    Task.objects.create(board=Board.objects.get(pk=board.pk), title="new")
    assert len(reader.check()["tasks"]) == 1


def test_a_one_to_one_appears_disappears_and_moves(board: Board, ann: User, bob: User) -> None:
    team = Team.objects.create(name="t")
    reader = Reader(PersonChannel, ann, pk=ann.pk)
    profile = Profile.objects.create(user=ann, bio="x", team=team)
    assert reader.check()["team"] == "t"
    team.name = "u"
    team.save()
    assert reader.check()["home"]["name"] == "u"
    profile.user = bob
    profile.save()
    assert reader.check()["profile"] is None
    Profile.objects.filter(pk=profile.pk).update(user=ann, bio="back")
    assert reader.check()["bio"] == "back"
    Profile.objects.all().delete()
    reader.check()
    cover = Cover.objects.create(board=board, colour="red")
    other = Reader(CoverChannel, ann, pk=cover.pk)
    board.team = team
    board.save()
    assert other.check()["board"]["team"]["name"] == "u"


def test_a_generic_relation(board: Board, task: Task) -> None:
    reader = anchored(
        nesting(
            Board,
            notes=NoteSerializer(many=True),
            tasks=type(nesting(Task, "title", notes=NoteSerializer(many=True)))(many=True),
        ),
        board,
    )
    note = Note.objects.create(target=board, text="x")
    assert len(reader.check()["notes"]) == 1
    note.target = task
    note.save()
    state = reader.check()
    assert state["notes"] == []
    assert len(state["tasks"][0]["notes"]) == 1
    # The same key under another model is another row.
    Note.objects.create(target=Team.objects.create(pk=board.pk, name="t"), text="z")
    assert reader.check()["notes"] == []
    Note.objects.all().delete()
    reader.check()


def test_many_to_many_with_and_without_a_model_of_its_own(task: Task, ann: User, bob: User) -> None:
    reader = anchored(nesting(Task, labels=LabelSerializer(many=True), watchers=UserSerializer(many=True)), task)
    red, odd = (Label.objects.create(key=key) for key in ("red", "a/b~c:d"))
    task.labels.add(odd, red)
    assert len(reader.check("labels", "watchers")["labels"]) == 2
    odd.colour = "blue"
    odd.save()
    reader.check("labels", "watchers")
    task.labels.set([red])
    reader.check("labels", "watchers")
    red.tasks.clear()
    assert reader.check("labels", "watchers")["labels"] == []
    Watch.objects.create(task=task, user=bob)
    twice = Watch.objects.create(task=task, user=bob)
    assert [row["username"] for row in reader.check("labels", "watchers")["watchers"]] == ["bob", "bob"]
    bob.username = "rob"
    bob.save()
    assert [row["username"] for row in reader.check("labels", "watchers")["watchers"]] == ["rob", "rob"]
    twice.user = ann
    twice.save()
    assert sorted(row["username"] for row in reader.check("labels", "watchers")["watchers"]) == ["ann", "rob"]
    Watch.objects.filter(user=bob).delete()
    assert len(reader.check("labels", "watchers")["watchers"]) == 1
    other = Task.objects.create(board=task.board, title="other")
    Watch.objects.update(task=other)
    assert reader.check("labels", "watchers")["watchers"] == []
    task.delete()
    with pytest.raises(Gone):
        reader.follow()


def test_a_many_to_many_from_its_other_end(task: Task) -> None:
    label = Label.objects.create(key="a/b")
    reader = Reader(TagChannel, User(pk=1), pk="a/b")
    task.labels.add(label)
    assert len(reader.check()["tasks"]) == 1
    Task.objects.update(done=True)
    assert reader.check()["tasks"][0]["done"] is True
    task.labels.clear()
    reader.check()


def test_a_default_manager_that_leaves_rows_out(task: Task, ann: User) -> None:
    comment = Comment.everything.create(task=task, author=ann, text="x", removed=True)
    reader = Reader(TaskChannel, ann, pk=task.pk)
    assert reader.state["comments"] == []
    comment.removed = False
    comment.save(update_fields=["removed"])
    assert len(reader.check()["comments"]) == 1
    Comment.everything.update(removed=True)
    assert reader.check()["comments"] == []
    Comment.everything.bulk_create([Comment(task=task, author=ann, text=str(n), removed=n % 2 == 0) for n in range(6)])
    assert len(reader.check()["comments"]) == 3
    Comment.everything.filter(text__in=["1", "2"]).update(removed=F("removed"), text="same")
    reader.check()


def test_a_family_of_tables(board: Board, ann: User) -> None:
    reader = anchored(nesting(Board, documents=type(nesting(Document, "title"))(many=True)), board)
    digest = Digest.objects.create(board=board, title="d", summary="s")
    report = Report.objects.create(board=board, title="r")
    assert len(reader.check()["documents"]) == 2
    single = Reader(DigestChannel, ann, pk=digest.pk)
    digest.title, digest.pages = "a", 3
    digest.save()
    reader.check()
    single.check()
    Report.objects.filter(pk=digest.pk).update(reviewer=ann)
    assert single.check()["report"]["reviewer"]["username"] == "ann"
    Document.objects.filter(pk=report.pk).update(title="0")
    reader.check()
    Report.objects.filter(pk=digest.pk).update(pages=0)
    with pytest.raises(Gone):
        single.follow()
    report.delete()
    assert len(reader.check()["documents"]) == 1


def test_the_same_row_at_several_places(board: Board, ann: User) -> None:
    tasks = [Task.objects.create(board=board, title=f"t{n}", assignee=ann) for n in range(3)]
    for task in tasks:
        Comment.objects.create(task=task, author=ann, text="x")
        Watch.objects.create(task=task, user=ann)
    reader = Reader(BoardChannel, ann, slug="b")
    ann.username = "zoe"
    ann.save()
    reader.check()
    assert len(reader.operations) >= 10
    ann.delete()
    reader.check()


# --- code that reads ---------------------------------------------------------------------


def test_a_method_field_that_reads_its_parent_row(board: Board, task: Task) -> None:
    class Member(serializers.ModelSerializer[Task]):
        heading = serializers.SerializerMethodField()

        class Meta:
            model = Task
            fields = ("id", "heading")

        def get_heading(self, task: Task) -> str:
            return f"{task.board.title}/{task.board.team and task.board.team.name}: {task.title}"

    reader = anchored(nesting(Board, tasks=Member(many=True)), board)
    board.title = "Renamed"
    board.save()
    assert "Renamed" in reader.check()["tasks"][0]["heading"]
    board.team = Team.objects.create(name="red")
    board.save()
    assert "red" in reader.check()["tasks"][0]["heading"]
    Team.objects.update(name="blue")
    assert "blue" in reader.check()["tasks"][0]["heading"]
    task.title = "x"
    task.save()
    reader.check()
    Task.objects.create(board=board, title="y")
    reader.check()
    board.title = "Again"
    board.save()
    assert all("Again" in row["heading"] for row in reader.check()["tasks"])


def test_what_is_read_ahead_is_followed_too(board: Board, task: Task, ann: User) -> None:
    class Counting(serializers.ModelSerializer[Board]):
        tasks = ShortSerializer(many=True)
        titles = serializers.SerializerMethodField()
        late = serializers.SerializerMethodField()
        team_name = serializers.SerializerMethodField()

        class Meta:
            model = Board
            fields = ("id", "tasks", "titles", "late", "team_name")

        def get_titles(self, board: Board) -> list[str]:
            return [task.title for task in board.tasks.all()]

        def get_late(self, board: Any) -> list[str]:
            return [task.title for task in board.late]

        def get_team_name(self, board: Board) -> str | None:
            return board.team.name if board.team else None

    channel = channel_of(
        Counting(),
        lambda self: Board.objects.select_related("team", "owner__profile").prefetch_related(
            "tasks", Prefetch("tasks", Task.objects.filter(position__gt=3).order_by("title"), to_attr="late")
        ),
    )
    reader = Reader(channel, pk=board.pk)
    task.title = "x"
    task.save()
    assert reader.check()["titles"] == ["x"]
    task.position = 4
    task.save()
    assert reader.check()["late"] == ["x"]
    Task.objects.create(board=board, title="a", position=9)
    assert reader.check()["late"] == ["a", "x"]
    board.team = Team.objects.create(name="t")
    board.save()
    Team.objects.update(name="u")
    assert reader.check()["team_name"] == "u"
    Task.objects.filter(title="x").delete()
    reader.check()


def test_rows_that_a_property_gives(board: Board, ann: User) -> None:
    reader = anchored(nesting(Board, open_tasks=ShortSerializer(many=True), next_task=ShortSerializer()), board)
    assert reader.state["next_task"] is None
    tasks = [Task.objects.create(board=board, title=f"t{n}", position=n) for n in range(3)]
    assert reader.check()["next_task"]["title"] == "t0"
    tasks[0].done = True
    tasks[0].save()
    assert len(reader.check()["open_tasks"]) == 2
    tasks[2].title = "renamed"
    tasks[2].save()
    reader.check()
    Task.objects.update(done=True)
    assert reader.check()["next_task"] is None


def test_a_nested_serializer_of_the_same_row(task: Task) -> None:
    inner = type(nesting(Task, "title", "done"))
    reader = anchored(nesting(Task, "position", same=inner(source="*")), task)
    Task.objects.update(title="x", done=True)
    assert reader.check()["same"]["title"] == "x"


def test_members_that_come_and_go(board: Board) -> None:
    class Moody(serializers.ModelSerializer[Board]):
        nick = serializers.SlugRelatedField(source="team", slug_field="name", read_only=True)
        bio = serializers.CharField(source="owner.profile.bio", read_only=True, required=False)

        class Meta:
            model = Board
            fields = ("id", "nick", "bio")

    reader = anchored(Moody(), board)
    assert reader.state["bio"] is None
    Profile.objects.create(user=board.owner, bio="here")
    assert reader.check()["bio"] == "here"
    Board.objects.update(owner=None)
    assert "bio" not in reader.check()
    Board.objects.update(owner=User.objects.get())
    assert reader.check()["bio"] == "here"


def test_a_serializer_that_raises_for_a_row_and_is_repaired(board: Board, task: Task) -> None:
    class Fussy(serializers.ModelSerializer[Task]):
        title = serializers.SerializerMethodField()

        class Meta:
            model = Task
            fields = ("id", "title")

        def get_title(self, task: Task) -> str:
            if task.title == "bad":
                raise ZeroDivisionError
            return task.title

    other = Task.objects.create(board=board, title="other", position=2)
    reader = anchored(nesting(Board, "title", tasks=Fussy(many=True)), board)
    with transaction.atomic():
        Board.objects.update(title="renamed")
        Task.objects.filter(pk=other.pk).update(title="bad")
        Task.objects.create(board=board, title="new", position=0)
        Task.objects.filter(pk=task.pk).delete()
    with pytest.raises(DeriveError) as caught:
        reader.follow()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    Task.objects.filter(pk=other.pk).update(title="good")
    assert [row["title"] for row in reader.check()["tasks"]] == ["new", "good"]


# --- rows that belong to one reader ------------------------------------------------------


def test_rows_become_the_readers_and_stop_being_so(board: Board, ann: User, bob: User) -> None:
    channel = channel_of(nesting(Board, secrets=SecretSerializer(many=True)))
    readers = {user: subscribe(channel, user, pk=board.pk) for user in (ann, bob)}
    secret = Secret.objects.create(board=board, owner=ann, text="s")

    def texts() -> list[list[str]]:
        return [[row["text"] for row in readers[user].state["secrets"]] for user in (ann, bob)]

    assert texts() == [["s"], []]
    secret.owner = bob
    secret.save()
    assert texts() == [[], ["s"]]
    Secret.objects.update(owner=ann, text="t")
    assert texts() == [["t"], []]
    # What happens to somebody else's rows doesn't show.
    assert len(readers[bob].patches) == 2
    secret.refresh_from_db()
    secret.text = "u"
    secret.save()
    secret.delete()
    assert readers[bob].patches == []
    assert texts() == [[], []]


def test_a_single_row_becomes_the_readers(board: Board, ann: User, bob: User) -> None:
    secret = Secret.objects.create(board=board, owner=ann, text="s")

    class Owned(SecretSerializer):
        class Meta(SecretSerializer.Meta):
            pass

    class Noted(serializers.ModelSerializer[Profile]):
        user = nesting(User, "username")

        class Meta:
            model = Profile
            fields = ("bio", "user")
            user_key = "user"

    Profile.objects.create(user=bob, bio="p")
    channel = channel_of(nesting(User, "username", profile=Noted()))
    mine, yours = subscribe(channel, ann, pk=bob.pk), subscribe(channel, bob, pk=bob.pk)
    assert mine.state["profile"] is None
    assert yours.state["profile"]["bio"] == "p"
    listed = channel_of(Owned(many=True), lambda self: Secret.objects.all())
    anns, bobs = subscribe(listed, ann), subscribe(listed, bob)
    secret.owner = bob
    secret.save()
    assert (anns.state, [row["text"] for row in bobs.state]) == ([], ["s"])


def test_a_foreign_key_to_a_row_that_becomes_the_readers(task: Task, ann: User, bob: User) -> None:
    class Mine(serializers.ModelSerializer[Task]):
        class Meta:
            model = Task
            fields = ("id", "title")
            user_key = "assignee"

    child = Task.objects.create(board=task.board, title="child", parent=task)
    channel = channel_of(nesting(Task, "title", parent=Mine()))
    reader = subscribe(channel, ann, pk=child.pk)
    assert reader.state["parent"] is None
    Task.objects.filter(pk=task.pk).update(assignee=bob)
    assert reader.patches == []
    Task.objects.filter(pk=task.pk).update(assignee=ann)
    assert reader.state["parent"]["title"] == "Task"
    Task.objects.filter(pk=task.pk).update(title="x")
    assert reader.state["parent"]["title"] == "x"
    Task.objects.filter(pk=task.pk).update(assignee=None)
    assert reader.state["parent"] is None


# --- writes that name no rows ------------------------------------------------------------


def test_statements_that_name_no_rows(board: Board, ann: User) -> None:
    tasks = [Task.objects.create(board=board, title=f"t{n}", position=n) for n in range(6)]
    Comment.objects.create(task=tasks[0], author=ann, text="x")
    reader = Reader(BoardChannel, ann, slug="b")
    Task.objects.filter(comments__text="x").update(title="commented")
    reader.check()
    Task.objects.filter(pk__in=Comment.objects.values("task")).update(position=F("position") + 10)
    reader.check()
    Task.objects.filter(board__title="Board", position__lt=3).delete()
    reader.check()
    Task.objects.bulk_update([Task(pk=tasks[4].pk, title="bulk", position=0)], ["title", "position"])
    reader.check()
    Team.objects.bulk_create([Team(id=5, name="five")])
    Board.objects.update(team=5)
    reader.check()
    Team.objects.bulk_create(
        [Team(id=5, name="cinq"), Team(id=6, name="six")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name"],
    )
    assert reader.check()["team_name"] == "cinq"
    for task in Task.objects.all():
        Step.objects.bulk_create([Step(task=task, text=str(n)) for n in range(3)])
    reader.check()
    Step.objects.filter(task__title="bulk").delete()
    reader.check()
    Note.objects.bulk_create([Note(target=board, text="n")])
    reader.check()


def test_fixtures(board: Board, task: Task, ann: User) -> None:
    reader = Reader(BoardChannel, ann, slug="b")
    text = django_serializers.serialize("json", [task, Label(key="l", colour="red")])
    for found in django_serializers.deserialize("json", text.replace('"Task"', '"Loaded"')):
        found.object.save_base(raw=True)
    assert reader.check()["tasks"][0]["title"] == "Loaded"


def test_a_rollback_leaves_no_trace(board: Board, task: Task, ann: User) -> None:
    reader = Reader(BoardChannel, ann, slug="b")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        task.title = "never"
        task.save()
        assert reader.check()["tasks"][0]["title"] == "never"
        raise ZeroDivisionError
    assert reader.check()["tasks"][0]["title"] == "Task"


def test_hundreds_of_rows_at_once(board: Board) -> None:
    Task.objects.bulk_create([Task(board=board, title=f"t{n}", position=n) for n in range(600)])
    reader = anchored(nesting(Board, tasks=ShortSerializer(many=True)), board)
    Task.objects.update(title="all")
    reader.check()
    Task.objects.update(position=-F("position"))
    reader.check()
    for count, task in enumerate(Task.objects.all()):
        if count % 2:
            task.title = f"odd{count}"
            task.save()
    reader.check()
    Task.objects.filter(position__lt=-300).delete()
    assert len(reader.check()["tasks"]) == 301


# --- what it costs -----------------------------------------------------------------------


def test_one_row_of_many_is_read_alone(board: Board, ann: User) -> None:
    tasks = Task.objects.bulk_create([Task(board=board, title=f"t{n:03}", position=n) for n in range(200)])
    inner = type(nesting(Task, "title", "position", assignee=UserSerializer(), labels=LabelSerializer(many=True)))
    anchor = nesting(Board, "title", tasks=inner(many=True))
    reader = subscribe(channel_of(anchor), pk=board.pk)
    task = tasks[100]
    task.title = "changed"
    task.save()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        (patch,) = reader.patches
    assert patch == [{"op": "replace", "path": "/tasks/100/title", "value": "changed"}]
    assert len(queries) <= 4
    reads = [query["sql"] for query in queries if '"domain_task"' in query["sql"]]
    assert reads
    assert all(task.pk.hex in sql or str(task.pk) in sql for sql in reads)
    # A row that moves costs the keys of the list, not its rows.
    task.position = 1000
    task.save()
    with CaptureQueriesContext(connection) as queries:
        (patch,) = reader.patches
    assert patch[0] == {"op": "move", "from": "/tasks/100", "path": "/tasks/199"}
    whole = [
        query["sql"]
        for query in queries
        if '"domain_task"."title"' in query["sql"].split("FROM")[0]
        and task.pk.hex not in query["sql"]
        and str(task.pk) not in query["sql"]
    ]
    assert whole == []
    assert reader.state == rendered(anchor, board)


def test_a_change_that_touches_nothing_reads_nothing(board: Board, task: Task) -> None:
    other = Board.objects.create(slug="o", code="O", title="Other")
    reader = anchored(nesting(Team, boards=type(nesting(Board, "title"))(many=True)), Team.objects.create(name="t"))
    with CaptureQueriesContext(connection) as queries:
        assert reader.subscription.patches == []
    assert len(queries) == 0
    other.title = "x"
    other.save()
    with CaptureQueriesContext(connection) as queries:
        assert reader.subscription.patches == []
    assert [query for query in queries if "domain_" in query["sql"]] == []


def test_a_person_without_anything(ann: User) -> None:
    assert Reader(PersonChannel, ann, pk=ann.pk).state == rendered(PersonSerializer(), ann)


def test_reports_by_slug(board: Board) -> None:
    report = Report.objects.create(board=board, title="r")
    reader = anchored(ReportSerializer(), report)
    Board.objects.update(title="x")
    assert reader.check()["board"] == "x"


# --- shapes that few have ----------------------------------------------------------------


@pytest.fixture
def odd_tables(transactional_db: None) -> Iterator[Any]:
    """A model of two parents, and a foreign key that the database doesn't keep."""

    class Left(models.Model):
        left_id = models.AutoField(primary_key=True)
        shown = models.BooleanField(default=False)

        class Meta:
            app_label = "domain"

    class Right(models.Model):
        right_id = models.AutoField(primary_key=True)
        open = models.BooleanField(default=False)

        class Meta:
            app_label = "domain"

    class Both(Left, Right):
        team = models.ForeignKey(Team, models.DO_NOTHING, db_constraint=False, null=True)

        class Meta:
            app_label = "domain"

    made = (Left, Right, Both)
    with connection.schema_editor() as editor:
        for model in made:
            editor.create_model(model)
    _labels_by_table.cache_clear()
    tables_in.cache_clear()
    yield made
    with connection.schema_editor() as editor:
        for model in reversed(made):
            editor.delete_model(model)
    for model in made:
        del apps.all_models["domain"][model._meta.model_name]
    apps.clear_cache()
    _labels_by_table.cache_clear()
    tables_in.cache_clear()


def test_a_row_of_two_parents_enters_by_either(odd_tables: Any) -> None:
    _, right, both = odd_tables
    for _ in range(3):
        right.objects.create()
    row = both.objects.create()
    assert row.pk != row.right_ptr_id
    channel = channel_of(nesting_many(both, "shown", "open"), lambda self: both.objects.filter(open=True))
    reader = Reader(channel)
    right.objects.filter(pk=row.right_ptr_id).update(open=True)
    assert len(reader.check()) == 1
    row.shown = True
    row.save(update_fields=["shown"])
    assert reader.check()[0]["shown"] is True
    right.objects.filter(pk=row.right_ptr_id).update(open=False)
    assert reader.check() == []


def test_a_foreign_key_whose_row_comes_later(odd_tables: Any) -> None:
    _, _, both = odd_tables
    row = both.objects.create(team_id=77)
    reader = anchored(nesting(both, "shown", team=TeamSerializer()), row)
    assert reader.state["team"] is None
    Team.objects.create(pk=77, name="late")
    assert reader.check()["team"]["name"] == "late"


def nesting_many(model: Any, *names: str) -> Any:
    return type(nesting(model, *names))(many=True)

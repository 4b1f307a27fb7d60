"""Serializers over the test domain, as users write them: every shape that a tree can have."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers

from tests.domain.models import (
    Account,
    Board,
    Comment,
    Counter,
    Cover,
    Crumb,
    Crust,
    Digest,
    Document,
    Label,
    Ledger,
    Note,
    Profile,
    Report,
    Seat,
    Secret,
    Sketch,
    Step,
    Summary,
    Task,
    Team,
    Watch,
)


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


class ProfileSerializer(serializers.ModelSerializer[Profile]):
    team = TeamSerializer(read_only=True)

    class Meta:
        model = Profile
        fields = ("bio", "team")


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username")


class PersonSerializer(serializers.ModelSerializer[User]):
    """A one-to-one from its other end, absent at times: as a row, as a dotted leaf, with a default."""

    profile = ProfileSerializer(read_only=True)
    bio = serializers.CharField(source="profile.bio", read_only=True)
    team = serializers.CharField(source="profile.team.name", default="nowhere", read_only=True)
    home = TeamSerializer(source="profile.team", read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "profile", "bio", "team", "home")


class NeighbourSerializer(serializers.ModelSerializer[User]):
    """A one-to-one from its other end, shown by a leaf alone."""

    bio = serializers.CharField(source="profile.bio", read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "bio")


class LabelSerializer(serializers.ModelSerializer[Label]):
    class Meta:
        model = Label
        fields = ("key", "colour")


class CommentSerializer(serializers.ModelSerializer[Comment]):
    author = UserSerializer(read_only=True)

    class Meta:
        model = Comment
        fields = ("id", "author", "text")


class StepSerializer(serializers.ModelSerializer[Step]):
    class Meta:
        model = Step
        fields = ("id", "text")


class NoteSerializer(serializers.ModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text")


class WatchSerializer(serializers.ModelSerializer[Watch]):
    user = PersonSerializer(read_only=True)

    class Meta:
        model = Watch
        fields = ("user", "rank")


class PlanSerializer(serializers.ModelSerializer[Task]):
    """Members of the same row, one level further in."""

    class Meta:
        model = Task
        fields = ("position", "done")


class SubtaskSerializer(serializers.ModelSerializer[Task]):
    """Makes its JSON itself."""

    class Meta:
        model = Task
        fields = ("id", "title")

    def to_representation(self, instance: Task) -> dict[str, Any]:
        shown = super().to_representation(instance)
        shown["title"] = f"{instance.title} ({instance.children.count()})"
        if instance.done:
            shown["done"] = True
        return shown


class TaskSerializer(serializers.ModelSerializer[Task]):
    plan = PlanSerializer(source="*", read_only=True)
    assignee = UserSerializer(read_only=True)
    children = SubtaskSerializer(many=True, read_only=True)
    labels = LabelSerializer(many=True, read_only=True)
    label_names: Any = serializers.StringRelatedField(many=True, source="labels", read_only=True)
    watches = WatchSerializer(many=True, read_only=True)
    watchers: Any = serializers.SlugRelatedField(many=True, slug_field="username", read_only=True)
    comments = CommentSerializer(many=True, read_only=True)
    steps = StepSerializer(many=True, read_only=True)
    step_ids: Any = serializers.PrimaryKeyRelatedField(many=True, source="steps", read_only=True)
    notes = NoteSerializer(many=True, read_only=True)
    board_title = serializers.CharField(source="board.title", read_only=True)
    home = TeamSerializer(source="board.team", read_only=True)
    comment_count = serializers.SerializerMethodField()
    heading = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = (
            "id",
            "title",
            "plan",
            "assignee",
            "parent",
            "children",
            "labels",
            "label_names",
            "watches",
            "watchers",
            "comments",
            "steps",
            "step_ids",
            "notes",
            "board",
            "board_title",
            "home",
            "comment_count",
            "heading",
        )

    def get_comment_count(self, task: Task) -> int:
        return task.comments.count()

    def get_heading(self, task: Task) -> str:
        return f"{task.position}. {task.title}"


class OpenTaskSerializer(serializers.ModelSerializer[Task]):
    assignee = UserSerializer(read_only=True)
    board: Any = serializers.StringRelatedField(read_only=True)

    class Meta:
        model = Task
        fields = ("id", "title", "done", "position", "assignee", "board")


class CoverSerializer(serializers.ModelSerializer[Cover]):
    class Meta:
        model = Cover
        fields = ("board", "colour")


class DocumentSerializer(serializers.ModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "title")


class BoardSerializer(serializers.ModelSerializer[Board]):
    team = TeamSerializer(read_only=True)
    owner = PersonSerializer(read_only=True)
    cover = CoverSerializer(read_only=True)
    tasks = TaskSerializer(many=True, read_only=True)
    open_tasks = OpenTaskSerializer(many=True, read_only=True)
    next_task = OpenTaskSerializer(read_only=True)
    notes = NoteSerializer(many=True, read_only=True)
    documents = DocumentSerializer(many=True, read_only=True)
    task_count = serializers.SerializerMethodField()
    visits = serializers.SerializerMethodField()
    shout = serializers.CharField(read_only=True)
    team_name: Any = serializers.StringRelatedField(source="team", read_only=True)
    stamp = serializers.SerializerMethodField()

    class Meta:
        model = Board
        fields = (
            "id",
            "slug",
            "code",
            "title",
            "shout",
            "team",
            "team_name",
            "owner",
            "cover",
            "settings",
            "budget",
            "opened",
            "length",
            "rating",
            "stamp",
            "tasks",
            "open_tasks",
            "next_task",
            "notes",
            "documents",
            "task_count",
            "visits",
        )

    def get_task_count(self, board: Board) -> int:
        return board.tasks.count()

    def get_visits(self, board: Board) -> int:
        """Reads a table that no relation leads to."""
        return sum(Counter.objects.filter(name="visits").values_list("value", flat=True))

    def get_stamp(self, board: Board) -> str:
        return bytes(board.stamp).hex()


class SecretSerializer(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ("id", "text", "owner")
        user_key = "owner"


class PrivateBoardSerializer(serializers.ModelSerializer[Board]):
    """A board with rows that only their owner sees."""

    secrets = SecretSerializer(many=True, read_only=True)

    class Meta:
        model = Board
        fields = ("id", "title", "secrets")


class ReportSerializer(serializers.ModelSerializer[Report]):
    board: Any = serializers.SlugRelatedField(slug_field="title", read_only=True)
    reviewer = UserSerializer(read_only=True)

    class Meta:
        model = Report
        fields = ("id", "title", "pages", "reviewer", "board")


class DigestSerializer(serializers.ModelSerializer[Digest]):
    report = ReportSerializer(source="report_ptr", read_only=True)

    class Meta:
        model = Digest
        fields = ("id", "title", "pages", "summary", "report")


class SketchSerializer(serializers.ModelSerializer[Sketch]):
    class Meta:
        model = Sketch
        fields = ("id", "title", "board")


class TagSerializer(serializers.ModelSerializer[Label]):
    """A many-to-many from its other end."""

    tasks = PlanSerializer(many=True, read_only=True)

    class Meta:
        model = Label
        fields = ("key", "colour", "tasks")


class CoveredBoardSerializer(serializers.ModelSerializer[Board]):
    team = TeamSerializer(read_only=True)

    class Meta:
        model = Board
        fields = ("id", "title", "team")


class CoveredSerializer(serializers.ModelSerializer[Cover]):
    """A one-to-one from the end that has the column."""

    board = CoveredBoardSerializer(read_only=True)

    class Meta:
        model = Cover
        fields = ("colour", "board")


class BusySerializer(serializers.ModelSerializer[Board]):
    """Shows what the query has counted."""

    task_total = serializers.IntegerField(read_only=True)

    class Meta:
        model = Board
        fields = ("id", "title", "task_total")


class MemberSerializer(serializers.ModelSerializer[User]):
    """The same rows at several depths: a person's tasks, their comments, those comments' authors."""

    tasks = TaskSerializer(many=True, read_only=True)
    boards: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    profile = ProfileSerializer(read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "profile", "tasks", "boards")


class AccountSerializer(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = ("id", "amount")


class LedgerSerializer(serializers.ModelSerializer[Ledger]):
    accounts = AccountSerializer(many=True, read_only=True)
    # The sum once more, by another way to the same rows.
    total = serializers.SerializerMethodField()

    class Meta:
        model = Ledger
        fields = ("id", "name", "accounts", "total")

    def get_total(self, ledger: Ledger) -> int:
        return sum(ledger.accounts.values_list("amount", flat=True))


class SeatSerializer(serializers.ModelSerializer[Seat]):
    """Of a row with a key of two columns, which DRF has no field for."""

    class Meta:
        model = Seat
        fields = ("number", "taken_by")


class CrumbSerializer(serializers.ModelSerializer[Crumb]):
    class Meta:
        model = Crumb
        fields = ("id", "text")


class BranchSerializer(serializers.ModelSerializer[Task]):
    """Calls itself."""

    branches = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = ("id", "title", "branches")

    def get_branches(self, task: Task) -> Any:
        return BranchSerializer(task.children.all(), many=True, context=self.context).data


class WideBoardSerializer(serializers.ModelSerializer[Board]):
    """What is rare."""

    seats = SeatSerializer(many=True, read_only=True)
    crumbs = CrumbSerializer(many=True, read_only=True)
    crumb_count = serializers.SerializerMethodField()
    crusts = serializers.SerializerMethodField()
    first_red = OpenTaskSerializer(read_only=True)
    roots = serializers.SerializerMethodField()

    class Meta:
        model = Board
        fields = ("id", "slug", "code", "seats", "crumbs", "crumb_count", "crusts", "first_red", "roots")

    def get_crumb_count(self, board: Board) -> int:
        return Crumb.objects.exclude(board=board).count()

    def get_crusts(self, board: Board) -> list[str]:
        return list(Crust.objects.order_by("text").values_list("text", flat=True))

    def get_roots(self, board: Board) -> Any:
        return BranchSerializer(board.tasks.filter(parent=None), many=True, context=self.context).data


class SummedBoardSerializer(serializers.ModelSerializer[Board]):
    """Shows a view of the database."""

    summary = serializers.SerializerMethodField()

    class Meta:
        model = Board
        fields = ("id", "title", "summary")

    def get_summary(self, board: Board) -> list[int]:
        summary = Summary.objects.get(pk=board.pk)
        return [summary.done, summary.tasks]


class MyBoardSerializer(serializers.ModelSerializer[Board]):
    """Looks at the reader."""

    greeting = serializers.SerializerMethodField()
    my_tasks = serializers.SerializerMethodField()

    class Meta:
        model = Board
        fields = ("id", "title", "greeting", "my_tasks")

    def get_greeting(self, board: Board) -> str:
        return f"{board.title} for {self.context['request'].user.username}"

    def get_my_tasks(self, board: Board) -> list[str]:
        mine = board.tasks.filter(assignee=self.context["request"].user)
        return [task.title for task in mine]

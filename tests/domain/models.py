"""Models of every shape that a serializer can nest; knows no serializers."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from rxsse import related_property


class Team(models.Model):
    name = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.name


class Profile(models.Model):
    """The other half of a user; a user may have none."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="profile")
    bio = models.TextField(blank=True)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="profiles")

    def __str__(self) -> str:
        return self.bio


class Board(models.Model):
    """The usual anchor. Tasks refer to it by ``code``, people by ``slug``, rows by ``id``."""

    slug = models.SlugField(unique=True)
    code = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=100)
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="boards")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="boards")
    settings = models.JSONField(default=dict)
    budget = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal("0.00"))
    opened = models.DateTimeField(null=True)
    length = models.DurationField(null=True)
    stamp = models.BinaryField(default=b"")
    rating = models.FloatField(default=0.0)
    notes = GenericRelation("domain.Note")

    def __str__(self) -> str:
        return self.title

    @property
    def shout(self) -> str:
        return f"{self.title.upper()}!"

    @related_property("tasks", "board")
    def open_tasks(self) -> models.QuerySet[Task]:
        return self.tasks.filter(done=False).order_by("-position", "pk")

    @related_property("tasks", "board")
    def first_red(self) -> Task | None:
        return self.tasks.filter(labels__colour="red").order_by("title", "pk").first()

    @property
    def next_task(self) -> Task | None:
        return self.tasks.filter(done=False).first()


class Cover(models.Model):
    """One-to-one whose key is its board's."""

    board = models.OneToOneField(Board, models.CASCADE, primary_key=True, related_name="cover")
    colour = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.colour


class Label(models.Model):
    """Its key is text with whatever people type: slashes, tildes, colons."""

    key = models.CharField(max_length=40, primary_key=True)
    colour = models.CharField(max_length=20, default="grey")

    def __str__(self) -> str:
        return f"{self.key} ({self.colour})"


class Task(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    board = models.ForeignKey(Board, models.CASCADE, to_field="code", related_name="tasks")
    title = models.CharField(max_length=100)
    position = models.IntegerField(default=0)
    done = models.BooleanField(default=False)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="tasks")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    labels = models.ManyToManyField(Label, related_name="tasks")
    watchers = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Watch", related_name="watched")
    notes = GenericRelation("domain.Note")

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.title


class Watch(models.Model):
    """Who watches a task, in which order."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="watches")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watches")
    rank = models.IntegerField(default=0)

    class Meta:
        ordering = ("rank", "pk")

    def __str__(self) -> str:
        return f"{self.user_id} watches {self.task_id}"


class PresentComments(models.Manager["Comment"]):
    def get_queryset(self) -> models.QuerySet[Comment]:
        return super().get_queryset().filter(removed=False)


class Comment(models.Model):
    """Never deleted by people, only removed from sight."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="comments")
    text = models.TextField()
    removed = models.BooleanField(default=False)

    objects = PresentComments()
    everything: models.Manager[Comment] = models.Manager()

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.text


class Step(models.Model):
    """Rows without an order of their own."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="steps")
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text


class Note(models.Model):
    """Hangs on a row of any model."""

    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=40)
    target = GenericForeignKey("content_type", "object_id")
    text = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.text


class Secret(models.Model):
    """For its owner's eyes only."""

    board = models.ForeignKey(Board, models.CASCADE, related_name="secrets")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="secrets")
    text = models.CharField(max_length=100)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.text


class Document(models.Model):
    """The parent of a family of tables."""

    board = models.ForeignKey(Board, models.CASCADE, related_name="documents")
    title = models.CharField(max_length=100)

    class Meta:
        ordering = ("title", "pk")

    def __str__(self) -> str:
        return self.title


class Report(Document):
    """A row in two tables."""

    pages = models.IntegerField(default=1)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reports")


class Digest(Report):
    """A row in three tables."""

    summary = models.TextField(blank=True)


class Sketch(Document):
    """The same rows under another name."""

    class Meta:
        proxy = True
        ordering = ("-pk",)


class Counter(models.Model):
    """Related to nothing."""

    name = models.CharField(max_length=20, unique=True)
    value = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.name


class Ledger(models.Model):
    """Money moves between its accounts; it does not come or go."""

    name = models.CharField(max_length=40)

    def __str__(self) -> str:
        return self.name


class Account(models.Model):
    ledger = models.ForeignKey(Ledger, models.CASCADE, related_name="accounts")
    amount = models.IntegerField(default=0)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return str(self.amount)


class Seat(models.Model):
    """A row whose key is made of two columns."""

    pk = models.CompositePrimaryKey("board", "number")
    board = models.ForeignKey(Board, models.CASCADE, related_name="seats")
    number = models.IntegerField()
    taken_by = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return self.taken_by


class Crumb(models.Model):
    """In a table that nobody should name like this."""

    board = models.ForeignKey(Board, models.CASCADE, related_name="crumbs", db_column="Its Board")
    text = models.CharField(max_length=60, db_column="select")

    class Meta:
        db_table = "domain.Odd Crumbs"
        ordering = ("text", "pk")

    def __str__(self) -> str:
        return self.text


class Crust(models.Model):
    """In a table whose name brings its own quotes, as people write it to name a schema."""

    text = models.CharField(max_length=60)

    class Meta:
        db_table = '"domain_Crusts"'

    def __str__(self) -> str:
        return self.text


class Summary(models.Model):
    """A view of the database: whoever reads it reads the tables below, without naming them."""

    board = models.OneToOneField(Board, models.DO_NOTHING, primary_key=True, related_name="summary")
    tasks = models.IntegerField()
    done = models.IntegerField()

    class Meta:
        managed = False
        db_table = "domain_summary"

    def __str__(self) -> str:
        return f"{self.done} of {self.tasks}"


SUMMARY = """
CREATE VIEW domain_summary AS
SELECT board.id AS board_id, COUNT(task.id) AS tasks, COUNT(CASE WHEN task.done THEN 1 END) AS done
FROM domain_board board LEFT JOIN domain_task task ON task.board_id = board.code
GROUP BY board.id
"""

"""Models of every kind of key and relation that a statement can name."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models.functions import Upper


class Person(models.Model):
    name = models.CharField(max_length=50, unique=True)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    title = models.CharField(max_length=50)
    loud = models.GeneratedField(
        expression=Upper("title"), output_field=models.CharField(max_length=50), db_persist=True
    )
    owner = models.ForeignKey(Person, models.SET_NULL, null=True)
    tags = models.ManyToManyField(Tag)
    kin = models.ManyToManyField("self", symmetrical=True)

    def __str__(self) -> str:
        return self.title


class LoudProject(Project):
    class Meta:
        proxy = True


class Task(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=50, default="")
    rank = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.title


class Badge(models.Model):
    """Named by text, owned through another column than the key."""

    code = models.CharField(max_length=20, primary_key=True)
    person = models.ForeignKey(Person, models.CASCADE, to_field="name")

    def __str__(self) -> str:
        return self.code


class Folded(models.Model):
    """A key that the database finds under several spellings."""

    code = models.CharField(max_length=20, primary_key=True, db_collation="rxsse_nocase")
    hits = models.IntegerField(default=0)

    class Meta:
        managed = False

    def __str__(self) -> str:
        return self.code


class Place(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Cafe(Place):
    seats = models.IntegerField(default=0)


class Remark(models.Model):
    # No constraint: this app has no migrations, so its tables are there before those of apps that have.
    content_type = models.ForeignKey(ContentType, models.CASCADE, db_constraint=False)
    object_id = models.CharField(max_length=40)
    subject = GenericForeignKey()
    text = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.text


class Seat(models.Model):
    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=5)
    number = models.IntegerField()
    person = models.ForeignKey(Person, models.CASCADE, null=True)

    def __str__(self) -> str:
        return f"{self.row}{self.number}"


class Stubborn(models.IntegerField):
    """A column whose values can't be turned into text."""

    def to_python(self, value: Any) -> Any:
        raise RuntimeError("no")


class Odd(models.Model):
    id = Stubborn(primary_key=True)
    note = models.CharField(max_length=20, default="")

    def __str__(self) -> str:
        return self.note

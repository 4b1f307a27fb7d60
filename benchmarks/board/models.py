"""Projects and their tasks; knows no serializers."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Project(models.Model):
    name = models.CharField(max_length=60)

    def __str__(self) -> str:
        return self.name


class Task(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="tasks")
    title = models.CharField(max_length=100)
    position = models.IntegerField()
    done = models.BooleanField(default=False)
    due = models.DateField()
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)

    class Meta:
        ordering = ("position", "pk")

    def __str__(self) -> str:
        return self.title

"""The same tasks twice: nested in their project, and as a list of their own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from rest_framework import serializers

from benchmarks.board.models import Project, Task
from rxsse import StateChannel


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username")


class TaskSerializer(serializers.ModelSerializer[Task]):
    assignee = UserSerializer(read_only=True)

    class Meta:
        model = Task
        fields = ("id", "title", "position", "done", "due", "assignee")


class ProjectSerializer(serializers.ModelSerializer[Project]):
    tasks = TaskSerializer(many=True, read_only=True)

    class Meta:
        model = Project
        fields = ("id", "name", "tasks")


class ProjectChannel(StateChannel):
    class Meta:
        anchor = ProjectSerializer()

    def has_permission(self, user: Any, project_id: int) -> bool:
        return bool(user.is_authenticated)


class TasksChannel(StateChannel):
    class Meta:
        anchor = TaskSerializer(many=True)
        audience = "shared"

    def has_permission(self, user: Any, project_id: int) -> bool:
        return bool(user.is_authenticated)

    def get_queryset(self) -> QuerySet[Task]:
        return Task.objects.filter(project_id=self.kwargs["project_id"])

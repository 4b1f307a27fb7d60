"""The channels, and what they are compared with in the same server process."""

from __future__ import annotations

import time
from functools import cache

import django_eventstream
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from benchmarks.board.asgi import queries
from benchmarks.board.channels import ProjectChannel, TasksChannel, TaskSerializer
from benchmarks.board.models import Task


def state_of(project_id: int) -> bytes:
    """The list as a plain DRF view would give it."""
    tasks = Task.objects.filter(project_id=project_id).select_related("assignee")
    return bytes(JSONRenderer().render(TaskSerializer(tasks, many=True).data))


_kept = cache(state_of)


class StaticView(APIView):
    """The bytes of the list as they were at first: behind the same authentication, and nothing else."""

    def get(self, request: Request, project_id: int) -> HttpResponse:
        return HttpResponse(_kept(project_id), content_type="application/json")


class NaiveView(APIView):
    """What is done without rxsse: everybody's request reads the rows."""

    def get(self, request: Request, project_id: int) -> HttpResponse:
        return HttpResponse(state_of(project_id), content_type="application/json")


def write(request: HttpRequest, task_id: int, title: str) -> JsonResponse:
    """Save a task in the server's own process; when that began and ended."""
    task = Task.objects.get(pk=task_id)
    task.title = title
    begin = time.monotonic()
    task.save()
    return JsonResponse({"begin": begin, "end": time.monotonic()})


def read(request: HttpRequest) -> JsonResponse:
    """How often this process has selected tasks so far."""
    return JsonResponse({"queries": len(queries)})


urlpatterns = [
    path("rx/projects/<int:project_id>/", ProjectChannel.as_view()),
    path("rx/projects/<int:project_id>/tasks/", TasksChannel.as_view()),
    path("static/<int:project_id>/", StaticView.as_view()),
    path("naive/<int:project_id>/", NaiveView.as_view()),
    path("write/<int:task_id>/<str:title>/", write),
    path("queries/", read),
    path("events/", include(django_eventstream.urls), {"channels": ["benchmark"]}),
]

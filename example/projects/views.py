"""The REST API that changes what the streams show; people see and change the projects they take part in."""

from django.contrib.auth import get_user_model
from django.db import transaction
from rest_framework import mixins, viewsets
from rest_framework.authtoken.views import ObtainAuthToken
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.throttling import ScopedRateThrottle

from projects.models import Comment, Membership, Project, Tag, Task
from projects.ordering import end_of, place
from projects.permissions import BoardPermission, require_role, visible
from projects.serializers import (
    CommentSerializer,
    MembershipSerializer,
    MoveSerializer,
    PersonSerializer,
    ProjectSerializer,
    ProjectSummarySerializer,
    TagSerializer,
    TaskSerializer,
)

WRITERS = (Membership.Role.OWNER, Membership.Role.MEMBER)


class ObtainToken(ObtainAuthToken):
    """POST ``username`` and ``password``, get ``token``."""

    authentication_classes = []  # who has a session, of the admin say, would need its CSRF token to log in here
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "token"


class BoardViewSet(viewsets.ModelViewSet):
    """A view set whose rows belong to the project found at ``project_path``."""

    permission_classes = [IsAuthenticated, BoardPermission]
    project_path = "project"

    def get_queryset(self):
        return visible(super().get_queryset(), self.project_path, self.request.user)


class ProjectViewSet(BoardViewSet):
    """What is in a project is read with it only where it was asked for: renaming one of 10,000 tasks reads none."""

    queryset = Project.objects.all()
    serializer_class = ProjectSummarySerializer
    project_path = "pk"

    def get_queryset(self):
        projects = super().get_queryset()
        if self.action != "retrieve":
            return projects
        return projects.prefetch_related(
            "memberships__user", "tasks__assignee", "tasks__tags", "tasks__comments__author"
        )

    def get_serializer_class(self):
        return ProjectSerializer if self.action == "retrieve" else super().get_serializer_class()

    @transaction.atomic
    def perform_create(self, serializer):
        project = serializer.save()
        project.memberships.create(user=self.request.user, role=Membership.Role.OWNER)


class MembershipViewSet(BoardViewSet):
    queryset = Membership.objects.select_related("user")
    serializer_class = MembershipSerializer

    def perform_create(self, serializer):
        require_role(serializer.validated_data["project"], self.request.user, Membership.Role.OWNER)
        serializer.save()

    def perform_update(self, serializer):
        project = serializer.validated_data.get("project", serializer.instance.project)
        require_role(project, self.request.user, Membership.Role.OWNER)
        serializer.save()


class TaskViewSet(BoardViewSet):
    queryset = Task.objects.select_related("assignee").prefetch_related("tags", "comments__author")
    serializer_class = TaskSerializer

    @transaction.atomic
    def perform_create(self, serializer):
        project = serializer.validated_data["project"]
        require_role(project, self.request.user, *WRITERS)
        serializer.save(position=serializer.validated_data.get("position") or end_of(project))

    @transaction.atomic
    def perform_update(self, serializer):
        project = serializer.validated_data.get("project", serializer.instance.project)
        require_role(project, self.request.user, *WRITERS)
        serializer.save()

    @action(detail=True, methods=["post"])
    @transaction.atomic
    def move(self, request, pk=None):
        """POST ``before`` (a task of the same project, or null for the end) and, if it changes, ``done``."""
        task = self.get_object()
        serializer = MoveSerializer(task, data=request.data)
        serializer.is_valid(raise_exception=True)
        place(task, serializer.validated_data["before"])
        task.done = serializer.validated_data.get("done", task.done)
        task.save(update_fields=["position", "done"])
        return Response({"id": task.pk, "position": task.position, "done": task.done})


class CommentViewSet(BoardViewSet):
    queryset = Comment.objects.select_related("author", "task__project")
    serializer_class = CommentSerializer
    project_path = "task__project"

    def perform_create(self, serializer):
        require_role(serializer.validated_data["task"].project, self.request.user, *WRITERS)
        serializer.save(author=self.request.user)

    def perform_update(self, serializer):
        task = serializer.validated_data.get("task", serializer.instance.task)
        require_role(task.project, self.request.user, *WRITERS)
        serializer.save()


class PersonViewSet(viewsets.ReadOnlyModelViewSet):
    """Everybody who could be given a task."""

    queryset = get_user_model().objects.order_by("pk")
    serializer_class = PersonSerializer


class TagViewSet(mixins.CreateModelMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Tags are shared by all projects: everybody may add one, the admin alone renames them."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer


router = DefaultRouter()
router.register("projects", ProjectViewSet)
router.register("memberships", MembershipViewSet)
router.register("tasks", TaskViewSet)
router.register("comments", CommentViewSet)
router.register("tags", TagViewSet)
router.register("people", PersonViewSet, basename="person")

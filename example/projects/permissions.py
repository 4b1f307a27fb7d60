"""Who may do what on the board: members read, guests write nothing, owners change the project itself."""

from django.db.models import Model, QuerySet
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission

from projects.models import Comment, Membership, Project


def role_in(project: Project, user) -> str | None:
    """The reader's role, None for somebody from outside."""
    return Membership.objects.filter(project=project, user=user).values_list("role", flat=True).first()


def require_role(project: Project, user, *roles: str) -> None:
    """Raise `PermissionDenied` unless ``user`` has one of ``roles`` in ``project``."""
    if role_in(project, user) not in roles:
        raise PermissionDenied(f"This needs the role {' or '.join(roles)} in the project.")


def project_of(row: Model) -> Project:
    """The project that a row of the board belongs to."""
    if isinstance(row, Project):
        return row
    return row.task.project if isinstance(row, Comment) else row.project


def visible(queryset: QuerySet, path: str, user) -> QuerySet:
    """The rows of ``queryset`` whose project (at ``path``) the user takes part in."""
    return queryset.filter(**{f"{path}__in": Membership.objects.filter(user=user).values("project")})


class BoardPermission(BasePermission):
    """For rows that the view's queryset lets through, and so are in one of the reader's projects."""

    def has_object_permission(self, request, view, obj) -> bool:
        if request.method in SAFE_METHODS:
            return True
        if isinstance(obj, Comment):
            return obj.author_id == request.user.pk
        roles = {Membership.Role.OWNER}
        if not isinstance(obj, Project | Membership):
            roles.add(Membership.Role.MEMBER)
        return role_in(project_of(obj), request.user) in roles

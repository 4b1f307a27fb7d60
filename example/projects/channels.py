"""What is live: two channels, each naming a serializer and who may read it."""

from projects.models import Task
from projects.serializers import ProjectSerializer, TaskSerializer
from rxsse import StateChannel


class ProjectChannel(StateChannel):
    """One project with all that is in it, the same for everybody who takes part."""

    class Meta:
        anchor = ProjectSerializer()
        permission_models = {"projects.Membership": "user"}  # who is removed sees nothing from that moment

    def has_permission(self, user, project_id):
        return user.memberships.filter(project_id=project_id).exists()


class OpenTasksChannel(StateChannel):
    """What the reader has to do, over all projects."""

    class Meta:
        anchor = TaskSerializer(many=True)

    def has_permission(self, user):
        return user.is_authenticated

    def get_queryset(self):
        return Task.objects.filter(assignee=self.user, done=False).order_by("due", "pk")[:200]

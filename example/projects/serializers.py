"""The board as JSON, for the REST API and the streams alike; knows nothing of either."""

from django.contrib.auth import get_user_model
from rest_framework import serializers

from projects.models import Comment, Membership, Project, Tag, Task


class PersonSerializer(serializers.ModelSerializer):
    name = serializers.CharField(source="get_full_name", read_only=True)

    class Meta:
        model = get_user_model()
        fields = ["id", "username", "name"]


class MembershipSerializer(serializers.ModelSerializer):
    user = PersonSerializer(read_only=True)
    user_id = serializers.PrimaryKeyRelatedField(
        source="user", queryset=get_user_model().objects.all(), write_only=True
    )

    class Meta:
        model = Membership
        fields = ["id", "project", "user", "user_id", "role"]


class ParticipantSerializer(serializers.ModelSerializer):
    username = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields = ["id", "username", "role"]


class TagSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tag
        fields = ["id", "name", "color"]


class CommentSerializer(serializers.ModelSerializer):
    author = PersonSerializer(read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "task", "author", "text", "created"]


class TaskSerializer(serializers.ModelSerializer):
    assignee = PersonSerializer(read_only=True)
    tags = TagSerializer(many=True, read_only=True)
    comments = CommentSerializer(many=True, read_only=True)
    assignee_id = serializers.PrimaryKeyRelatedField(
        source="assignee",
        queryset=get_user_model().objects.all(),
        allow_null=True,
        required=False,
        write_only=True,
    )
    tag_ids = serializers.PrimaryKeyRelatedField(
        source="tags", queryset=Tag.objects.all(), many=True, required=False, write_only=True
    )

    class Meta:
        model = Task
        fields = [
            "id",
            "project",
            "title",
            "body",
            "assignee",
            "assignee_id",
            "tags",
            "tag_ids",
            "due",
            "done",
            "position",
            "comments",
        ]

    def validate(self, attrs):
        project = attrs.get("project", getattr(self.instance, "project", None))
        assignee = attrs.get("assignee", getattr(self.instance, "assignee", None))
        if assignee and not assignee.memberships.filter(project=project).exists():
            raise serializers.ValidationError({"assignee_id": f"{assignee} takes no part in this project."})
        return attrs


class MoveSerializer(serializers.Serializer):
    """Where the task (``instance``) goes: in front of another one of its project, or to the end."""

    before = serializers.PrimaryKeyRelatedField(queryset=Task.objects.all(), allow_null=True)
    done = serializers.BooleanField(required=False)

    def validate_before(self, before):
        if before and (before == self.instance or before.project_id != self.instance.project_id):
            raise serializers.ValidationError(f"Task {before.pk} is not another task of the same project.")
        return before


class ProjectSummarySerializer(serializers.ModelSerializer):
    class Meta:
        model = Project
        fields = ["id", "name", "description"]


class ProjectSerializer(serializers.ModelSerializer):
    participants = ParticipantSerializer(source="memberships", many=True, read_only=True)
    tasks = TaskSerializer(many=True, read_only=True)
    task_count = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = ["id", "name", "description", "task_count", "participants", "tasks"]

    def get_task_count(self, project: Project) -> int:
        return project.tasks.count()

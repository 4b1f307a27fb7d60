"""What a state may depend on: nothing of its reader where it is shared, one user where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, override_settings
from django.urls import path
from rest_framework import serializers
from rest_framework.authtoken.models import Token

from rxsse import StateChannel, runtime
from rxsse.asgi import StreamingHandler
from rxsse.audience import NoKwargs, NoUser, StateRequest
from rxsse.exceptions import AudienceError, DeriveError
from rxsse.testing import subscribe
from tests.domain.models import Board, Secret, Task, Team
from tests.streaming.support import serving
from tests.test_views import JSON, Stream

SOMEBODY = "the-name-of-somebody-else"


class LookingSerializer(serializers.ModelSerializer[Team]):
    """Looks at what a subclass names, from a method field."""

    mine = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ("id", "name", "mine")

    def get_mine(self, team: Team) -> str:
        return str(self.look(self.context))

    def look(self, context: dict[str, Any]) -> Any:
        raise NotImplementedError


class Everybody:
    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True


LOOKS: dict[str, Any] = {
    "user": lambda context: context["request"].user.username,
    "truth of the user": lambda context: "in" if context["request"].user else "out",
    "user compared": lambda context: context["request"].user == AnonymousUser(),
    "user in a query": lambda context: Task.objects.filter(assignee=context["request"].user).count(),
    "user in a set": lambda context: context["request"].user in {1},
    "user as text": lambda context: f"for {context['request'].user}",
    "user by getattr": lambda context: getattr(context["request"].user, "pk", None),
    "user of the view": lambda context: context["view"].user.pk,
    "kwargs of the view": lambda context: context["view"].kwargs["pk"],
    "kwargs by get": lambda context: context["view"].kwargs.get("pk"),
    "kwargs by loop": lambda context: list(context["view"].kwargs),
    "kwargs by membership": lambda context: "pk" in context["view"].kwargs,
    "headers": lambda context: context["request"].headers.get("Accept-Language"),
    "META": lambda context: context["request"].META["REMOTE_ADDR"],
    "query": lambda context: context["request"].query_params.get("q"),
    "GET": lambda context: dict(context["request"].GET),
    "session": lambda context: context["request"].session,
    "auth": lambda context: context["request"].auth,
    "host": lambda context: context["request"].get_host(),
    "cookies": lambda context: context["request"].COOKIES,
}


def looking(name: str) -> type[StateChannel]:
    kind = type("Looking", (LookingSerializer,), {"look": lambda self, context: LOOKS[name](context)})
    label = "Looking" + "".join(word.capitalize() for word in name.split())
    meta = type("Meta", (), {"anchor": kind()})
    return type(label, (Everybody, StateChannel), {"Meta": meta, "__module__": __name__})


CHANNELS = {name: looking(name) for name in LOOKS}


class MineSerializer(LookingSerializer):
    def look(self, context: dict[str, Any]) -> Any:
        return context["request"].user.username


class MineChannel(Everybody, StateChannel):
    """Looks at the user, and says so."""

    class Meta:
        anchor = MineSerializer()
        audience = "user"


class MyTaskSerializer(serializers.ModelSerializer[Task]):
    mine = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields = ("title", "mine")

    def get_mine(self, task: Task) -> bool:
        return bool(task.assignee_id == self.context["request"].user.pk)


class MyTasksChannel(Everybody, StateChannel):
    class Meta:
        anchor = MyTaskSerializer(many=True)

    def get_queryset(self) -> Any:
        return Task.objects.filter(assignee=self.user.pk).order_by("position")


class SharedTasksChannel(Everybody, StateChannel):
    """The same, but shared: must not work."""

    class Meta:
        anchor = MyTaskSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> Any:
        return Task.objects.filter(assignee=self.user.pk)


class KeySerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id",)


class LookingForRowChannel(Everybody, StateChannel):
    """Looks its one row up by the reader, although it is shared."""

    class Meta:
        anchor = KeySerializer()

    def get_object(self) -> Team:
        return Team.objects.get(name=self.user.username)


class MyRowChannel(LookingForRowChannel):
    class Meta(LookingForRowChannel.Meta):
        audience = "user"


class ByKwargsChannel(Everybody, StateChannel):
    """One row of a nested route: found by both arguments, derived by its key."""

    class Meta:
        anchor = KeySerializer()

    def get_object(self) -> Team:
        return Team.objects.get(pk=self.kwargs["pk"], name=self.kwargs["name"])


class SecretSerializer(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ("text",)
        user_key = "owner"


class SecretsSerializer(serializers.ModelSerializer[Board]):
    secrets = SecretSerializer(many=True, read_only=True)

    class Meta:
        model = Board
        fields = ("title", "secrets")


class SecretsChannel(Everybody, StateChannel):
    class Meta:
        anchor = SecretsSerializer()


class LinkedTeamSerializer(serializers.HyperlinkedModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("url", "name", "boards")
        extra_kwargs = {
            "url": {"view_name": "linked-team"},
            "boards": {"view_name": "linked-board", "lookup_field": "slug", "read_only": True},
        }


class Attached:
    """As a FieldFile gives it."""

    url = "/media/a%20b.pdf"


class FileSerializer(serializers.ModelSerializer[Team]):
    file = serializers.FileField(source="*", read_only=True)
    attached = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = ("name", "file", "attached")

    def get_attached(self, team: Team) -> str:
        return str(self.context["request"].build_absolute_uri(Attached.url))

    def to_representation(self, instance: Team) -> Any:
        instance.url = Attached.url  # type: ignore[attr-defined]
        return super().to_representation(instance)


class LinkedChannel(Everybody, StateChannel):
    class Meta:
        anchor = LinkedTeamSerializer()


class FileChannel(Everybody, StateChannel):
    class Meta:
        anchor = FileSerializer()


urlpatterns = [
    *(path(f"{name.replace(' ', '-')}/<int:pk>/", channel.as_view()) for name, channel in CHANNELS.items()),
    path("mine/<int:pk>/", MineChannel.as_view()),
    path("my-tasks/", MyTasksChannel.as_view()),
    path("shared-tasks/", SharedTasksChannel.as_view()),
    path("looking/", LookingForRowChannel.as_view()),
    path("my-row/", MyRowChannel.as_view()),
    path("linked/<int:pk>/", LinkedChannel.as_view(), name="linked-team"),
    path("boards/<slug:slug>/", LinkedChannel.as_view(), name="linked-board"),
    path("file/<int:pk>/", FileChannel.as_view()),
]


@pytest.fixture(autouse=True)
def site(settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    settings.RXSSE = {"RETRY_MILLISECONDS": 100}
    runtime.reset()
    yield
    runtime.reset()


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="one")


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


@pytest.fixture
def eve() -> User:
    return User.objects.create(username=SOMEBODY)


def client_of(user: User) -> Client:
    return Client(headers={"Authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"})


# --- a shared state knows no reader ------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", LOOKS)
def test_a_shared_state_cannot_look_at_its_reader(name: str, team: Team, eve: User, caplog: Any) -> None:
    channel = CHANNELS[name]
    with pytest.raises(DeriveError) as raised:
        subscribe(channel, eve, pk=team.pk)
    assert isinstance(raised.value.__cause__, AudienceError)
    response = client_of(eve).get(f"/{name.replace(' ', '-')}/{team.pk}/", headers={"Accept": JSON})
    assert response.status_code == 500
    assert response.json() == {"detail": "A server error occurred."}
    assert "AudienceError" in caplog.text
    assert channel.label in caplog.text  # whose fault it is


@pytest.mark.django_db(transaction=True)
def test_a_stream_of_such_a_state_is_reset_and_others_go_on(team: Team, ann: User, eve: User, caplog: Any) -> None:
    tokens = {user: Token.objects.create(user=user).key for user in (ann, eve)}
    with serving(StreamingHandler()) as (port, _):
        with Stream(port, f"/mine/{team.pk}/", tokens[ann]) as other:
            other.until(lambda client: client.state is not None)
            with Stream(port, f"/user/{team.pk}/", tokens[eve]) as stream:
                stream.until_end()
                assert stream.client.names == ["reset", "bye"]
                assert SOMEBODY.encode() not in stream.client.bytes
            with Stream(port, "/shared-tasks/", tokens[eve]) as stream:
                stream.until_end()
                assert stream.client.names == ["reset", "bye"]
            team.name = "two"
            team.save()
            other.until(lambda client: client.state["name"] == "two")
            assert other.client.state["mine"] == "ann"
            assert SOMEBODY.encode() not in other.client.bytes
    assert "Meta.audience = 'user'" in caplog.text


@pytest.mark.django_db
def test_a_shared_list_cannot_be_filtered_by_its_reader(eve: User, caplog: Any) -> None:
    with pytest.raises(DeriveError) as raised:
        subscribe(SharedTasksChannel, eve)
    assert isinstance(raised.value.__cause__, AudienceError)
    assert client_of(eve).get("/shared-tasks/", headers={"Accept": JSON}).status_code == 500
    assert "SharedTasksChannel looked at the user" in caplog.text


@pytest.mark.django_db
def test_a_shared_row_cannot_be_looked_up_by_its_reader(eve: User, caplog: Any) -> None:
    Team.objects.create(name=SOMEBODY)
    with pytest.raises(AudienceError, match="LookingForRowChannel looked at the user"):
        subscribe(LookingForRowChannel, eve)
    response = client_of(eve).get("/looking/", headers={"Accept": JSON})
    assert response.json() == {"detail": "A server error occurred."}
    assert "LookingForRowChannel looked at the user" in caplog.text


@pytest.mark.django_db
def test_arguments_find_a_row_but_do_not_shape_it(ann: User, team: Team) -> None:
    assert subscribe(ByKwargsChannel, ann, pk=team.pk, name="one").state == {"id": team.pk}
    topic = ByKwargsChannel.topic(ann, {"pk": team.pk, "name": "one"})
    assert topic == ByKwargsChannel.topic(None, {"pk": str(team.pk), "name": "one"})


# --- a state of one user -----------------------------------------------------------------


@pytest.mark.django_db
def test_each_user_has_a_state_of_its_own(team: Team, ann: User, eve: User) -> None:
    mine, other = subscribe(MineChannel, ann, pk=team.pk), subscribe(MineChannel, eve, pk=team.pk)
    assert (mine.state["mine"], other.state["mine"]) == ("ann", SOMEBODY)
    assert MineChannel.topic(ann, {"pk": team.pk}) != MineChannel.topic(eve, {"pk": team.pk})
    ann.username = "anna"
    ann.save()
    assert (mine.state["mine"], other.state["mine"]) == ("anna", SOMEBODY)
    assert other.patches == []


@pytest.mark.django_db
def test_a_list_belongs_to_its_reader(ann: User, eve: User) -> None:
    board = Board.objects.create(slug="b", code="B", title="Board")
    task = Task.objects.create(board=board, title="it", assignee=ann)
    mine, other, nobody = (subscribe(MyTasksChannel, user) for user in (ann, eve, None))
    assert mine.state == [{"title": "it", "mine": True}]
    assert (other.state, nobody.state) == ([], [])
    task.assignee = eve
    task.save()
    assert (mine.state, other.state) == ([], [{"title": "it", "mine": True}])
    task.assignee = None
    task.save()
    assert (other.state, nobody.state) == ([], [{"title": "it", "mine": True}])


@pytest.mark.django_db
def test_a_row_may_be_looked_up_by_its_own_reader(ann: User, eve: User) -> None:
    Team.objects.create(name="ann")
    found = Team.objects.create(name=SOMEBODY)
    assert subscribe(MyRowChannel, eve).state == {"id": found.pk}


@pytest.mark.django_db
def test_the_user_of_a_state_is_read_from_the_database(team: Team, ann: User) -> None:
    """Not the object of the request that happened to come first."""
    stranger = User.objects.get(pk=ann.pk)
    stranger.username = "an unsaved name"
    assert subscribe(MineChannel, stranger, pk=team.pk).state["mine"] == "ann"


@pytest.mark.django_db
def test_all_who_have_not_signed_in_are_one_audience(team: Team, ann: User) -> None:
    nobody = AnonymousUser()
    assert MineChannel.topic(nobody, {"pk": team.pk}) == MineChannel.topic(None, {"pk": team.pk})
    assert MineChannel.topic(nobody, {"pk": team.pk}) != MineChannel.topic(ann, {"pk": team.pk})
    assert subscribe(MineChannel, pk=team.pk).state["mine"] == ""
    board = Board.objects.create(slug="b", code="B", title="Board")
    Secret.objects.create(board=board, owner=ann, text="hidden")
    assert subscribe(SecretsChannel, pk=board.pk).state["secrets"] == []
    assert subscribe(SecretsChannel, ann, pk=board.pk).state["secrets"] == [{"text": "hidden"}]


@pytest.mark.django_db
def test_nobody_is_called_anonymous(team: Team) -> None:
    """A key that reads like the name of the audience of those who have not signed in."""

    class Named:
        pk = "anonymous"
        is_authenticated = True

    with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the user model's key says of such a value)
        MineChannel.topic(Named(), {"pk": team.pk})


@pytest.mark.django_db(transaction=True)
def test_the_state_of_a_user_who_is_deleted_is_gone(team: Team, ann: User) -> None:
    token = Token.objects.create(user=ann).key
    with serving(StreamingHandler()) as (port, _), Stream(port, f"/mine/{team.pk}/", token) as stream:
        stream.until(lambda client: client.state is not None)
        ann.delete()
        stream.until(lambda client: client.ended)
        assert stream.client.names[-1] in ("gone", "revoked")


# --- URLs --------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("base", "origin"),
    [(None, ""), ("https://example.org", "https://example.org"), ("https://example.org/", "https://example.org")],
)
def test_links_are_absolute_where_a_base_is_set(base: str | None, origin: str, team: Team, ann: User) -> None:
    Board.objects.create(slug="b", code="B", title="Board", team=team)
    with override_settings(RXSSE={"BASE_URL": base}):
        assert subscribe(LinkedChannel, ann, pk=team.pk).state == {
            "url": f"{origin}/linked/{team.pk}/",
            "name": "one",
            "boards": [f"{origin}/boards/b/"],
        }
        state = subscribe(FileChannel, ann, pk=team.pk).state
        assert (state["file"], state["attached"]) == (f"{origin}/media/a%20b.pdf",) * 2


@pytest.mark.django_db
def test_the_host_of_a_reader_is_not_the_host_of_a_state(team: Team, ann: User) -> None:
    response = client_of(ann).get(f"/linked/{team.pk}/", headers={"Accept": JSON, "Host": "evil.example"})
    assert response.status_code == 200
    assert b"evil" not in response.content


# --- the stand-ins -----------------------------------------------------------------------


TOUCHES: list[Any] = [
    str,
    bool,
    hash,
    list,
    len,
    "{}".format,
    lambda it: it.pk,
    lambda it: it == 1,
    lambda it: it != 1,
    lambda it: it < 1,
    lambda it: it in [1],
]


@pytest.mark.parametrize("touch", TOUCHES)
def test_nothing_is_learned_of_no_user(touch: Any) -> None:
    with pytest.raises((AudienceError, TypeError)):
        touch(NoUser("app.Channel"))


def test_no_user_is_told_by_the_name_of_its_channel() -> None:
    with pytest.raises(AudienceError, match=r"^app\.Channel looked at the user.*Meta\.audience"):
        NoUser("app.Channel").is_authenticated  # noqa: B018


def test_a_state_request_has_what_serializers_of_states_need() -> None:
    user = object()
    request = StateRequest("app.Channel", user)
    assert (request.user, request.method, request.version, request.versioning_scheme) == (user, "GET", None, None)
    assert not hasattr(request, "__html__")
    with pytest.raises(AudienceError, match=r"app\.Channel looked at request\.headers"):
        request.headers  # noqa: B018


KWARGS_LOOKS: list[Any] = [
    list,
    len,
    dict,
    bool,
    sorted,
    lambda it: it["pk"],
    lambda it: it.get("pk"),
    lambda it: it.items() | set(),
    lambda it: "pk" in it,
    lambda it: it == {},
    lambda it: {**it},
    lambda it: dict(pk=1, **it),
]


@pytest.mark.parametrize("look", KWARGS_LOOKS)
def test_no_kwargs_are_told_while_deriving(look: Any) -> None:
    with pytest.raises(AudienceError, match=r"app\.Channel looked at its kwargs"):
        look(NoKwargs("app.Channel"))

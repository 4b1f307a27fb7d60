"""Every system check: what it finds, what it says, and what it leaves alone."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.checks import CheckMessage, Error, Warning, run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.management import get_commands
from django.db import ProgrammingError
from django.test import override_settings
from django.urls import include, path, re_path
from rest_framework import serializers
from rest_framework.authentication import TokenAuthentication

from rxsse import StateChannel, runtime
from rxsse.asgi import StreamingHandler
from rxsse.channels import registry
from rxsse.checks.deployment import worker_processes
from tests.domain.models import Board, Label, Secret, Task, Team

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "checks.md").read_text("utf-8")
CODE = "".join(path.read_text("utf-8") for path in sorted((ROOT / "rxsse" / "checks").glob("*.py")))


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "name")


class SecretSerializer(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ("id", "text")
        user_key = "owner"


class SecretsSerializer(serializers.ModelSerializer[Board]):
    secrets = SecretSerializer(many=True, read_only=True)

    class Meta:
        model = Board
        fields = ("id", "secrets")


class BoardUrlSerializer(serializers.ModelSerializer[Board]):
    team: Any = serializers.HyperlinkedRelatedField(view_name="team", read_only=True)
    tasks: Any = serializers.HyperlinkedRelatedField(many=True, view_name="task", read_only=True)
    picture = serializers.FileField(source="title", read_only=True)
    name = serializers.FileField(source="title", use_url=False, read_only=True)

    class Meta:
        model = Board
        fields = ("id", "team", "tasks", "picture", "name")


class LabelsSerializer(serializers.ModelSerializer[Task]):
    labels: Any = serializers.SlugRelatedField(many=True, slug_field="key", read_only=True)
    comments: Any = serializers.StringRelatedField(many=True, read_only=True)

    class Meta:
        model = Task
        fields = ("id", "labels", "comments")


class Routes:
    """A URLconf."""

    def __init__(self, patterns: Iterable[Any]) -> None:
        self.urlpatterns = list(patterns)


@pytest.fixture(autouse=True)
def declared(settings: Any) -> Iterator[None]:
    """No channels but the test's own, and no routes but those it sets."""
    kept = dict(registry)
    registry.clear()
    settings.ROOT_URLCONF = Routes([])
    yield
    registry.clear()
    registry.update(kept)


def found(*, deploy: bool = False) -> list[CheckMessage]:
    messages = run_checks(tags=["rxsse"], include_deployment_checks=deploy)
    for message in messages:
        assert message.id
        assert message.hint, message
        assert message.msg.endswith((".", "]", ")")) or ":" in message.msg, message
    return messages


def ids(*, deploy: bool = False, but: str = "W002") -> list[str]:
    """The ids found, without the one that every channel without a route has."""
    return [str(m.id).removeprefix("rxsse.") for m in found(deploy=deploy) if not str(m.id).endswith(but)]


def channel(anchor: Any = None, permission: Any = lambda self, user, **kwargs: True, **members: Any) -> Any:
    """Declare a channel; names in capitals go to its Meta."""
    meta = {name.lower(): members.pop(name) for name in list(members) if name.isupper()}
    if anchor is not None:
        meta["anchor"] = anchor
    if permission is not None:
        members["has_permission"] = permission
    return type(f"Shown{len(registry)}", (StateChannel,), {"Meta": type("Meta", (), meta), **members})


def route(*patterns: Any) -> None:
    from django.conf import settings

    settings.ROOT_URLCONF = Routes(patterns)


# --- the page ----------------------------------------------------------------------------


def test_the_page_lists_every_check_and_no_other() -> None:
    listed = re.findall(r"^\| `rxsse\.([EW]\d{3})` \|", PAGE, re.MULTILINE)
    assert listed == sorted(set(re.findall(r'"([EW]\d{3})"', CODE)))


def test_every_check_has_its_test() -> None:
    tests = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_checks.py")))
    for number in re.findall(r"^\| `rxsse\.([EW]\d{3})` \|", PAGE, re.MULTILINE):
        assert f'"{number}"' in tests


def test_the_checks_run_with_djangos_own() -> None:
    """In a process of its own: nothing but INSTALLED_APPS registers them."""
    command = [sys.executable, "-m", "django", "check", "--tag", "rxsse", "--settings", "tests.settings"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert "rxsse.W001" in ran.stderr


# --- settings ----------------------------------------------------------------------------


def test_without_settings_nothing_is_wrong() -> None:
    assert found() == []


@pytest.mark.parametrize("value", [{"REDIS": "x"}, {"MARK_SECONDS": "x"}, []])
def test_wrong_settings_are_named_once(value: Any) -> None:
    channel(BoardUrlSerializer(), permission=None)
    with override_settings(RXSSE=value):
        assert sorted(ids(deploy=True)) == ["E001", "E004"]
        (message,) = [m for m in found() if m.id == "rxsse.E001"]
    assert message.msg.startswith("RXSSE")
    assert message.hint


@pytest.mark.parametrize(
    "url", ["127.0.0.1:6379", "http://127.0.0.1/0", "redis//127.0.0.1", "redis://127.0.0.1:port/0"]
)
def test_a_redis_url_has_to_be_one(url: str) -> None:
    with override_settings(RXSSE={"REDIS_URL": url}):
        assert ids(deploy=True) == ["E002"]


@pytest.mark.parametrize("url", ["127.0.0.1:27017", "http://127.0.0.1", "mongodb://", "mongodb://127.0.0.1:port/x"])
def test_a_mongo_url_has_to_be_one(url: str) -> None:
    with override_settings(RXSSE={"MONGO_URL": url}):
        assert ids(deploy=True) == ["E003"]


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("REDIS_URL", "redis://127.0.0.1"),
        ("REDIS_URL", "rediss://u:p@127.0.0.1:6380/3?health_check_interval=2"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("MONGO_URL", "mongodb://127.0.0.1"),
        ("MONGO_URL", "mongodb://u:p%40@a:1,b:2/rxsse?replicaSet=rs0"),
        ("MONGO_URL", "mongodb+srv://u:p@does-not-exist.invalid/rxsse"),  # asks no name server
    ],
)
def test_urls_that_the_clients_take_are_fine(key: str, url: str) -> None:
    with override_settings(RXSSE={key: url}):
        assert found() == []


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("REDIS_URL", "redis://u:pass@word:6379@127.0.0.1:x/0"),
        ("REDIS_URL", "redi://u:password@127.0.0.1/0"),
        ("MONGO_URL", "mongodb://u:pass:word@127.0.0.1/x"),
        ("MONGO_URL", "mongodb://u:pass@word:27@127.0.0.1/x"),
    ],
)
def test_a_url_that_is_refused_keeps_its_password(key: str, url: str) -> None:
    with override_settings(RXSSE={key: url}):
        (message,) = found()
    assert "pass" not in str(message).replace("user:password@", "").replace("of a password", "")
    assert "word" not in message.msg


# --- channels ----------------------------------------------------------------------------


def test_a_good_channel_has_nothing_wrong() -> None:
    shown = channel(TeamSerializer(), lambda self, user, pk: True)
    route(path("t/<int:pk>/", shown.as_view()))
    assert found(deploy=True) == []


def test_a_channel_says_who_may_read() -> None:
    shown = channel(TeamSerializer(), permission=None)
    route(path("t/<int:pk>/", shown.as_view()))
    assert ids() == ["E004"]
    (message,) = found()
    assert (message.obj, message.level) == (shown, Error("").level)
    assert shown.label in message.msg


@pytest.mark.parametrize("permission", [True, "is_staff"])
def test_a_permission_can_be_called(permission: Any) -> None:
    shown = channel(TeamSerializer(), permission)
    route(path("t/<int:pk>/", shown.as_view()))
    assert ids() == ["E005"]


def test_a_permission_may_be_async_static_or_inherited() -> None:
    async def later(self: Any, user: Any, pk: int) -> bool:
        return True

    class SignedIn:
        def has_permission(self, user: Any, **kwargs: Any) -> bool:
            return True

    kinds = [
        channel(TeamSerializer(), later),
        channel(TeamSerializer(), staticmethod(lambda user, pk: True)),
        channel(TeamSerializer(), classmethod(lambda cls, user, pk: True)),
        type("Inheriting", (SignedIn, StateChannel), {"Meta": type("Meta", (), {"anchor": TeamSerializer()})}),
    ]
    route(*(path(f"{n}/<int:pk>/", kind.as_view()) for n, kind in enumerate(kinds)))
    assert found() == []


class Plain(serializers.Serializer[Any]):
    name = serializers.CharField()


class WrongField(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id", "colour")


class NoModel(serializers.ModelSerializer[Team]):
    class Meta:
        fields = ("id",)


class NoMeta(serializers.ModelSerializer[Team]):
    pass


class WrongUserKey(serializers.ModelSerializer[Secret]):
    class Meta:
        model = Secret
        fields = ("id",)
        user_key = "possessor"


class LookingSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ("id",)

    def get_fields(self) -> Any:
        return {} if self.context["request"].user.is_staff else super().get_fields()


@pytest.mark.parametrize(
    "anchor",
    [
        None,
        Team,
        Plain(),
        Plain(many=True),
        WrongField(),
        NoModel(),
        NoMeta(),
        WrongUserKey(),
        LookingSerializer(),
    ],
    ids=lambda anchor: getattr(anchor, "__name__", type(anchor).__name__),
)
def test_an_anchor_is_a_serializer_of_model_rows(anchor: Any) -> None:
    shown = channel(anchor)
    route(path("t/<int:pk>/", shown.as_view()))
    (message,) = found()
    assert (message.id, message.obj) == ("rxsse.E006", shown)
    assert ids() == ["E006"]


def no_table() -> Any:
    raise ProgrammingError("no such table")


@pytest.mark.parametrize("anchor", [TeamSerializer, lambda: TeamSerializer(), no_table])
def test_an_anchor_may_be_made_when_it_is_needed(anchor: Any) -> None:
    """Also by code that reads the database, and checks run before there are tables."""
    shown = channel(staticmethod(anchor) if isinstance(anchor, types.FunctionType) else anchor)
    route(path("t/<int:pk>/", shown.as_view()))
    assert found() == []


def test_a_class_that_others_are_derived_from_needs_no_anchor() -> None:
    class Base(StateChannel):
        class Meta:
            audience = "shared"

    class Shown(Base):
        class Meta(Base.Meta):
            anchor = TeamSerializer()

        def has_permission(self, user: Any, pk: int) -> bool:
            return True

    route(path("t/<int:pk>/", Shown.as_view()))
    assert found() == []


def test_a_list_says_of_what() -> None:
    channel(TeamSerializer(many=True))
    assert ids() == ["E007"]
    registry.clear()
    channel(TeamSerializer(many=True), get_queryset=lambda self: Team.objects.all())
    assert ids() == []


@pytest.mark.parametrize("audience", ["everyone", "Shared", 7, True])
def test_an_audience_is_shared_or_user(audience: Any) -> None:
    channel(TeamSerializer(), AUDIENCE=audience)
    assert ids() == ["E008"]


def test_rows_of_one_user_are_not_shared() -> None:
    channel(SecretsSerializer(), AUDIENCE="shared")
    assert ids() == ["E008"]


@pytest.mark.parametrize(
    "labels", ["domain.Team", 7, ["domain.Nothing"], ["Team"], [7], [None], ["nowhere.Team"], ["domain.Sketch"]]
)
def test_dependencies_are_installed_models(labels: Any) -> None:
    channel(TeamSerializer(), DEPENDS_ON=labels)
    assert ids() == ["E009"]
    registry.clear()
    channel(TeamSerializer(), PERMISSION_MODELS=labels)
    assert ids() == ["E017"]


def test_a_permission_model_may_say_whose_its_rows_are() -> None:
    channel(TeamSerializer(), PERMISSION_MODELS=["domain.Profile", "auth.User_groups", "domain.Seat"])
    channel(TeamSerializer(), PERMISSION_MODELS={"domain.Profile": "user", "auth.Group": None})
    assert ids() == []
    for field in ("team", "bio", "nothing", "user_id"):
        registry.clear()
        channel(TeamSerializer(), PERMISSION_MODELS={"domain.Profile": field})
        assert ids() == ["E017"]


@pytest.mark.parametrize("labels", [[], ("domain.Team", "domain.board"), {"auth.user"}])
def test_dependencies_may_be_any_sequence_of_labels(labels: Any) -> None:
    channel(TeamSerializer(), DEPENDS_ON=labels)
    assert ids() == []


def test_a_lookup_field_is_a_field() -> None:
    shown = channel(TeamSerializer(), LOOKUP_FIELD="slug")
    route(path("t/<slug:slug>/", shown.as_view()))
    assert ids() == ["E010"]


@pytest.mark.parametrize("field", ["pk", "name", "boards__code"])
def test_a_lookup_field_may_be_reached_over_relations(field: str) -> None:
    shown = channel(TeamSerializer(), LOOKUP_FIELD=field)
    route(path("t/<str:it>/", shown.as_view()))
    assert found() == []


def test_a_lookup_field_may_come_from_the_queryset() -> None:
    shown = channel(TeamSerializer(), LOOKUP_FIELD="shout", get_queryset=lambda self: Team.objects.all())
    route(path("t/<str:it>/", shown.as_view()))
    assert found() == []


def test_relations_without_an_order_are_named_once() -> None:
    channel(LabelsSerializer())
    channel(LabelsSerializer(), AUDIENCE="user")
    (message,) = [m for m in found() if m.id != "rxsse.W002"]
    assert (message.id, message.obj, message.level) == ("rxsse.W001", Label, Warning("").level)
    assert "Task.labels in Shown0, Task.labels in Shown1" in message.msg
    assert "comments" not in message.msg
    assert "W001" in ids()


def test_urls_need_a_base() -> None:
    channel(BoardUrlSerializer())
    fields = [str(m.msg) for m in found() if m.id == "rxsse.W003"]
    assert [re.findall(r"Serializer\.(\w+)", text) for text in fields] == [["team"], ["tasks"], ["picture"]]
    assert "W003" in ids()
    with override_settings(RXSSE={"BASE_URL": "https://example.org"}):
        assert "W003" not in ids()


def test_tokens_need_their_app(settings: Any) -> None:
    class Own(TokenAuthentication):
        model = User  # type: ignore[assignment]

    channel(TeamSerializer())
    channel(TeamSerializer(), AUTHENTICATION_CLASSES=[Own])
    assert ids() == []
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "rest_framework.authtoken"]
    assert ids() == ["E013"]


# --- routes ------------------------------------------------------------------------------


def test_a_route_gives_what_the_permission_takes() -> None:
    shown = channel(TeamSerializer(), lambda self, user, team_id: True)
    route(path("x/", include([path("<int:pk>/", shown.as_view())])))
    (message,) = found()
    assert (message.id, message.obj) == ("rxsse.E011", shown)
    assert "x/<int:pk>/" in message.msg
    route(path("x/<int:team_id>/", shown.as_view()))
    assert found() == []


def test_arguments_of_included_routes_and_constants_count() -> None:
    shown = channel(TeamSerializer(), lambda self, user, team, pk, kind: True)
    inner = [re_path(r"^(?P<pk>[0-9]+)/$", shown.as_view(), {"kind": "a"})]
    route(path("<slug:team>/", include(inner)))
    assert ids() == []
    route(path("<slug:team>/", include(inner), {"more": 1}))
    assert ids() == ["E011"]


def test_an_argument_is_not_called_user() -> None:
    shown = channel(TeamSerializer(), lambda self, user: True)
    route(path("<int:user>/", shown.as_view()))
    assert ids() == ["E011"]


def test_groups_have_names() -> None:
    shown = channel(TeamSerializer(), get_object=lambda self: Team())
    route(re_path(r"^([0-9]+)/$", shown.as_view()))
    assert ids() == ["E011"]
    route(re_path(r"^(?P<pk>[0-9]+)/(x)?$", shown.as_view()))  # Django passes named ones only
    assert ids() == []


def test_a_route_says_which_row() -> None:
    shown = channel(TeamSerializer())
    route(path("", shown.as_view()))
    assert ids() == ["E012"]
    route(path("<slug:board>/<int:team>/", shown.as_view()))
    assert ids() == ["E012"]
    route(path("<slug:board>/<int:pk>/", shown.as_view()))
    assert ids() == []
    wanted = channel(TeamSerializer(), LOOKUP_URL_KWARG="team")
    route(path("<int:pk>/", shown.as_view()), path("b/<int:pk>/", wanted.as_view()))
    assert ids() == ["E012"]


def test_an_own_lookup_needs_no_argument() -> None:
    shown = channel(TeamSerializer(), get_object=lambda self: Team())
    listed = channel(TeamSerializer(many=True), get_queryset=lambda self: Team.objects.all())
    route(path("a/", shown.as_view()), path("b/", listed.as_view()))
    assert found() == []


def test_a_channel_has_a_route() -> None:
    shown = channel(TeamSerializer())
    (message,) = found()
    assert (message.id, message.obj) == ("rxsse.W002", shown)
    assert ids(but="none") == ["W002"]


def test_without_a_urlconf_no_route_is_missed(settings: Any) -> None:
    channel(TeamSerializer())
    settings.ROOT_URLCONF = None
    assert found() == []


def test_views_of_others_are_passed_over() -> None:
    view = types.SimpleNamespace(channel="tv")
    route(path("a/", lambda request: None), path("b/", type("V", (), {"__call__": print, "channel": 4})()))  # type: ignore[arg-type,return-value]
    assert view.channel
    assert found() == []


# --- the deployment ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({"WEB_CONCURRENCY": "4"}, []),
        ({"UVICORN_WORKERS": "4"}, ["manage.py", "check"]),
        ({"GUNICORN_CMD_ARGS": "--bind 0.0.0.0:80 --workers=4"}, []),
        ({"GUNICORN_CMD_ARGS": "-w4"}, []),
        ({}, ["/usr/bin/gunicorn", "-w", "4", "board.asgi"]),
        ({}, ["/lib/python3/uvicorn/__main__.py", "--workers", "4", "board.asgi:application"]),
        ({"WEB_CONCURRENCY": "1"}, ["gunicorn", "--workers", "2", "--workers", "4"]),
    ],
)
def test_several_processes_are_recognised(environment: dict[str, str], command: list[str]) -> None:
    workers = worker_processes(environment, command)
    assert workers is not None
    assert workers.number == 4


@pytest.mark.parametrize(
    ("environment", "command"),
    [
        ({}, []),
        ({"WEB_CONCURRENCY": "1"}, []),
        ({"WEB_CONCURRENCY": "auto"}, []),
        ({"UVICORN_WORKERS": ""}, ["uvicorn", "board.asgi:application"]),
        ({}, ["manage.py", "test", "-w", "4"]),
        ({}, ["uvicorn", "--workers", "1"]),
    ],
)
def test_one_process_is_left_alone(environment: dict[str, str], command: list[str]) -> None:
    assert worker_processes(environment, command) is None


def test_several_processes_need_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert ids() == ["E014"]
    with override_settings(RXSSE={"MONGO_URL": "mongodb://127.0.0.1"}):
        assert ids() == ["E014"]
    with override_settings(RXSSE={"REDIS_URL": "redis://127.0.0.1"}):
        assert ids() == ["W004"]
    with override_settings(RXSSE={"REDIS_URL": "redis://127.0.0.1", "MONGO_URL": "mongodb://127.0.0.1"}):
        assert ids() == []


def test_a_server_that_runs_no_checks_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.reset()
    monkeypatch.setattr(sys, "argv", ["/usr/bin/uvicorn", "--workers", "3", "board.asgi:application"])
    try:
        assert runtime.current().hubs is runtime.current().hubs
    finally:
        runtime.reset()
    assert [record.levelname for record in caplog.records if "rxsse.E014" in record.getMessage()] == ["WARNING"]


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port where connections are taken and nothing is ever answered."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_servers_that_hang_are_named(deaf: int) -> None:
    urls = {"REDIS_URL": f"redis://:hidden@127.0.0.1:{deaf}/0", "MONGO_URL": f"mongodb://u:hidden@127.0.0.1:{deaf}/x"}
    with override_settings(RXSSE={**urls, "BACKEND_TIMEOUT": 0.3}):
        assert ids() == []
        messages = found(deploy=True)
    assert [m.id for m in messages] == ["rxsse.E015"] * 2
    assert "REDIS_URL" in messages[0].msg
    assert "MONGO_URL" in messages[1].msg
    assert not any("hidden" in str(message) for message in messages)


def test_servers_that_are_not_there_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    urls = {"REDIS_URL": f"redis://127.0.0.1:{port}", "MONGO_URL": f"mongodb://127.0.0.1:{port}/x"}
    with override_settings(RXSSE={**urls, "BACKEND_TIMEOUT": 0.3}):
        assert ids(deploy=True) == ["E015", "E015"]


@pytest.mark.services
def test_servers_that_answer_are_fine(redis_url: str, mongo_url: str, prefix: str) -> None:
    with override_settings(RXSSE={"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix}):
        assert found(deploy=True) == []


class Middleware:
    def __init__(self, app: Any) -> None:
        self.app = app
        self.itself = self


def decorated(app: Any) -> Any:
    async def call(*arguments: Any) -> None:
        await app(*arguments)

    return call


def site(settings: Any, monkeypatch: pytest.MonkeyPatch, application: Any) -> None:
    module = types.ModuleType("rxsse_test_site_asgi")
    module.application = application  # type: ignore[attr-defined]
    module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.ASGI_APPLICATION = f"{module.__name__}.application"


WRAPPINGS = {
    "bare": lambda app: app,
    "middleware": Middleware,
    "twice": lambda app: Middleware(Middleware(app)),
    "function": decorated,
    "method": lambda app: Middleware(app).__init__,
    "router": lambda app: Middleware({"http": app, "websocket": print}),
    "list": lambda app: Middleware([len, (app,)]),
    "static files": ASGIStaticFilesHandler,
}


@pytest.mark.parametrize("wrapped", WRAPPINGS.values(), ids=list(WRAPPINGS))
def test_djangos_own_handler_is_warned_of(wrapped: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site(settings, monkeypatch, wrapped(ASGIHandler()))
    assert ids() == []
    assert ids(deploy=True) == ["W005"]
    site(settings, monkeypatch, wrapped(StreamingHandler()))
    assert ids(deploy=True) == []


@pytest.mark.parametrize("key", ["STREAMS_PER_ADDRESS", "REFUSALS_PER_ADDRESS"])
def test_limits_by_address_need_to_know_the_proxies(key: str, settings: Any) -> None:
    settings.RXSSE = {key: 5}
    assert ids() == []
    assert ids(deploy=True) == ["W007"]
    for number in (0, 1):
        settings.REST_FRAMEWORK = {"NUM_PROXIES": number}
        assert ids(deploy=True) == []
    settings.REST_FRAMEWORK, settings.RXSSE = {}, {"STREAMS_PER_USER": 5}
    assert ids(deploy=True) == []


@pytest.mark.parametrize("application", [None, print, Middleware(None)])
def test_an_application_without_django_is_left_alone(
    application: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(settings, monkeypatch, application)
    assert ids(deploy=True) == []


@pytest.mark.parametrize(
    ("asgi", "wsgi", "urls"),
    [
        (None, None, "tests.convergence.urls"),
        (None, "tests.convergence.wsgi.application", "tests.urls"),
        ("tests.convergence.asgi.application", None, None),
    ],
)
def test_the_application_is_found_where_projects_put_it(
    asgi: Any, wsgi: Any, urls: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rxsse.checks import deployment

    settings.ASGI_APPLICATION, settings.WSGI_APPLICATION, settings.ROOT_URLCONF = asgi, wsgi, urls
    name, application = deployment._asgi_application()
    assert name == "tests.convergence.asgi.application"
    assert isinstance(application, StreamingHandler)


@pytest.mark.parametrize("name", ["nowhere.asgi.application", "application", "tests.asgi.application"])
def test_an_application_that_is_nowhere_is_left_alone(name: str, settings: Any) -> None:
    settings.ASGI_APPLICATION = name
    assert ids(deploy=True) == []


# --- the front end -----------------------------------------------------------------------


def test_a_prefix_of_the_front_end_is_a_path(settings: Any) -> None:
    settings.RXSSE = {"FRONTEND_DIR": "rx", "FRONTEND_PREFIX": "backend"}
    assert ids() == ["E016"]
    settings.RXSSE = {"FRONTEND_DIR": "rx", "FRONTEND_PREFIX": "/backend"}
    assert found() == []
    settings.RXSSE = {"FRONTEND_PREFIX": "backend"}  # nothing is generated
    assert found() == []


def test_the_server_of_another_app_comes_first(settings: Any) -> None:
    settings.RXSSE = {"FRONTEND_DIR": "rx"}
    others = [app for app in settings.INSTALLED_APPS if app != "rxsse"]
    try:
        for apps, wanted in (
            ([*others, "django.contrib.staticfiles", "rxsse"], ["W006"]),
            ([*others, "rxsse", "django.contrib.staticfiles"], []),
        ):
            settings.INSTALLED_APPS = apps
            get_commands.cache_clear()
            assert ids() == wanted
    finally:
        get_commands.cache_clear()

"""What a channel declares, which topic a reader is given, and what a declaration is refused for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404
from rest_framework import serializers

from rxsse import StateChannel
from rxsse.channels import ANONYMOUS, Reading, registry
from rxsse.exceptions import AudienceError, DeclarationError, Gone
from rxsse.messages import Topic
from tests.deriving.conftest import own_registry
from tests.domain import channels
from tests.domain.models import Board, Label, Task
from tests.domain.serializers import (
    CoveredBoardSerializer,
    LabelSerializer,
    OpenTaskSerializer,
    PrivateBoardSerializer,
    SecretSerializer,
)

__all__ = ["own_registry"]


def declared(**options: Any) -> type[StateChannel]:
    """A channel of boards with ``options`` in its Meta."""
    options.setdefault("anchor", CoveredBoardSerializer())
    made: type[StateChannel] = type("Made", (StateChannel,), {"Meta": type("Meta", (), options)})
    return made


# --- declaring ---------------------------------------------------------------------------


def test_a_channel_is_registered_by_its_name() -> None:
    made = declared()
    assert made.label == "tests.test_channels.Made"
    assert registry[made.label] is made
    abstract = type("Base", (StateChannel,), {})
    assert abstract.label not in registry


def test_an_anchor_may_be_a_function() -> None:
    class Made(StateChannel):
        class Meta:
            anchor = staticmethod(lambda: CoveredBoardSerializer(many=True))

    assert Made.is_list()
    assert declared(anchor=CoveredBoardSerializer).model() is Board


@pytest.mark.parametrize("anchor", [None, "x", Board, lambda: 3])
def test_an_anchor_that_is_none(anchor: Any) -> None:
    with pytest.raises(DeclarationError, match=r"Meta\.anchor is .*give an instance of a serializer"):
        declared(anchor=anchor).anchor()


def test_a_list_needs_a_queryset() -> None:
    made = declared(anchor=CoveredBoardSerializer(many=True))
    with pytest.raises(DeclarationError, match=r"shows a list but has no get_queryset\(self\); define it"):
        made(None, {}).get_queryset()


@pytest.mark.parametrize(
    ("options", "per_user"),
    [
        ({}, False),
        ({"audience": "user"}, True),
        ({"audience": "shared"}, False),
        ({"anchor": OpenTaskSerializer(many=True)}, True),
        ({"anchor": OpenTaskSerializer(many=True), "audience": "shared"}, False),
        ({"anchor": PrivateBoardSerializer()}, True),
        ({"anchor": PrivateBoardSerializer(), "audience": "user"}, True),
    ],
)
def test_for_whom_a_state_is(options: dict[str, Any], per_user: bool) -> None:
    assert declared(**options).is_per_user() is per_user


def test_audiences_that_can_not_be() -> None:
    with pytest.raises(DeclarationError, match=r"Meta\.audience is 'everybody'; give 'shared' or 'user'"):
        declared(audience="everybody").is_per_user()
    with pytest.raises(DeclarationError, match=r"is shared but has rows that belong to one user \(Meta\.user_key\)"):
        declared(anchor=PrivateBoardSerializer(), audience="shared").is_per_user()


def test_the_tree_is_built_once() -> None:
    made = declared()
    assert made.tree() is made.tree()
    derived: type[StateChannel] = type("Derived", (made,), {"Meta": type("Meta", (), {"anchor": LabelSerializer()})})
    assert derived.model() is Label
    assert made.model() is Board


def test_a_channel_has_a_view() -> None:
    assert callable(declared().as_view())


# --- permission --------------------------------------------------------------------------


def test_nobody_may_read_without_a_permission_method() -> None:
    assert declared().permits(AnonymousUser(), {}) is False


def test_the_permission_method_may_be_async() -> None:
    class Plain(StateChannel):
        def has_permission(self, user: Any, pk: int) -> Any:
            return pk if self.user is user and self.kwargs == {"pk": pk} else 0

    class Async(StateChannel):
        async def has_permission(self, user: Any, pk: int) -> bool:
            return pk == 3

    assert [Plain.permits("ann", {"pk": pk}) for pk in (0, 3)] == [False, True]
    assert [Async.permits("ann", {"pk": pk}) for pk in (0, 3)] == [False, True]


# --- topics ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_is_one_topic_however_it_is_addressed() -> None:
    board = Board.objects.create(slug="b", code="B", title="Board")
    task = Task.objects.create(board=board)
    by_slug = declared(lookup_field="slug")
    assert by_slug.topic(None, {"slug": "b"}) == Topic(by_slug.label, str(board.pk))
    by_name = declared(lookup_field="code", lookup_url_kwarg="name")
    assert by_name.topic(None, {"name": "B", "other": 1}).anchor == str(board.pk)
    by_key = declared(anchor=OpenTaskSerializer())
    topics = {by_key.topic(None, {"task_id": pk}) for pk in (task.pk, str(task.pk), task.pk.hex)}
    assert topics == {Topic(by_key.label, str(task.pk))}


@pytest.mark.django_db
@pytest.mark.parametrize("pk", ["x", uuid.uuid4(), None, [], object(), "\0", 10**40])
def test_a_row_that_is_not_there(pk: Any) -> None:
    for anchor in (CoveredBoardSerializer(), OpenTaskSerializer()):
        with pytest.raises(Http404):
            declared(anchor=anchor).topic(None, {"pk": pk})


@pytest.mark.django_db
def test_a_route_that_does_not_say_which_row() -> None:
    message = r"looks its anchor up by 'pk', but its route gives \['a', 'b'\]; set Meta.lookup_url_kwarg to one of them"
    with pytest.raises(DeclarationError, match=message):
        declared().topic(None, {"a": 1, "b": 2})
    with pytest.raises(DeclarationError, match=r"by 'pk', but its route gives \['pk'\]"):
        declared(lookup_url_kwarg="board_pk").topic(None, {"pk": 1})


@pytest.mark.django_db
def test_a_list_is_one_topic_for_each_set_of_arguments_and_user() -> None:
    ann = User.objects.create(username="ann")
    listed = declared(anchor=OpenTaskSerializer(many=True))
    topic = listed.topic(ann, {"b": "x&y", "a": 1})
    assert topic == Topic(listed.label, "a=1&b=x%26y", str(ann.pk))
    assert topic.kwargs == {"b": "x&y", "a": 1}
    assert listed.topic(AnonymousUser(), {}).audience == ANONYMOUS
    assert listed.topic(None, {}).audience == ANONYMOUS


@pytest.mark.django_db
@pytest.mark.django_db
def test_the_event_channel_is_the_topics() -> None:
    Board.objects.create(slug="b", code="B", title="Board")
    ada = User.objects.create(username="ada")
    shared = channels.BoardChannel.event_channel(slug="b")
    assert Topic.parse_event_channel(shared) == channels.BoardChannel.topic(None, {"slug": "b"})
    hers = channels.MyTasksChannel.event_channel(ada)
    assert Topic.parse_event_channel(hers) == channels.MyTasksChannel.topic(ada, {})
    with pytest.raises(TypeError, match="name him first"):
        channels.MyTasksChannel.event_channel()


def test_addressing_a_shared_row_can_not_depend_on_the_reader() -> None:
    class Mine(StateChannel):
        class Meta:
            anchor = CoveredBoardSerializer()

        def get_queryset(self) -> Any:
            return Board.objects.filter(owner=self.user.pk)

    with pytest.raises(AudienceError, match="looked at the user"):
        Mine.topic(User(pk=1), {"pk": 1})


# --- reading -----------------------------------------------------------------------------


def test_a_topic_of_a_channel_that_this_process_does_not_have() -> None:
    with pytest.raises(DeclarationError, match="no channel 'nowhere' is declared in this process; import its module"):
        Reading(Topic("nowhere", "1"))


@pytest.mark.django_db
def test_reading_one_row_of_a_shared_channel() -> None:
    one, _ = (Board.objects.create(slug=slug, code=slug) for slug in "ab")
    made = declared(depends_on=("auth.User",))
    reading = Reading(made.topic(None, {"pk": one.pk}))
    assert reading.load_user() == frozenset()
    assert reading.user_key is None
    assert reading.depends_on == {"auth.user"}
    assert list(reading.queryset()) == [one]
    assert reading.tree is not None
    assert reading.tree.node is not made.tree().node  # what a serializer remembers stays with its topic
    with pytest.raises(AudienceError, match="looked at the user"):
        _ = reading.channel.user.pk
    with pytest.raises(AudienceError, match=r"kwargs.* while deriving"):
        _ = reading.channel.kwargs["pk"]


@pytest.mark.django_db
def test_reading_a_list_for_a_user() -> None:
    ann = User.objects.create(username="ann")
    board = Board.objects.create(slug="b", code="B")
    task = Task.objects.create(board=board, assignee=ann)
    Task.objects.create(board=board)
    topic = channels.MyTasksChannel.topic(ann, {})
    reading = Reading(topic)
    assert reading.load_user() == {("auth.user", str(ann.pk))}
    assert reading.user_key == str(ann.pk)
    assert list(reading.queryset()) == [task]
    assert reading.rebuild().node.serializer.context["request"].user == ann
    ann.delete()
    with pytest.raises(Gone, match=r"user \d+ does not exist any more"):
        Reading(topic).load_user()


@pytest.mark.django_db
def test_reading_for_somebody_anonymous() -> None:
    made = declared(anchor=SecretSerializer(many=True))
    reading = Reading(made.topic(AnonymousUser(), {}))
    assert reading.load_user() == frozenset()
    assert isinstance(reading.channel.user, AnonymousUser)
    assert reading.user_key == ANONYMOUS


def test_an_anchors_own_context_is_kept() -> None:
    class Coloured(serializers.ModelSerializer[Label]):
        class Meta:
            model = Label
            fields = ("key",)

    made = declared(anchor=Coloured(context={"colour": "red"}))
    context = Reading(Topic(made.label, "x")).rebuild().node.serializer.context
    assert context["colour"] == "red"
    assert set(context) == {"colour", "request", "view", "format"}

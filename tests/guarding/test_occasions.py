"""Which open readers a change may concern: never too few, and no more than can be helped."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from rxsse.channels import registry
from rxsse.guarding import occasions
from rxsse.guarding.identity import Identity
from rxsse.guarding.occasions import Cases
from rxsse.messages import Change, Operation
from tests.guarding import site

INSERT, UPDATE, DELETE = Operation


class Stream:
    """All that cases know of a stream."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity


@pytest.fixture
def channels() -> None:
    for kind in (site.TeamChannel, site.GroupChannel, site.ObjectChannel):
        assert registry[kind.label] is kind
    occasions.permission_models.cache_clear()


def open_for(cases: Cases, *channels: Any, **known: Any) -> Any:
    for user in ("1", "2"):
        for channel in channels:
            cases.add(Stream(Identity(channel.label, user, f"key{user}", "authtoken.token", **known)))  # type: ignore[arg-type]
    return lambda *changes: sorted((case.channel.split(".")[-1], case.user) for case in cases.concerned(changes))


def test_the_rows_that_a_reader_rests_on(channels: None) -> None:
    concerned = open_for(Cases(), site.TeamChannel)
    ann, both = [("TeamChannel", "1")], [("TeamChannel", "1"), ("TeamChannel", "2")]
    assert concerned(Change("auth.user", UPDATE, ("1",))) == ann
    assert concerned(Change("auth.user", UPDATE, ("1",), frozenset({"last_login", "is_active"}))) == ann
    assert concerned(Change("auth.user", UPDATE, ("1",), frozenset({"last_login"}))) == []
    assert concerned(Change("auth.user", DELETE, ("1", "3"))) == ann
    assert concerned(Change("auth.user", DELETE, None)) == both
    assert concerned(Change("auth.user", INSERT, ("1",))) == []
    assert concerned(Change("authtoken.token", DELETE, ("key1",))) == ann
    assert concerned(Change("authtoken.token", UPDATE, None)) == both
    assert concerned(Change("authtoken.token", INSERT, ("key1",))) == []
    assert concerned(Change("domain.team", UPDATE, None), Change("auth.group", DELETE, None)) == []


def test_the_models_that_a_channel_names(channels: None) -> None:
    concerned = open_for(Cases(), site.TeamChannel, site.GroupChannel, site.ObjectChannel)
    groups, objects = ([(name, user) for user in ("1", "2")] for name in ("GroupChannel", "ObjectChannel"))
    assert concerned(Change("auth.group", INSERT, ("7",))) == groups
    assert concerned(Change("auth.user_groups", DELETE, None, None, {"user_id": ("1",)})) == groups[:1]
    assert concerned(Change("auth.user_groups", INSERT, ("7",), None, {"user_id": ("2", "3")})) == groups[1:]
    assert concerned(Change("auth.user_groups", DELETE, ("7",))) == groups
    row = "domain.profile"
    assert concerned(Change(row, INSERT, ("7",), None, {"user_id": ("1",)})) == objects[:1]
    # Who has it now is told, who had it isn't.
    assert concerned(Change(row, UPDATE, ("7",), None, {"user_id": ("1",)})) == objects
    assert concerned(Change(row, UPDATE, ("7",), frozenset({"user_id"}), {"user_id": ("1",)})) == objects
    assert concerned(Change(row, UPDATE, ("7",), frozenset({"team_id"}), {"user_id": ("1",)})) == objects[:1]
    assert concerned(Change(row, UPDATE, ("7",), frozenset({"team_id"}), {"team_id": ("1",)})) == objects


def test_what_has_left_leaves_nothing(channels: None) -> None:
    cases = Cases()
    identity = Identity(site.GroupChannel.label, "1", "key", "authtoken.token", (("pk", 1),), session="s")
    other = Identity(site.GroupChannel.label, "1", "key", "authtoken.token", (("pk", 2),))
    streams = [Stream(identity), Stream(identity), Stream(other)]
    found = [cases.add(stream) for stream in streams]  # type: ignore[arg-type]
    assert found[0] is found[1] is not found[2]
    assert len(cases) == 2
    for stream in [*streams, *streams]:  # whoever leaves twice leaves once
        cases.remove(stream)  # type: ignore[arg-type]
    assert not len(cases)
    assert not cases.labels
    assert not any(cases._rows.values())
    assert not cases._channels


def test_arguments_that_cannot_be_compared_make_a_case_of_their_own(channels: None) -> None:
    cases = Cases()
    streams = [Stream(Identity(site.TeamChannel.label, "1", kwargs=(("pk", [1]),))) for _ in range(2)]
    assert len({id(cases.add(stream)) for stream in streams}) == 2  # type: ignore[arg-type]
    assert len({stream.identity for stream in streams}) == 1
    for stream in streams:
        cases.remove(stream)  # type: ignore[arg-type]
    assert not len(cases)


def test_users_are_named_by_the_label_of_their_model() -> None:
    assert occasions.labels_of(Identity(site.TeamChannel.label, "1")) == {User._meta.label_lower}
    assert occasions.labels_of(Identity(site.TeamChannel.label, "1", known=False)) == set()
    assert occasions.labels_of(Identity(site.OpenChannel.label)) == set()

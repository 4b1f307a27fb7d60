"""What clients watch, and what the serializer says that they should see; computed without rxsse.

The oracle is Django REST Framework itself: the serializer, its queryset, JSONRenderer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from random import Random
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.urls import reverse
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from tests.convergence.writes import pick, readers
from tests.domain import channels
from tests.domain.models import Board, Cover, Digest, Label, Ledger, Task

# Members whose rows the database may return in any order: compared in the order of their keys.
UNORDERED = {"steps": "id", "notes": "id", "labels": "key", "step_ids": None, "label_names": None, "watchers": None}
UNORDERED |= {"boards": None}


# Anchors that are never deleted. Any other can have been away and be back under the same key:
# `save()` of a row that somebody else has deleted meanwhile inserts it again.
LASTING = ("member", "ledger", "account-ledger")


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""What is expected where the anchor does not exist."""


@dataclass(frozen=True)
class Subject:
    """One reader of one anchor. ``key`` is the anchor's primary key, None for a list."""

    name: str
    user_id: int
    key: Any = None
    fixed: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def user(self) -> Any:
        return User.objects.get(pk=self.user_id)

    @property
    def channel(self) -> type[Any]:
        return SHAPES[self.name].channel

    def instance(self) -> Model | None:
        return SHAPES[self.name].rows().filter(pk=self.key).first()

    def kwargs(self) -> dict[str, Any] | None:
        """How the anchor is addressed now; None where it does not exist."""
        shape = SHAPES[self.name]
        if shape.model is None:
            return dict(self.fixed)
        row = self.instance()
        return None if row is None else {shape.kwarg: shape.address(row)}

    def url(self) -> str | None:
        kwargs = self.kwargs()
        return None if kwargs is None else reverse(self.name, kwargs=kwargs)

    def expected(self) -> Any:
        """The state as DRF renders it now, or `ABSENT`."""
        shape = SHAPES[self.name]
        if shape.model is None:
            channel = self.channel(self.user, self.fixed)
            return rendered(shape.serializer(channel.get_queryset(), many=True, context=self._context()))
        row = self.instance()
        if row is None:
            return ABSENT
        state = rendered(shape.serializer(row, context=self._context()))
        if self.name == "private-board":
            state["secrets"] = [secret for secret in state["secrets"] if secret["owner"] == self.user_id]
        return state

    def _context(self) -> dict[str, Any]:
        return {"request": SimpleNamespace(user=self.user)} if self.name == "my-board" else {}


def _first_account(ledger: Any) -> Any:
    """The one that is never deleted comes first."""
    return ledger.accounts.earliest("pk").pk


@dataclass(frozen=True)
class Shape:
    """A channel, the model of its anchor (None for a list) and how its route addresses it."""

    channel: type[Any]
    model: type[Model] | None = None
    kwarg: str = ""
    address: Callable[[Any], Any] = attrgetter("pk")

    @property
    def serializer(self) -> type[Any]:
        anchor = self.channel.Meta.anchor
        return type(getattr(anchor, "child", anchor))

    def rows(self) -> QuerySet[Any]:
        assert self.model is not None
        rows = self.model._default_manager.all()
        return rows.filter(pages__gt=0) if self.model is Digest else rows


SHAPES: dict[str, Shape] = {
    "board": Shape(channels.BoardChannel, Board, "slug", attrgetter("slug")),
    "private-board": Shape(channels.PrivateBoardChannel, Board, "board_id"),
    "task": Shape(channels.TaskChannel, Task, "task_id"),
    "tag": Shape(channels.TagChannel, Label, "key"),
    "person": Shape(channels.PersonChannel, User, "user_id"),
    "member": Shape(channels.MemberChannel, User, "user_id"),
    "cover": Shape(channels.CoverChannel, Cover, "board"),
    "ledger": Shape(channels.LedgerChannel, Ledger, "ledger_id"),
    "digest": Shape(channels.DigestChannel, Digest, "digest_id"),
    "wide-board": Shape(channels.WideBoardChannel, Board, "slug", attrgetter("slug")),
    "wide-board-by-code": Shape(channels.WideBoardChannel, Board, "code", attrgetter("code")),
    "summed-board": Shape(channels.SummedBoardChannel, Board, "board_id"),
    "my-board": Shape(channels.MyBoardChannel, Board, "board_id"),
    "account-ledger": Shape(channels.AccountLedgerChannel, Ledger, "account_id", _first_account),
    "sketches": Shape(channels.SketchesChannel),
    "my-tasks": Shape(channels.MyTasksChannel),
    "red-tasks": Shape(channels.RedTasksChannel),
    "busy-boards": Shape(channels.BusyBoardsChannel),
    "people": Shape(channels.PeopleChannel),
}


def any_subject(rng: Random, name: str | None = None) -> Subject | None:
    """A reader and an anchor that exists now; of the shape ``name``, or of any."""
    reader = pick(rng, readers())
    assert reader is not None
    name = name or rng.choice(list(SHAPES))
    shape = SHAPES[name]
    if shape.model is None:
        return Subject(name, reader.pk, fixed=_list_kwargs(name))
    row = reader if name == "member" else pick(rng, shape.rows())
    return None if row is None else Subject(name, reader.pk, row.pk)


def _list_kwargs(name: str) -> dict[str, Any]:
    return {"slug": "board-0"} if name == "sketches" else {}


# --- comparing -----------------------------------------------------------------------------


def rendered(serializer: BaseSerializer[Any]) -> Any:
    return json.loads(JSONRenderer().render(serializer.data))


def comparable(subject: Subject, state: Any) -> str:
    """Strict JSON text, with what has no order brought into one."""
    if state is ABSENT:
        return repr(ABSENT)
    settled = _settle(state)
    if subject.name == "people":
        settled.sort(key=lambda row: row["id"])
    return json.dumps(settled, sort_keys=True, indent=1)


def _settle(value: Any) -> Any:
    if isinstance(value, list):
        return [_settle(member) for member in value]
    if not isinstance(value, dict):
        return value
    settled = {}
    for name, member in value.items():
        settled[name] = _settle(member)
        if name in UNORDERED and isinstance(member, list):
            settled[name].sort(key=partial(_sort_key, UNORDERED[name]))
    return settled


def _sort_key(name: str | None, row: Any) -> Any:
    return row[name] if name is not None and isinstance(row, dict) else json.dumps(row)


def out_of_order(state: Any) -> Iterator[str]:
    """The members whose rows have no order of their own and are not in the order of their keys."""
    if isinstance(state, list):
        for member in state:
            yield from out_of_order(member)
    elif isinstance(state, dict):
        for name, member in state.items():
            if name in ("steps", "notes") and [row["id"] for row in member] != sorted(row["id"] for row in member):
                yield name
            yield from out_of_order(member)

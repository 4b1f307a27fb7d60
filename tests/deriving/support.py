"""Readers that compare what they were sent with what the serializer returns; channels made on the spot."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import jsonpatch
from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from rxsse import StateChannel
from rxsse.channels import registry
from rxsse.testing import Subscription, subscribe


def channel_of(
    anchor: BaseSerializer[Any], queryset: Callable[[Any], QuerySet[Any]] | None = None, **options: Any
) -> type[StateChannel]:
    """A channel that everybody may read. ``queryset`` is its get_queryset, ``options`` go into its Meta."""
    options.setdefault("audience", None if _has_user_key(anchor) else "shared")
    members: dict[str, Any] = {
        "__module__": __name__,
        "__qualname__": f"Channel{secrets.token_hex(6)}",
        "Meta": type("Meta", (), {"anchor": anchor, **options}),
        "has_permission": lambda self, user, **kwargs: True,
    }
    if queryset is not None:
        members["get_queryset"] = queryset
    channel = type("Channel", (StateChannel,), members)
    assert channel.label in registry
    return channel


def _has_user_key(anchor: Any) -> bool:
    serializer = getattr(anchor, "child", anchor)
    nested = (field for field in serializer.fields.values() if isinstance(field, BaseSerializer))
    return hasattr(serializer.Meta, "user_key") or any(map(_has_user_key, nested))


def rendered(anchor: BaseSerializer[Any], instance: Any, context: dict[str, Any] | None = None) -> Any:
    """What the serializer returns for ``instance``, as a client of a plain DRF view would hold it."""
    serializer = deepcopy(anchor)
    serializer.instance = instance
    serializer._context = context or {}
    return json.loads(JSONRenderer().render(serializer.data))


class Reader:
    """Holds a state by applying patches with a library of other people; `check` compares it."""

    def __init__(self, channel: type[StateChannel], user: Any = None, **kwargs: Any) -> None:
        self.channel, self.user, self.kwargs = channel, user, kwargs
        self.subscription: Subscription = subscribe(channel, user, **kwargs)
        self.state: Any = deepcopy(self.subscription.snapshot)
        self.operations: list[dict[str, Any]] = []
        self.check()

    def follow(self) -> Any:
        """The state now; ``operations`` are those of the last call."""
        patches = self.subscription.patches
        assert len(patches) <= 1
        self.operations = [operation for patch in patches for operation in patch]
        if self.operations:
            self.state = jsonpatch.apply_patch(self.state, self.operations)
        return self.state

    def check(self, *unordered: str) -> Any:
        """The state now, which is what the serializer returns. The lists ``unordered`` have no order to agree on."""
        state, expected = self.follow(), self.expected()
        for name in unordered:
            expected[name].sort(key=_text)
        shown = {**state, **{name: sorted(state[name], key=_text) for name in unordered}} if unordered else state
        assert _text(shown) == _text(expected)
        return state

    def expected(self) -> Any:
        declared = self.channel(self.user, self.kwargs)
        context = {"request": None, "view": declared}
        if not self.channel.is_list():
            return rendered(self.channel.anchor(), declared.get_object(), context)
        queryset = declared.get_queryset()
        ordered = queryset if queryset.ordered or queryset.query.is_sliced else queryset.order_by("pk")
        return rendered(self.channel.anchor(), ordered, context)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, indent=1)

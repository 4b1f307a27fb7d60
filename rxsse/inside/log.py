"""Reads a topic's log: which patches there are, what the state was at a revision, what the serializer says now.

Knows cache and channels; prints nothing, and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.http import Http404
from django.urls import Resolver404, resolve
from rest_framework.renderers import JSONRenderer

from rxsse import patches
from rxsse.caches.base import BaseCache, Entry
from rxsse.channels import Reading, StateChannel
from rxsse.cursors import Cursor
from rxsse.deriving.derivation import Derivation, Dirt
from rxsse.deriving.reading import snapshot_of
from rxsse.deriving.shapes import settled
from rxsse.exceptions import DeriveError, Gone, PatchError, ProtocolError, Unavailable
from rxsse.messages import Topic

_SETTLE_SECONDS = 0.25  # between two comparisons: what is under way is derived in a fraction of it


class NotKept(Exception):
    """The log doesn't reach what was asked for; the message says what it has."""


def find_topic(text: str, user: str | None = None) -> Topic:
    """The topic of a name, as ``rxsse_status`` shows it, or of a channel's path ("/rx/projects/7/").

    ``user`` is the key of the reader whose topic is meant, where each has their own. Raises `NotKept`.
    """
    if not text.startswith("/"):
        try:
            return Topic.parse(text)
        except ProtocolError as error:
            raise NotKept(str(error)) from error
    path, _, _ = text.partition("?")
    try:
        found = resolve(path)
    except Resolver404 as error:
        raise NotKept(f"nothing is served at {path!r}; give a topic's name or the path of a channel") from error
    channel: type[StateChannel] | None = getattr(found.func, "channel", None)
    if channel is None:
        raise NotKept(f"no channel is served at {path!r}; give a topic's name or the path of a channel")
    try:
        return channel.topic(_user(user), found.kwargs)
    except Http404 as error:
        raise NotKept(f"there is no anchor at {path!r}") from error


def _user(key: str | None) -> Any:
    if key is None:
        from django.contrib.auth.models import AnonymousUser

        return AnonymousUser()
    try:
        return get_user_model()._base_manager.get(pk=key)
    except (ObjectDoesNotExist, ValueError, ValidationError) as error:
        raise NotKept(f"there is no user with the key {key!r}") from error


def entry_of(cache: BaseCache, topic: Topic) -> Entry:
    """What the cache says of ``topic``. Raises `NotKept`, `Unavailable`."""
    for entry in cache.entries(topic):
        if entry.head is not None:
            return entry
    where = "the cache" if cache.shared else "the memory of this process, where it is as long as MONGO_URL isn't set"
    raise NotKept(f"{topic.name} has no log in {where}")


def log(cache: BaseCache, topic: Topic, since: Cursor | None = None) -> Iterator[tuple[Cursor, bytes]]:
    """Every patch after ``since`` with the cursor that it leads to; without, from the oldest that is kept.

    Raises `NotKept` where the log doesn't lead on from ``since``.
    """
    entry = entry_of(cache, topic)
    assert entry.head is not None
    cursor = since or Cursor(entry.head.epoch, entry.floor)
    found = cache.since(topic, cursor)
    if found is None:
        raise NotKept(f"the log of {topic.name} has {_extent(entry)}; it does not lead on from {cursor}")
    for patch in found:
        cursor = cursor.next()
        yield cursor, patch


def _extent(entry: Entry) -> str:
    assert entry.head is not None
    return f"revisions {entry.floor} to {entry.head.revision} of epoch {entry.head.epoch}"


def replay(cache: BaseCache, topic: Topic, at: Cursor | None = None) -> tuple[Cursor, Any]:
    """The state at ``at``, None for the head: the checkpoint with the patches after it applied.

    What came before the checkpoint can't be rebuilt, as patches lead forward only: `NotKept`.
    Raises `PatchError` where the log doesn't fit together.
    """
    entry_of(cache, topic)
    stored = cache.load(topic)
    if stored is None:
        raise NotKept(f"{topic.name} is not kept whole at present; its owner begins a new epoch when it is read")
    last = stored.head if at is None else at
    if last.epoch != stored.cursor.epoch or not stored.cursor.revision <= last.revision <= stored.head.revision:
        raise NotKept(
            f"{topic.name} can be rebuilt from {stored.cursor} (its checkpoint) to {stored.head}, not at {last}"
        )
    state, cursor = patches.loads(stored.state), stored.cursor
    for patch in stored.patches[: last.revision - cursor.revision]:
        cursor = cursor.next()
        try:
            state = patches.apply(state, patch)
        except PatchError as error:
            raise PatchError(f"the patch of {cursor} does not fit the state before it") from error
    return last, state


@dataclass(frozen=True, slots=True)
class Comparison:
    """``operations`` lead from the log's state at ``cursor`` to the serializer's; none where they are equal."""

    cursor: Cursor
    operations: list[dict[str, Any]]
    by: str
    """Who says what is right: "serializer", or "reading" where only rxsse knows which rows a reader may see."""


def compare(cache: BaseCache, topic: Topic, seconds: float = 10.0) -> Comparison:
    """The log's state at its head beside what the serializer returns for the database as it is now.

    A difference that goes away within ``seconds`` was a change under way. Raises `NotKept`, `Unavailable`,
    `DeriveError` and `Gone`.
    """
    deadline = time.monotonic() + seconds
    while True:
        before, state = replay(cache, topic)
        by, expected = serialized(topic)
        found = Comparison(before, patches.loads(patches.encode(patches.diff(state, expected))), by)
        if not found.operations or time.monotonic() >= deadline:
            return found
        time.sleep(_SETTLE_SECONDS)


def serialized(topic: Topic) -> tuple[str, Any]:
    """What the serializer itself returns for ``topic``, as a plain view of DRF would send it, and who says so."""
    try:
        reading = Reading(topic)
        tree = reading.tree or reading.rebuild()
        if not tree.per_user:
            return "serializer", _serialized(reading, topic)
    except (Gone, Unavailable):
        raise
    except Exception as error:
        raise DeriveError(f"the serializer of {topic.name} raised {type(error).__name__}: {error}") from error
    # The serializer would show everybody's rows.
    derivation = Derivation(topic)
    derivation.refresh(lambda: Dirt(whole=True))
    return "reading", patches.loads(derivation.encode())


def _serialized(reading: Reading, topic: Topic) -> Any:
    reading.load_user()
    with snapshot_of(reading.alias):
        serializer = reading.serializer()
        queryset = reading.queryset()
        if queryset._db is None:  # type: ignore[attr-defined]
            queryset = queryset.using(reading.alias)
        if reading.channel.is_list():
            # In the order of primary keys where it declares none, as it is served.
            serializer.instance = settled(queryset)
        else:
            serializer.instance = queryset.first()
            if serializer.instance is None:
                raise Gone(f"the anchor of {topic.name} does not exist")
        return patches.loads(JSONRenderer().render(serializer.data))

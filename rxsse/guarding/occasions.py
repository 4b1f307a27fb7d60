"""Says which open readers a change may concern, from memory and on the safe side; asks nobody and ends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import Model

from rxsse.channels import registry
from rxsse.guarding.identity import Identity, session_model
from rxsse.messages import Change, Operation
from rxsse.rows import label_of

if TYPE_CHECKING:
    from rxsse.streaming.streams import Stream

Place = tuple[str, str, bool, Any]
"""Channel, user, whether he can be loaded, arguments: for these `has_permission` has one answer."""


class Case:
    """The streams of one reader to one channel with the same arguments: asked about together, held together."""

    __slots__ = ("asking", "channel", "held", "listed", "look", "pending", "queued", "streams", "user")

    def __init__(self, channel: str, user: str) -> None:
        self.channel = channel
        self.user = user
        self.streams: list[Stream] = []
        self.asking = 0
        """Askings that wait or run."""
        self.queued = False
        """Whether one of them has not begun: it will see all that is known by then."""
        self.pending = 0
        """Transactions under way that concern it."""
        self.held = False
        self.listed = False
        """Whether the sweep comes by."""
        self.look = inf
        """When to ask at the latest, in seconds since 1970."""


class Cases:
    """Every open case, by what it rests on. The caller sees to it that one thread at a time is in here."""

    def __init__(self) -> None:
        self.labels: Counter[str] = Counter()
        """The models that streams rest on, with how many streams do."""
        self._places: dict[Place, Case] = {}
        # Tuples, and no key of two parts, as there are two or three for every connection (I5).
        self._rows: dict[str, dict[str, tuple[Case, ...]]] = {}
        self._channels: dict[str, dict[Case, None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def all(self) -> list[Case]:
        return list(self._places.values())

    def add(self, stream: Stream) -> Case:
        """The case of ``stream``, a new one or one that is open."""
        identity: Any = stream.identity
        place = _place(identity)
        case = self._places.get(place)
        if case is None:
            case = self._places[place] = Case(identity.channel, identity.user)
            self._channels.setdefault(case.channel, {})[case] = None
        case.streams.append(stream)
        for label, key in _rows(identity):
            cases = self._rows.setdefault(label, {})
            cases[key] = (*cases.get(key, ()), case)
        self.labels.update(labels_of(identity))
        return case

    def remove(self, stream: Stream) -> None:
        identity: Any = stream.identity
        place = _place(identity)
        case = self._places.get(place)
        if case is None or stream not in case.streams:
            return
        case.streams.remove(stream)
        for label, key in _rows(identity):
            cases = self._rows[label]
            index = cases[key].index(case)
            cases[key] = cases[key][:index] + cases[key][index + 1 :]
            if not cases[key]:
                del cases[key]
        for label in labels_of(identity):
            self.labels[label] -= 1
            if not self.labels[label]:
                del self.labels[label]
        if not case.streams:
            del self._places[place]
            del self._channels[case.channel][case]
            if not self._channels[case.channel]:
                del self._channels[case.channel]

    def concerned(self, changes: Iterable[Change]) -> set[Case]:
        """The cases in which ``changes`` may have altered the answer."""
        found: set[Case] = set()
        for change in changes:
            if change.model in self.labels:
                self._by_row(change, found)
                self._by_permission(change, found)
        return found

    def _by_row(self, change: Change, found: set[Case]) -> None:
        """Those who rest on the changed rows themselves: the user's, the credential's, the session's."""
        if change.operation is Operation.INSERT:
            return  # nobody can rest on a row that wasn't there
        if change.model in _user_labels():
            if change.fields is not None and change.fields <= {"last_login"}:
                return
            label = label_of(get_user_model())  # a parent's row has the key of its child
        else:
            label = change.model
        rows = self._rows.get(label, {})
        for key in rows if change.keys is None else change.keys:
            found.update(rows.get(key, ()))

    def _by_permission(self, change: Change, found: set[Case]) -> None:
        """Those to whose channel the changed model decides about permission."""
        for channel, cases in self._channels.items():
            named = permission_models(channel)
            if change.model in named:
                users = _users_told(change, named[change.model])
                if users is None:
                    found.update(cases)
                else:
                    readers = self._rows.get(label_of(get_user_model()), {})
                    for user in users:
                        found.update(case for case in readers.get(user, ()) if case.channel == channel)


def labels_of(identity: Identity) -> frozenset[str]:
    """The models whose changes may concern the reader."""
    by_user = bool(identity.user) and identity.known
    sessions = session_model() if identity.session else None
    return _labels(identity.channel, by_user, identity.kind, sessions)


@lru_cache(maxsize=1024)
def _labels(channel: str, by_user: bool, kind: str, sessions: type[Model] | None) -> frozenset[str]:
    labels = set(permission_models(channel))
    if by_user:
        labels |= _user_labels()
    if kind:
        labels.add(kind)
    if sessions is not None:
        labels.add(label_of(sessions))
    return frozenset(labels)


@lru_cache(maxsize=1024)
def permission_models(channel: str) -> Mapping[str, str | None]:
    """``Meta.permission_models``: labels, each with the column that names the user whom a row concerns (None: all)."""
    declared = registry[channel].option("permission_models", ()) if channel in registry else ()
    named: dict[str, str | None] = {}
    for label in declared:
        model = apps.get_model(label)
        field = declared[label] if isinstance(declared, Mapping) else None
        for parent in model._meta.all_parents:
            named.setdefault(label_of(parent), None)
        named[label_of(model)] = user_column(model, field)
    return named


def user_column(model: type[Model], name: str | None) -> str | None:
    """The column of the foreign key ``name`` to the user; without a name that of a table that just joins users with
    something, where it has one. None: rows of ``model`` don't tell whom they concern.
    """
    to_user = [
        field
        for field in model._meta.local_concrete_fields
        if field.remote_field is not None
        and field.related_model in get_user_model().__mro__
        and getattr(field, "target_field", None) is field.related_model._meta.pk
    ]
    if name is not None:
        to_user = [field for field in to_user if field.name == name]
    elif not model._meta.auto_created:
        return None
    return to_user[0].attname if len(to_user) == 1 else None


def _users_told(change: Change, column: str | None) -> tuple[str, ...] | None:
    """The keys of the users whom the changed rows concern, before and after; None where they aren't all told."""
    if column is None or column not in change.relations:
        return None
    written = change.fields is None or column in change.fields
    if change.operation is Operation.UPDATE and written:
        return None  # told is who it is now, not who it was
    return tuple(key for key in change.relations[column] if key is not None)


@lru_cache(maxsize=1)
def _user_labels() -> frozenset[str]:
    model = get_user_model()
    return frozenset(map(label_of, (model, *model._meta.all_parents)))


def _place(identity: Identity) -> Place:
    kwargs: Any = identity.kwargs
    try:
        hash(kwargs)
    except TypeError:
        kwargs = id(kwargs)  # of a converter whose values can't be compared: a case of its own
    return identity.channel, identity.user, identity.known, kwargs


def _rows(identity: Identity) -> list[tuple[str, str]]:
    """The rows on which the reader rests."""
    rows = []
    if identity.user and identity.known:
        rows.append((label_of(get_user_model()), identity.user))
    if identity.kind:
        rows.append((identity.kind, identity.credential))
    sessions = session_model() if identity.session else None
    if sessions is not None:
        rows.append((label_of(sessions), identity.session))
    return rows

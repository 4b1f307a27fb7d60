"""Declares channels: a `StateChannel` subclass says what is shown, to whom, and under which key.

Knows serializers and models; never how a state is derived or served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import router
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.module_loading import import_string
from rest_framework.serializers import BaseSerializer

from rxsse.audience import NoKwargs, NoUser, StateRequest
from rxsse.exceptions import AudienceError, DeclarationError, Gone
from rxsse.messages import Topic
from rxsse.rows import key_of, keys_of, label_of, pk_of
from rxsse.tree import Tree, build, outline, shape_of

ANONYMOUS = "anonymous"

registry: dict[str, type[StateChannel]] = {}
"""Every declared channel by its label, in order of declaration."""


class StateChannel:
    """A live state that clients can subscribe to; subclass it in an app's ``channels.py``.

    ``Meta.anchor``: a ModelSerializer instance, or a function that returns one; with
    ``many=True`` the channel shows the list that `get_queryset` returns. ``Meta.lookup_field``,
    ``Meta.lookup_url_kwarg``: how one row is addressed, as in DRF's generic views.
    ``Meta.audience``: ``"shared"`` (one state for all readers) or ``"user"`` (one for each); by
    default a list is per user and a single row is shared unless a serializer in its tree has
    ``Meta.user_key``. ``Meta.depends_on``: labels of models whose changes matter in a way that
    reading can't show. ``Meta.permission_models``: labels of the models that `has_permission` reads;
    when their rows change, open streams are asked about again.
    """

    label: ClassVar[str]
    user: Any
    kwargs: Mapping[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.label = f"{cls.__module__}.{cls.__qualname__}"
        if getattr(cls, "Meta", None) is not None:
            registry[cls.label] = cls

    def __init__(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        self.user = user
        self.kwargs = kwargs

    # --- what a subclass says ------------------------------------------------------------

    def get_queryset(self) -> QuerySet[Any]:
        """The rows of a list, in their order; for a single anchor the rows among which it is looked up."""
        if self.is_list():
            raise DeclarationError(f"{self.label} shows a list but has no get_queryset(self); define it")
        return self.model()._default_manager.all()

    def get_object(self) -> Model:
        """The row that ``self.kwargs`` address; raises Http404 where there is none."""
        field = self.option("lookup_field", "pk")
        try:
            found: Model = self.get_queryset().get(**{field: self._lookup_value(field)})
        except (ObjectDoesNotExist, ValueError, TypeError, ValidationError) as error:
            raise Http404 from error
        return found

    def get_expiry(self, request: Any) -> datetime | float | None:
        """When the credential of DRF's ``request`` ends, as a datetime or in seconds since 1970; None: not known here.

        Not needed for what says it itself: ``exp`` among the claims of a JWT, ``expiry`` or ``expires`` of a
        token, a session's end.
        """
        return None

    @classmethod
    def as_view(cls) -> Callable[..., Any]:
        """The Django view that serves the channel; its route's arguments become ``self.kwargs``."""
        # By name: declaring a channel must not pull in what serves it.
        view: Callable[..., Any] = import_string("rxsse.views.view_for")(cls)
        return view

    @classmethod
    def event_channel(cls, user: Any = None, /, **kwargs: Any) -> str:
        """What django-eventstream's ``send_event`` calls the readers of the state that ``kwargs`` address.

        ``user`` comes first where each user has a state of his own, as in ``event_channel(ada, project_id=7)``, and
        means nothing elsewhere. May read the database; raises Http404 where there is no such anchor.
        """
        if user is None and cls.is_per_user():
            raise TypeError(
                f"each user has a state of his own in {cls.label}; name him first: event_channel(user, ...)"
            )
        return cls.topic(user, kwargs).event_channel

    # --- what the declaration means ------------------------------------------------------

    @classmethod
    def option(cls, name: str, default: Any = None) -> Any:
        """``Meta.<name>``."""
        return getattr(getattr(cls, "Meta", None), name, default)

    @classmethod
    def anchor(cls) -> BaseSerializer[Any]:
        """The declared anchor; raises `DeclarationError` where there is none."""
        declared = cls.option("anchor")
        if isinstance(declared, BaseSerializer):
            return declared
        # A class, or a function: for serializers that read the database when they are made.
        anchor = declared() if callable(declared) else declared
        if not isinstance(anchor, BaseSerializer):
            raise DeclarationError(
                f"{cls.label}.Meta.anchor is {declared!r}; give an instance of a serializer, as in "
                "anchor = TaskSerializer(), or a function that returns one"
            )
        return anchor

    @classmethod
    def is_list(cls) -> bool:
        return cls._shape()[0]

    @classmethod
    def model(cls) -> type[Model]:
        """The model of the anchor's rows."""
        return cls._shape()[1]

    @classmethod
    def _shape(cls) -> tuple[bool, type[Model]]:
        """Whether the anchor is a list, and of which model; found without looking at its fields."""
        cached: tuple[bool, type[Model]] | None = cls.__dict__.get("_shape_of_anchor")
        if cached is None:
            cached = shape_of(cls.anchor())
            cls._shape_of_anchor = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def tree(cls) -> Tree:
        """The anchor's tree as nobody in particular sees it.

        Raises `DeclarationError`, and `AudienceError` where the fields themselves depend on the reader.
        """
        cached: Tree | None = cls.__dict__.get("_tree")
        if cached is None:
            cached = build(_bind(cls.anchor(), {"request": StateRequest(cls.label, NoUser(cls.label)), "view": None}))
            cls._tree = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def is_per_user(cls) -> bool:
        """Whether each user has a state of their own."""
        audience = cls.option("audience")
        if audience not in (None, "shared", "user"):
            raise DeclarationError(f"{cls.label}.Meta.audience is {audience!r}; give 'shared' or 'user'")
        if audience == "user" or (audience is None and cls.is_list()):
            return True
        if cls.tree().per_user and audience == "shared":
            raise DeclarationError(
                f"{cls.label} is shared but has rows that belong to one user (Meta.user_key); remove one of the two"
            )
        return cls.tree().per_user

    # --- reading -------------------------------------------------------------------------

    @classmethod
    def permits(cls, user: Any, kwargs: Mapping[str, Any]) -> bool:
        """Ask ``has_permission``, plain or async; a channel without one permits nobody."""
        ask = getattr(cls(user, kwargs), "has_permission", None)
        if ask is None:
            return False
        return bool(async_to_sync(ask)(user, **kwargs) if iscoroutinefunction(ask) else ask(user, **kwargs))

    @classmethod
    def topic(cls, user: Any, kwargs: Mapping[str, Any]) -> Topic:
        """The topic that ``kwargs`` address for ``user``; raises Http404. May read the database."""
        per_user = cls.is_per_user()
        audience = _audience_of(user) if per_user else ""
        if cls.is_list():
            anchor = urlencode(sorted((name, str(value)) for name, value in kwargs.items()))
            return Topic(cls.label, anchor, audience, dict(kwargs))
        instance = cls(user if per_user else NoUser(cls.label), kwargs).get_object()
        return Topic(cls.label, key_of(type(instance), instance.pk), audience)

    def _lookup_value(self, field: str) -> Any:
        name = self.option("lookup_url_kwarg") or field
        if name in self.kwargs:
            return self.kwargs[name]
        if len(self.kwargs) == 1 and not self.option("lookup_url_kwarg"):
            return next(iter(self.kwargs.values()))
        raise DeclarationError(
            f"{self.label} looks its anchor up by {field!r}, but its route gives {sorted(self.kwargs)}; "
            "set Meta.lookup_url_kwarg to one of them or define get_object(self)"
        )


class Reading:
    """One topic's declaration, ready to be derived: tree, queryset, database, and what it depends on.

    ``tree`` is None until `rebuild` where the fields depend on the reader.
    """

    def __init__(self, topic: Topic) -> None:
        channel = registry.get(topic.channel)
        if channel is None:
            raise DeclarationError(f"no channel {topic.channel!r} is declared in this process; import its module")
        self.topic = topic
        self.tree: Tree | None = None
        self.user: Any = NoUser(channel.label)
        self._per_user = channel.is_per_user()
        kwargs: Mapping[str, Any] = topic.kwargs if channel.is_list() else NoKwargs(channel.label)
        self.channel = channel(self.user, kwargs)
        self._request = StateRequest(channel.label, self.user)
        self.model = channel.model()
        # The primary, never a replica that may lag behind the announcement.
        self.alias = router.db_for_write(self.model)
        self.depends_on = frozenset(label_of(apps.get_model(label)) for label in channel.option("depends_on", ()))
        self.by_reader = False
        """Whether the fields themselves depend on the reader."""
        try:
            self.rebuild()
        except AudienceError:
            # A shared channel never gets here: `is_per_user` has built its tree.
            self.by_reader = True

    def rebuild(self) -> Tree:
        """Build the tree; one that is as it was stays, so that the rows that hang on it do."""
        tree = build(self.serializer())
        if self.tree is None or outline(tree.node) != outline(self.tree.node):
            self.tree = tree
        return self.tree

    def serializer(self) -> BaseSerializer[Any]:
        """A copy of the anchor with this topic's context, bound to nothing yet."""
        context = {"request": self._request, "view": self.channel, "format": None}
        return _bind(self.channel.anchor(), context)

    def load_user(self) -> frozenset[tuple[str, str]]:
        """Load the audience's user anew; returns the rows of it that the state depends on. Raises `Gone`."""
        if not self._per_user:
            return frozenset()
        self.user = self.channel.user = self._request.user = _load_user(self.topic.audience)
        return frozenset(keys_of(self.user)) if isinstance(self.user, Model) else frozenset()

    @property
    def user_key(self) -> str | None:
        """The reader's key, for rows that belong to one user."""
        return self.topic.audience if self._per_user else None

    def queryset(self) -> QuerySet[Any]:
        """The anchor's rows: the list, or the one row of this topic."""
        queryset = self.channel.get_queryset()
        return queryset if self.channel.is_list() else queryset.filter(pk=pk_of(self.model, self.topic.anchor))


def _bind(anchor: BaseSerializer[Any], context: dict[str, Any]) -> BaseSerializer[Any]:
    """A copy of the anchor with ``context``: what a serializer remembers of one topic stays with it."""
    bound = deepcopy(anchor)
    bound._context = {**getattr(anchor, "_context", {}), **context}
    return bound


def _audience_of(user: Any) -> str:
    return ANONYMOUS if getattr(user, "pk", None) is None else key_of(user.__class__, user.pk)


def _load_user(audience: str) -> Any:
    if audience == ANONYMOUS:
        from django.contrib.auth.models import AnonymousUser

        return AnonymousUser()
    model = get_user_model()
    try:
        return model._base_manager.using(router.db_for_write(model)).get(pk=audience)
    except model.DoesNotExist as error:
        raise Gone(f"user {audience} does not exist any more") from error

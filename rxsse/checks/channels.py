"""Checks each declared channel by itself; knows no route and reads no row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import FieldError
from django.db import DatabaseError
from django.db.models import Model
from rest_framework.authentication import TokenAuthentication
from rest_framework.fields import FileField
from rest_framework.relations import HyperlinkedRelatedField, ManyRelatedField
from rest_framework.settings import api_settings

from rxsse.auth import authentication_classes
from rxsse.channels import StateChannel, registry
from rxsse.checks.words import TAG, Messages, error, split, valid_settings, warning
from rxsse.exceptions import AudienceError, DeclarationError
from rxsse.guarding.occasions import user_column
from rxsse.tree import Edge, EdgeKind, Leaf, Node


@checks.register(TAG)
def check_channels(**_: Any) -> Messages:
    """E004 to E010, E013, E017, W001 and W003: each declared channel by itself."""
    messages: Messages = []
    readable: list[type[StateChannel]] = []
    for channel in declared():
        messages += [*_check_permission(channel), *_check_labels(channel), *_check_authentication(channel)]
        try:
            channel.tree()
        except DeclarationError as raised:
            if not (isinstance(raised, AudienceError) and _asks_reader(channel)):
                messages.append(error("E006", *split(raised), channel))
            continue
        except DatabaseError:
            continue  # an anchor that reads rows when it is made: checks also run before the first migration
        except Exception as raised:
            problem = f"The anchor of {channel.label} can't be looked into: {type(raised).__name__}: {raised}"
            hint = "Correct the serializer: rendering a row with it fails as well."
            messages.append(error("E006", problem, hint, channel))
            continue
        readable.append(channel)
        messages += [*_check_reading(channel), *_check_urls(channel)]
    return [*messages, *_check_order(readable)]


def declared() -> Iterator[type[StateChannel]]:
    """Every channel but those that only exist for others to be derived from."""
    for channel in registry.values():
        if channel.option("anchor") is not None or not channel.__subclasses__():
            yield channel


def _check_permission(channel: type[StateChannel]) -> Iterator[checks.CheckMessage]:
    ask = getattr(channel, "has_permission", None)
    hint = "Define has_permission(self, user, ...) with the route's arguments; return whether this user may read."
    if ask is None:
        yield error("E004", f"{channel.label} doesn't say who may read it, so nobody may.", hint, channel)
    elif not callable(ask):
        yield error("E005", f"{channel.label}.has_permission is {ask!r}, which can't be called.", hint, channel)


def _check_labels(channel: type[StateChannel]) -> Iterator[checks.CheckMessage]:
    """The two options that name models."""
    hint = 'Give a sequence of labels, as in depends_on = ["shop.Price"].'
    yield from _check_models(channel, "depends_on", "E009", hint)
    hint = 'Give labels, as in permission_models = ["shop.Member"], or {"shop.Member": "user"} with whose row it is.'
    yield from _check_models(channel, "permission_models", "E017", hint)


def _check_models(channel: type[StateChannel], option: str, code: str, hint: str) -> Iterator[checks.CheckMessage]:
    labels, said = channel.option(option, ()), f"{channel.label}.Meta.{option}"
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        yield error(code, f"{said} is {labels!r}, not a sequence.", hint, channel)
        return
    for label in labels:
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError, TypeError, AttributeError):
            yield error(code, f"{said} names {label!r}, which is no installed model.", hint, channel)
            continue
        if model._meta.proxy:
            concrete = model._meta.concrete_model
            assert concrete is not None
            problem = f"{said} names {label!r}, a proxy: nothing is announced by that name."
            yield error(code, problem, f"Name {concrete._meta.label!r}, whose rows they are.", channel)
        elif isinstance(labels, Mapping) and labels[label] is not None and user_column(model, labels[label]) is None:
            problem = f"{said} says that {labels[label]!r} of {label!r} names a user, but it doesn't."
            yield error(code, problem, "Name a foreign key of its own to AUTH_USER_MODEL.", channel)


def _check_authentication(channel: type[StateChannel]) -> Iterator[checks.CheckMessage]:
    if apps.is_installed("rest_framework.authtoken"):
        return
    for kind in authentication_classes(channel):
        # A subclass with a model of its own needs no other.
        if isinstance(kind, type) and issubclass(kind, TokenAuthentication) and kind.model is None:
            yield error(
                "E013",
                f"{channel.label} authenticates by {kind.__name__}, but the app of its tokens is not installed.",
                "Add 'rest_framework.authtoken' to INSTALLED_APPS and migrate, or choose other classes.",
                channel,
            )


def _check_reading(channel: type[StateChannel]) -> Iterator[checks.CheckMessage]:
    stock_rows = channel.get_queryset is StateChannel.get_queryset
    try:
        channel.is_per_user()
    except DeclarationError as raised:
        yield error("E008", *split(raised), channel)
    if channel.is_list():
        if stock_rows:
            problem = f"{channel.label} shows a list but doesn't say of what."
            yield error("E007", problem, "Define get_queryset(self).", channel)
        return
    field = channel.option("lookup_field", "pk")
    if stock_rows and looks_up(channel):
        try:
            channel.model()._default_manager.filter(**{f"{field}__isnull": False})
        except (FieldError, TypeError) as raised:
            problem = f"{channel.label}.Meta.lookup_field is {field!r}: {raised}"
            yield error("E010", problem, f"Name a unique field of {channel.model().__name__}.", channel)


def looks_up(channel: type[StateChannel]) -> bool:
    """Whether the channel's one row is found by ``Meta.lookup_field``; False also where E006 says what is wrong."""
    try:
        return not channel.is_list() and channel.get_object is StateChannel.get_object
    except Exception:
        return False


def _asks_reader(channel: type[StateChannel]) -> bool:
    """Whether the fields may depend on the reader: then there is nothing to look into before there is one."""
    return bool(channel.option("audience", "user" if channel.is_list() else "shared") == "user")


def _check_order(channels: Iterable[type[StateChannel]]) -> Iterator[checks.CheckMessage]:
    """What has no order is served by primary key, which may not be what its author believes (docs/adr/0006)."""
    shown: dict[type[Model], dict[str, None]] = {}
    for channel in channels:
        for node in channel.tree().node.walk():
            for accessor, model in _lists(node):
                if not model._default_manager.all().ordered:
                    shown.setdefault(model, {})[f"{node.model.__name__}.{accessor} in {channel.__name__}"] = None
    for model, places in shown.items():
        problem = f"The rows of {model.__name__} have no order, but are listed: {', '.join(places)}."
        hint = "They are served by primary key. Set Meta.ordering to say which order is meant."
        yield warning("W001", problem, hint, model)


def _lists(node: Node) -> Iterator[tuple[str, type[Model]]]:
    """The relations of ``node`` that give several rows, and to what model they lead."""
    for member in node.members:
        if isinstance(member, Edge):
            if member.kind is EdgeKind.LIST and member.link is not None:
                yield member.accessor, member.link.model
        elif isinstance(member.field, ManyRelatedField):
            for relation in node.model._meta.get_fields():
                # The reverse end of a column is reached by another name than its own.
                named = getattr(relation, "get_accessor_name", lambda: relation.name)  # noqa: B023
                if (relation.one_to_many or relation.many_to_many) and named() == member.source:
                    yield member.source, relation.related_model  # type: ignore[misc]


def _check_urls(channel: type[StateChannel]) -> Iterator[checks.CheckMessage]:
    """Without a request there is no host: URLs would be relative where a REST view makes them absolute."""
    settings = valid_settings()
    if settings is None or settings.BASE_URL:
        return
    for node in channel.tree().node.walk():
        for leaf in node.members:
            if isinstance(leaf, Leaf) and _gives_url(getattr(leaf.field, "child_relation", leaf.field)):
                field = f"{type(node.serializer).__name__}.{leaf.name}"
                problem = f"{channel.label} shows {field}, which will be a relative URL."
                hint = "Set RXSSE['BASE_URL'], as in 'https://example.org', to make it absolute."
                yield warning("W003", problem, hint, channel)


def _gives_url(field: Any) -> bool:
    if isinstance(field, FileField):
        return bool(getattr(field, "use_url", api_settings.UPLOADED_FILES_USE_URL))
    return isinstance(field, HyperlinkedRelatedField)

"""Which of django-eventstream's channels are anchors', and which arguments lead there; knows no request, no stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from django.urls import URLPattern, get_resolver

from rxsse.channels import StateChannel, registry
from rxsse.checks.routes import Route, routes
from rxsse.exceptions import ProtocolError
from rxsse.messages import Topic
from rxsse.rows import pk_of


def topic_of(channel: str) -> Topic | None:
    """The topic whose event channel it is; None where it is somebody else's.

    Raises `ProtocolError` where it begins with a declared channel and isn't the name of any topic of it.
    """
    declared = registry.get(unquote(channel.partition("/")[0]))
    if declared is None:
        return None
    topic = Topic.parse_event_channel(channel)
    if bool(topic.audience) != declared.is_per_user():
        how = "name him, as in" if declared.is_per_user() else "everybody shares them: name nobody, as in"
        raise ProtocolError(
            f"{channel!r} is no event channel: the states of {declared.label} are "
            f"{'each of one user' if declared.is_per_user() else 'not of one user'}; {how} "
            f"{declared.__name__}.event_channel(...)"
        )
    return topic


def kwargs_of(topic: Topic) -> dict[str, Any] | None:
    """The arguments, with the types of its route, by which the topic may be addressed; None where that can't be told.

    May read the anchor's row. They are a guess that `StateChannel.topic` confirms or doesn't.
    """
    for route in routes(get_resolver().url_patterns):
        if route.channel.label == topic.channel and not route.positional:
            found = _of_list(route, topic) if route.channel.is_list() else _of_row(route, topic)
            if found is not None:
                return found
    return None


def _of_list(route: Route, topic: Topic) -> dict[str, Any] | None:
    if route.names != topic.kwargs.keys():
        return None
    constants = _constants(route)
    if any(str(value) != topic.kwargs[name] for name, value in constants.items()):
        return None
    try:
        return {name: _converter(route, name)(text) for name, text in topic.kwargs.items()} | constants
    except ValueError:
        return None


def _of_row(route: Route, topic: Topic) -> dict[str, Any] | None:
    channel = route.channel
    field: str = channel.option("lookup_field", "pk")
    free = route.names - route.constants
    name = channel.option("lookup_url_kwarg") or (field if field in free else next(iter(free), field))
    if free != {name}:
        return None  # nothing says what the others are
    try:
        text = topic.anchor if field == "pk" else _read(channel, field, topic.anchor)
        return None if text is None else {name: _converter(route, name)(text)} | _constants(route)
    except (ValueError, TypeError):
        return None


def _read(channel: type[StateChannel], field: str, key: str) -> str | None:
    model = channel.model()
    values = model._base_manager.filter(pk=pk_of(model, key)).values_list(field, flat=True)
    found = values.first()
    return None if found is None else str(found)


def _converter(route: Route, name: str) -> Callable[[str], Any]:
    for pattern in route.patterns:
        converter = getattr(pattern.pattern, "converters", {}).get(name)
        if converter is not None:
            convert: Callable[[str], Any] = converter.to_python
            return convert
    return str


def _constants(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pattern in route.patterns:
        given: Mapping[str, Any]
        given = pattern.default_args if isinstance(pattern, URLPattern) else pattern.default_kwargs
        found |= given
    return found

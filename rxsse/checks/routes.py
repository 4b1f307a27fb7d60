"""Checks each channel where the URLconf puts it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from rxsse.channels import StateChannel
from rxsse.checks.channels import declared, looks_up
from rxsse.checks.words import TAG, Messages, error, split, warning
from rxsse.exceptions import DeclarationError


class Route(NamedTuple):
    """Where a channel is served, and the names of the arguments that it is given there.

    ``patterns`` lead to it, from the root; ``constants`` are those of the names whose value the URLconf gives itself.
    """

    channel: type[StateChannel]
    path: str
    names: frozenset[str]
    positional: bool
    patterns: tuple[Any, ...] = ()
    constants: frozenset[str] = frozenset()


@checks.register(TAG)
def check_routes(**_: Any) -> Messages:
    """E011, E012 and W002: each channel where the URLconf puts it."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    messages: Messages = []
    routed: set[type[StateChannel]] = set()
    for route in routes(get_resolver().url_patterns):
        routed.add(route.channel)
        messages += [*_check_arguments(route), *_check_lookup(route)]
    for channel in declared():
        if channel not in routed and not channel.__subclasses__():
            hint = f"Add path('...', {channel.__name__}.as_view()) to the URLconf."
            messages.append(warning("W002", f"{channel.label} has no route, so nobody can read it.", hint, channel))
    return messages


def routes(patterns: Sequence[Any], above: tuple[Any, ...] = ()) -> Iterator[Route]:
    """Every route to a channel, in the order in which Django tries them."""
    for pattern in patterns:
        here = (*above, pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            channel = getattr(pattern.callback, "channel", None)
            if isinstance(channel, type) and issubclass(channel, StateChannel):
                yield _route(channel, here)


def _route(channel: type[StateChannel], patterns: tuple[Any, ...]) -> Route:
    regexes = [pattern.pattern.regex for pattern in patterns]
    constants: frozenset[str] = frozenset()
    for pattern in patterns:
        constants |= (pattern.default_args if isinstance(pattern, URLPattern) else pattern.default_kwargs).keys()
    given = constants.union(*(regex.groupindex for regex in regexes))
    # Django passes unnamed groups by position where no group is named.
    unnamed = any(regex.groups > 0 and not regex.groupindex for regex in regexes)
    path = "".join(str(pattern.pattern) for pattern in patterns)
    return Route(channel, path, given, unnamed and not given, patterns, constants)


def _check_arguments(route: Route) -> Iterator[checks.CheckMessage]:
    channel, path, names, positional = route[:4]
    where = f"The route {path!r} of {channel.label}"
    if positional:
        hint = "Name them, as in (?P<pk>[0-9]+), or use path()."
        yield error("E011", f"{where} has groups without a name.", hint, channel)
        return
    ask = getattr(object.__new__(channel), "has_permission", None)
    if not callable(ask):
        return
    try:
        inspect.signature(ask).bind(None, **dict.fromkeys(names))
    except TypeError as raised:
        yield error(
            "E011",
            f"{where} gives {sorted(names)}, which has_permission() does not take: {raised}.",
            f"Declare has_permission({', '.join(['self', 'user', *sorted(names)])}), or rename the route's arguments.",
            channel,
        )
    except ValueError:  # no signature to be had of something written in C
        return


def _check_lookup(route: Route) -> Iterator[checks.CheckMessage]:
    channel, path, names, _ = route[:4]
    if not looks_up(channel):
        return
    try:
        channel(None, dict.fromkeys(names))._lookup_value(channel.option("lookup_field", "pk"))
    except DeclarationError as raised:
        problem, hint = split(raised)
        yield error("E012", f"The route {path!r}: {problem}", hint, channel)

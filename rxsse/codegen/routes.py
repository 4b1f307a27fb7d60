"""A channel's route as a path and arguments, to be put together in TypeScript; knows no serializers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings as django_settings
from django.urls import converters, get_resolver
from django.urls.base import get_script_prefix
from django.utils.regex_helper import normalize

from rxsse.channels import StateChannel
from rxsse.checks.routes import Route, routes
from rxsse.codegen.hints import Hint
from rxsse.codegen.naming import parameter
from rxsse.codegen.types import NUMBER, STRING, Term, quoted, union
from rxsse.conf import get_settings

_SAFE = "/~:@!$&'()*+,;="  # [rfc3986 §3.3], and what Django's reverse() leaves as it is
_DIGITS = re.compile(r"-?\??(\[0-9\]|\\d)([+*]|\{\d+(,\d*)?\})?")
_STRINGS = (converters.StringConverter, converters.UUIDConverter)


@dataclass(frozen=True, slots=True)
class Argument:
    """One part of the path that the caller gives. ``slashes``: it may hold some, which stay as they are."""

    name: str
    term: Term
    slashes: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel is: fixed parts, percent-encoded, and arguments, in the order of the path."""

    parts: tuple[str | Argument, ...]

    @property
    def arguments(self) -> tuple[Argument, ...]:
        found = (part for part in self.parts if isinstance(part, Argument))
        return tuple(dict.fromkeys(found))

    def expression(self) -> str:
        """The path in TypeScript."""
        if not self.arguments:
            return quoted("".join(map(str, self.parts)))
        written = [part if isinstance(part, str) else f"${{{_encoded(part)}}}" for part in self.parts]
        return f"`{''.join(written)}`"


def _encoded(argument: Argument) -> str:
    encoded = f"encodeURIComponent({argument.name})"
    return f'{encoded}.replace(/%2F/g, "/")' if argument.slashes else encoded


def routes_by_channel() -> dict[type[StateChannel], list[Route]]:
    """Every channel's routes, in the order in which Django tries them."""
    found: dict[type[StateChannel], list[Route]] = {}
    if getattr(django_settings, "ROOT_URLCONF", None):
        for route in routes(get_resolver().url_patterns):
            found.setdefault(route.channel, []).append(route)
    return found


def address_of(route: Route) -> Address | None:
    """The address of ``route``; None where its regular expression leaves open what to write."""
    regex = "".join(part.pattern.regex.pattern.removeprefix("^") for part in route.patterns)
    known = {name: kind for part in route.patterns for name, kind in getattr(part.pattern, "converters", {}).items()}
    # All that may be given is: what an optional group leaves out would be another row.
    template, names = max(normalize(regex), key=lambda possible: len(possible[1]), default=("", []))
    if (regex and not template and regex not in (r"\Z", "$")) or any(re.fullmatch(r"_\d+", name) for name in names):
        return None
    arguments = _arguments(names, regex, known)
    begin = _prefix()
    pieces = re.split(r"%\((\w+)\)s", template)
    parts: list[str | Argument] = [begin + quote(pieces[0].replace("%%", "%"), safe=_SAFE)]
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        parts += [arguments[name], quote(text.replace("%%", "%"), safe=_SAFE)]
    return Address(tuple(part for part in parts if part != ""))


def _prefix() -> str:
    """What every path begins with: the setting, else where Django is mounted (FORCE_SCRIPT_NAME)."""
    prefix = get_settings().FRONTEND_PREFIX
    return f"{(get_script_prefix() if prefix is None else prefix).rstrip('/')}/"


def _arguments(names: list[str], regex: str, known: Mapping[str, Any]) -> dict[str, Argument]:
    found: dict[str, Argument] = {}
    for name in names:
        taken = {argument.name for argument in found.values()}
        term, slashes = _of_converter(known[name]) if name in known else _of_group(_group(name, regex))
        found[name] = Argument(parameter(name, taken), term, slashes)
    return found


def _of_converter(converter: Any) -> tuple[Term, bool]:
    slashes = _takes_slashes(converter.regex)
    if isinstance(converter, converters.IntConverter):
        return NUMBER, False
    if isinstance(converter, _STRINGS):
        return STRING, slashes
    hint = Hint.of(type(converter).to_python)
    if hint is None or hint.problem:
        return union(STRING, NUMBER), slashes
    if hint.value not in (int, float):
        return STRING, slashes
    # An int may be written otherwise in a URL, as "0x1f": then the text can be given too.
    return (NUMBER if _DIGITS.fullmatch(converter.regex) else union(NUMBER, STRING)), slashes


def _of_group(group: str) -> tuple[Term, bool]:
    """A named group gives text; what consists of digits may come as a number."""
    return (union(NUMBER, STRING) if _DIGITS.fullmatch(group) else STRING), _takes_slashes(group)


def _group(name: str, regex: str) -> str:
    """What is inside the named group."""
    _, _, rest = regex.partition(f"(?P<{name}>")
    depth = 0
    # Escapes and classes first: a parenthesis in them is none.
    for part in re.finditer(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", rest):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth < 0:
            return rest[: part.start()]
    return rest


def _takes_slashes(regex: str) -> bool:
    return any(re.fullmatch(regex, text) for text in ("a/b", "1/2", "/"))

"""Puts a project's files together: which channel and which interface goes where, and what imports what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from django.conf import settings as django_settings
from django.utils import translation

from rxsse.channels import StateChannel
from rxsse.checks.channels import declared
from rxsse.checks.routes import Route
from rxsse.codegen import naming
from rxsse.codegen.annotations import wanted_names
from rxsse.codegen.channels import IMPORTED, RUNTIME, ChannelClass, describe, rows_of, write_class
from rxsse.codegen.interfaces import Interfaces
from rxsse.codegen.routes import Address, address_of, routes_by_channel
from rxsse.codegen.scope import Report, home_of
from rxsse.codegen.types import JSON_DECLARATION, JSON_VALUE, Declaration, declare, imports, parts_of

Chosen = Mapping[str, Mapping[Declaration, str]]
"""For each app's file, what its declarations are called there."""


@dataclass(slots=True)
class Output:
    """Files by name, each a text without a header, and what there is to warn of."""

    texts: dict[str, str]
    report: Report
    needs: dict[str, set[str]] = field(default_factory=dict)
    """By app: its own files, and those that they import."""


def generate() -> Output:
    """The whole project. Raises `DeclarationError` for a channel that can't be read."""
    # Texts for people, and the language in an i18n_patterns() prefix: those of the project's own language.
    with translation.override(django_settings.LANGUAGE_CODE):
        return _generate()


def _generate() -> Output:
    interfaces = Interfaces()
    classes: dict[str, list[ChannelClass]] = {}
    for home, described in _described(interfaces):
        classes.setdefault(home, []).append(described)
    homes: dict[str, list[Declaration]] = {}
    for each in _reached(found for listed in classes.values() for one in listed for found in one.refers_to()):
        homes.setdefault(each.home, []).append(each)
    chosen = {home: naming.name_all(homes[home]) for home in sorted(homes)}
    output = Output({}, interfaces.report)
    uses: dict[str, set[str]] = {}
    for home in chosen:
        output.texts[f"{home}.interfaces.ts"], uses[home] = _interfaces_file(home, chosen)
    for home in sorted(classes):
        output.texts[f"{home}.channels.ts"], used = _channels_file(classes[home], chosen)
        output.needs[home] = {f"{home}.channels.ts", *_files(used, uses)}
    for home in chosen:
        output.needs.setdefault(home, set()).update(_files({home}, uses))
    return output


def _described(interfaces: Interfaces) -> list[tuple[str, ChannelClass]]:
    """Every channel that has a route, with the label of its app, in the order of their names."""
    routes = routes_by_channel()
    found = []
    for channel in sorted(declared(), key=lambda each: each.label):
        if channel.option("anchor") is None or (channel not in routes and channel.__subclasses__()):
            continue  # only there for others to be derived from
        address = _address(channel, routes.get(channel, []), interfaces.report)
        if address is not None:
            home = home_of(channel.__module__, channel.__module__.partition(".")[0])
            interfaces.home = home
            found.append((home, describe(channel, address, interfaces)))
    return found


def _address(channel: type[StateChannel], routes: list[Route], report: Report) -> Address | None:
    """The first route's that says what to write, as it is the first that the URLconf tries."""
    if not routes:
        report.warn(channel.label, "has no route, so it gets no class", "add one to the URLconf")
        return None
    found = next((found for route in routes if (found := address_of(route)) is not None), None)
    if found is None:
        way_out = "use path(), or name every group and leave out alternatives"
        report.warn(channel.label, f"has the route {routes[0].path!r}, which can't be turned into a path", way_out)
    return found


def _reached(begin: Iterable[Declaration]) -> list[Declaration]:
    """Every declaration that these lead to, each once."""
    found: dict[Declaration, None] = {}
    waiting = list(begin)
    while waiting:
        each = waiting.pop().resolved
        if each not in found:
            found[each] = None
            waiting.extend(each.refers_to())
    return list(found)


def _files(begin: Set[str], uses: Mapping[str, Set[str]]) -> set[str]:
    """The files of interfaces of these apps and of all that they use."""
    found: set[str] = set()
    waiting = list(begin)
    while waiting:
        home = waiting.pop()
        if home not in found:
            found.add(home)
            waiting.extend(uses.get(home, ()))
    return {f"{home}.interfaces.ts" for home in found}


def _interfaces_file(home: str, chosen: Chosen) -> tuple[str, set[str]]:
    """One app's interfaces, in the order of their names, and the apps whose interfaces they use."""
    own = chosen[home]
    ordered = sorted(own, key=lambda each: own[each])
    foreign = [found for each in ordered for found in each.refers_to() if found.home != home]
    local, lines = _imported(foreign, chosen, {*own.values(), *naming.RESERVED})
    names = {**local, **own}
    texts = [declare(each, own[each], names.__getitem__) for each in ordered]
    if any(JSON_VALUE in parts_of(term) for each in ordered for term in each.terms()):
        texts.insert(0, JSON_DECLARATION)
    return "\n".join([lines, *texts] if lines else texts), {each.home for each in foreign}


def _channels_file(classes: list[ChannelClass], chosen: Chosen) -> tuple[str, set[str]]:
    """One app's channels, and the apps whose interfaces they use."""
    taken: set[str] = {*IMPORTED, *naming.RESERVED}
    named: dict[str, ChannelClass] = {}
    for each in classes:
        name = naming.free(wanted_names(each.channel.__name__, each.channel.__module__), taken)
        named[name] = each
        taken |= {name, rows_of(name)}
    used = [found for each in classes for found in each.refers_to()]
    local, lines = _imported(used, chosen, taken)
    runtime = imports(["StateChannel", "type ChannelOptions", "type Token"], RUNTIME, kind="import")
    json = [JSON_DECLARATION] if any(JSON_VALUE in parts_of(each.state) for each in classes) else []
    texts = [write_class(named[name], name, local.__getitem__) for name in sorted(named)]
    return "\n".join([runtime + lines, *json, *texts]), {each.home for each in used}


def _imported(used: Iterable[Declaration], chosen: Chosen, taken: set[str]) -> tuple[dict[Declaration, str], str]:
    """What imports are called in a file where ``taken`` are names already, and the statements."""
    local: dict[Declaration, str] = {}
    taken = set(taken)
    for each in sorted(dict.fromkeys(used), key=lambda each: (each.home, chosen[each.home][each])):
        local[each] = naming.alias(chosen[each.home][each], each.home, taken)
        taken.add(local[each])
    statements = ""
    for home in dict.fromkeys(each.home for each in local):
        listed = [(chosen[home][each], name) for each, name in local.items() if each.home == home]
        said = [name if name == short else f"{name} as {short}" for name, short in listed]
        statements += imports(said, f"./{home}.interfaces")
    return local, statements

"""Python annotations as types: the JSON that DRF's encoder makes of a value so annotated; knows no fields."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import inspect
import ipaddress
import sys
import types
import typing
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import typing_extensions
from django.db.models import Manager, Model, QuerySet
from django.utils.functional import Promise
from rest_framework.serializers import BaseSerializer, ListSerializer

from rxsse.codegen.hints import Hint
from rxsse.codegen.scope import Scope, home_of, own_doc, path_of
from rxsse.codegen.types import (
    BOOLEAN,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Declaration,
    Member,
    Record,
    Ref,
    Term,
    Tuple,
    literal,
    union,
)

_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
)
_DATES = (datetime.date, datetime.time, datetime.timedelta)
# As the encoder tells them apart; bool is an int to Python, and a Decimal becomes a float.
_SCALARS: tuple[tuple[type[Any] | tuple[type[Any], ...], Term], ...] = (
    (bool, BOOLEAN),
    ((int, float, decimal.Decimal), NUMBER),
    ((str, bytes, uuid.UUID, Promise, *_DATES, *_ADDRESSES), STRING),
)
_QUALIFIERS = tuple(
    getattr(source, name)
    for source in (typing, typing_extensions)
    for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
    if hasattr(source, name)
)
_ANYTHING = "annotate it more closely, or with `object` if it may really be anything"


def returned_by(function: Callable[..., Any], where: str, scope: Scope) -> Term:
    """What ``function`` says that it returns; ``unknown``, with a warning, where it says nothing."""
    hint = Hint.of(function)
    name = getattr(function, "__name__", "the method")
    if hint is None:
        scope.report.warn(
            where, "is of unknown type", f"annotate what {name}() returns, as in `def {name}(…) -> list[str]`"
        )
        return UNKNOWN
    return term_of(hint, where, scope)


def term_of(hint: Hint, where: str, scope: Scope) -> Term:
    if hint.problem:
        scope.report.warn(
            where,
            f"has an annotation that can't be evaluated ({hint.problem})",
            "import what it names at run time, not under TYPE_CHECKING alone",
        )
        return UNKNOWN
    return term(hint.value, where, scope)


def term(value: Any, where: str, scope: Scope) -> Term:
    """The type of the JSON of a value that is annotated with ``value``."""
    origin = typing.get_origin(value)
    if origin is typing.Annotated:
        return _annotated(value, where, scope)
    if origin in _QUALIFIERS:
        return term(typing.get_args(value)[0], where, scope)
    if origin in (typing.Union, types.UnionType):
        return union(*(term(part, where, scope) for part in typing.get_args(value)))
    if origin in (typing.Literal, typing_extensions.Literal):
        return union(*(constant(part) for part in typing.get_args(value)))
    if value is None or value is type(None):
        return NULL
    if value is object:
        return UNKNOWN
    if value in (typing.NoReturn, typing.Never):
        return NEVER
    if isinstance(value, typing.NewType):
        return term(value.__supertype__, where, scope)
    if type(value).__name__ == "TypeAliasType":
        return _alias(value, where, scope)
    if isinstance(value, typing.TypeVar):
        bound = value.__bound__ or (typing.Union[value.__constraints__] if value.__constraints__ else Any)  # noqa: UP007
        return term(bound, where, scope)
    if isinstance(value, type) and origin is None:
        return _plain(value, where, scope)
    if isinstance(origin, type):
        return _generic(origin, typing.get_args(value), where, scope)
    return _unknown(value, where, scope)


def _unknown(value: Any, where: str, scope: Scope) -> Term:
    if value is Any:
        scope.report.warn(where, "is of unknown type (Any)", _ANYTHING)
    else:
        scope.report.warn(where, f"has an annotation without a meaning in JSON ({_spelled(value)})", _ANYTHING)
    return UNKNOWN


def _spelled(value: Any) -> str:
    return value.__qualname__ if isinstance(value, type) else str(value)


def _annotated(value: Any, where: str, scope: Scope) -> Term:
    """``Annotated[Any, BranchSerializer(many=True)]`` says which serializer has made a value."""
    kind, *said = typing.get_args(value)
    for remark in said:
        if isinstance(remark, BaseSerializer):
            return scope.serializer(remark, where)
        if isinstance(remark, type) and issubclass(remark, BaseSerializer):
            return scope.serializer(remark(), where)
    return term(kind, where, scope)


def constant(value: Any) -> Term:
    """The type of one value, as narrow as TypeScript can say it."""
    if isinstance(value, enum.Enum):
        return constant(value.value)
    if value is None:
        return NULL
    if isinstance(value, bool | int | float | str):
        return literal(value)
    return next((found for kinds, found in _SCALARS if isinstance(value, kinds)), UNKNOWN)


def _plain(kind: type, where: str, scope: Scope) -> Term:
    if issubclass(kind, enum.Enum):
        return _enumeration(kind, where, scope)
    if typing_extensions.is_typeddict(kind):
        return _declared(kind, _typed_members, where, scope)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        hints = _hints(kind, where, scope)
        return Tuple(tuple(term(hints.get(name, Any), f"{where}.{name}", scope) for name in kind._fields))
    if dataclasses.is_dataclass(kind):
        return _declared(kind, _dataclass_members, where, scope)
    for kinds, found in _SCALARS:
        if issubclass(kind, kinds):
            return found
    if issubclass(kind, BaseSerializer) and not issubclass(kind, ListSerializer):
        return scope.serializer(kind(), where)
    if issubclass(kind, Model):
        scope.report.warn(
            where,
            f"is annotated as {kind.__name__}, a model, which has no JSON of its own",
            "annotate the serializer that makes its JSON",
        )
        return UNKNOWN
    return _generic(kind, (), where, scope)


def _enumeration(kind: type[enum.Enum], where: str, scope: Scope) -> Term:
    if issubclass(kind, enum.Flag):
        return NUMBER
    if not issubclass(kind, str | int | float):
        scope.report.warn(
            where,
            f"is annotated as {kind.__name__}, whose members DRF can't render",
            "derive it from str or int as well (StrEnum, IntEnum, TextChoices)",
        )
    return union(*(constant(member) for member in kind))


def _generic(origin: type, arguments: tuple[Any, ...], where: str, scope: Scope) -> Term:
    if typing_extensions.is_typeddict(origin) or dataclasses.is_dataclass(origin):
        return _plain(origin, where, scope)
    if issubclass(origin, tuple):
        if not arguments or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return Array(term(arguments[0] if arguments else Any, where, scope))
        return Tuple(tuple(term(part, where, scope) for part in arguments))
    if issubclass(origin, collections.abc.Mapping):
        return Record(term(arguments[1] if len(arguments) == 2 else Any, where, scope))
    # Whatever can be walked through becomes a list.
    if issubclass(origin, collections.abc.Iterable | QuerySet | Manager):
        return Array(term(arguments[0] if arguments else Any, where, scope))
    return _unknown(origin, where, scope)


def _alias(alias: Any, where: str, scope: Scope) -> Term:
    """``type Branch = …`` keeps its name: it may refer to itself."""
    if alias not in scope.types:
        declaration = _declaration(alias.__name__, alias.__module__, "", scope)
        scope.types[alias] = declaration
        names = vars(sys.modules[alias.__module__])
        only = types.SimpleNamespace(__annotations__={"value": alias.__value__})
        try:
            said = typing.get_type_hints(only, globalns=names, include_extras=True)["value"]
        except Exception as raised:
            declaration.alias = term_of(Hint(None, f"{type(raised).__name__}: {raised}"), where, scope)
        else:
            declaration.alias = term(said, where, scope)
    return Ref(scope.types[alias])


def _declared(kind: type, members: Callable[[type, str, Scope], Iterator[Member]], where: str, scope: Scope) -> Term:
    """An interface for ``kind``, made once; it is known before its members are, which may refer to it."""
    if kind not in scope.types:
        # A dataclass without a docstring is given its signature for one.
        doc = own_doc(kind)
        declaration = _declaration(
            kind.__name__, kind.__module__, "" if doc.startswith(f"{kind.__name__}(") else doc, scope
        )
        scope.types[kind] = declaration
        declaration.members.extend(members(kind, path_of(kind), scope))
    return Ref(scope.types[kind])


def _declaration(name: str, module: str, doc: str, scope: Scope) -> Declaration:
    home = home_of(module, scope.home)
    return Declaration(home, wanted_names(name, module), f"{module}.{name}", doc)


def wanted_names(name: str, module: str) -> tuple[str, ...]:
    """Names for what ``module`` calls ``name``, the best first: alone, then with more and more of the module."""
    own = name[:1].upper() + name[1:]
    places = [part for part in module.split(".") if part != "serializers"]
    prefixes = ["".join(map(pascal, places[number:])) for number in range(len(places) - 1, -1, -1)]
    return (own, *(prefix + own for prefix in prefixes))


def pascal(name: str) -> str:
    """``open_tasks`` as ``OpenTasks``."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("-", "_").split("_"))


def _typed_members(kind: type, where: str, scope: Scope) -> Iterator[Member]:
    left_out: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    for name, said in _hints(kind, where, scope).items():
        # In a module with postponed annotations Python itself does not see these two.
        optional, inner = name in left_out, said
        while (origin := typing.get_origin(inner)) is typing.Annotated or origin in _QUALIFIERS:
            spelled = getattr(origin, "_name", "")
            optional = {"Required": False, "NotRequired": True}.get(spelled, optional)
            if origin is typing.Annotated:
                break
            inner = typing.get_args(inner)[0]
        yield Member(name, term(inner, f"{where}.{name}", scope), optional)


def _dataclass_members(kind: Any, where: str, scope: Scope) -> Iterator[Member]:
    hints = _hints(kind, where, scope)
    for field in dataclasses.fields(kind):
        yield Member(field.name, term(hints.get(field.name, Any), f"{where}.{field.name}", scope))


def _hints(kind: type, where: str, scope: Scope) -> dict[str, Any]:
    try:
        return typing_extensions.get_type_hints(kind, include_extras=True)
    except Exception as raised:
        term_of(Hint(None, f"{type(raised).__name__}: {raised}"), where, scope)
        return dict.fromkeys(inspect.get_annotations(kind), object)

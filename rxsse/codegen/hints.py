"""Finds what a function says that it returns, without needing its other annotations; knows no types of TypeScript."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hint:
    """A return annotation. ``problem`` says why it could not be evaluated; then ``value`` means nothing."""

    value: Any
    problem: str = ""

    @property
    def known(self) -> bool:
        return not self.problem and self.value is not Any

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Hint | None:
        """None where nothing is said."""
        while isinstance(function, functools.partial | functools.partialmethod):
            function = function.func
        function = inspect.unwrap(function)
        try:
            said = inspect.get_annotations(function)
        except Exception as raised:
            return cls(None, _reason(raised))
        if "return" not in said:
            return None
        # Only this one: the others may name what is imported for type checkers alone.
        only = types.SimpleNamespace(__annotations__={"return": said["return"]})
        names = getattr(function, "__globals__", {})
        try:
            hints = typing.get_type_hints(only, globalns=names, localns=_around(function), include_extras=True)
        except Exception as raised:
            return cls(None, _reason(raised))
        return cls(hints["return"])


def _around(function: Callable[..., Any]) -> dict[str, Any]:
    """The names that a function in another one has seen there."""
    try:
        return dict(inspect.getclosurevars(function).nonlocals)
    except (TypeError, ValueError):
        return {}


def _reason(raised: Exception) -> str:
    return f"{type(raised).__name__}: {raised}"


def parts(value: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation itself; wrappers without a meaning for JSON taken off."""
    while typing.get_origin(value) is typing.Annotated:
        value = typing.get_args(value)[0]
    if typing.get_origin(value) in (typing.Union, types.UnionType):
        return tuple(part for member in typing.get_args(value) for part in parts(member))
    return (value,)


def optional(hint: Hint) -> bool:
    """Whether None is among what may be returned."""
    return not hint.problem and any(part in (None, type(None)) for part in parts(hint.value))


def rows_in(hint: Hint, base: type, collections: tuple[Any, ...]) -> tuple[Any, bool]:
    """The subclass of ``base`` that is returned, and whether several of them; None where it is something else."""
    found = [part for part in parts(hint.value) if part not in (None, type(None))] if not hint.problem else []
    if len(found) != 1:
        return None, False
    (kind,), many = found, False
    origin = typing.get_origin(kind)
    if isinstance(origin, type) and any(issubclass(origin, collection) for collection in collections):
        arguments = typing.get_args(kind)
        kind, many = (arguments[0] if arguments else None), True
    return (kind, many) if isinstance(kind, type) and issubclass(kind, base) else (None, False)

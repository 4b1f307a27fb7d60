"""Annotations that the golden files can't hold: made at run time, or wrong."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import types
import typing
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar

import pytest
from rest_framework import serializers
from typing_extensions import TypeAliasType

from rxsse.codegen.annotations import constant, returned_by, term
from rxsse.codegen.hints import Hint
from rxsse.codegen.interfaces import Interfaces
from rxsse.codegen.types import NUMBER, STRING, UNKNOWN, Declaration, Ref, Term, declare, write
from tests.codegen import tools

T = TypeVar("T")
Bound = TypeVar("Bound", bound=int)
Some = TypeVar("Some", int, str)
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | None")
Plain = TypeAliasType("Plain", dict[str, int])
Broken = TypeAliasType("Broken", "Nowhere | None")  # type: ignore[name-defined]  # noqa: F821


class Box(TypedDict, Generic[T]):
    inside: T


class Half(TypedDict):
    known: int
    lost: Nowhere  # type: ignore[name-defined]  # noqa: F821


@dataclasses.dataclass
class Empty:
    pass


class Custom(str):
    pass


class Level(enum.Enum):
    LOW = 1.5
    NONE = None


def name(declaration: Declaration) -> str:
    return declaration.wanted[0]


def mapped(annotation: Any) -> tuple[str, list[str]]:
    """The type in TypeScript, and the warnings."""
    interfaces = Interfaces(home="shop")
    found = term(annotation, "x.y", interfaces)
    return write(found, name), list(interfaces.report.warnings)


def test_what_it_says_of_types_without_a_literal() -> None:
    text, (warning,) = mapped(Level)
    assert text == "1.5 | null"
    assert "whose members DRF can't render; derive it from str or int as well" in warning
    assert constant(Decimal("1.5")) == NUMBER
    assert constant(datetime.date(2026, 1, 1)) == STRING
    assert constant(3 + 0j) == UNKNOWN


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (T, "unknown"),
        (Bound, "number"),
        (Some, "number | string"),
        (Custom, "string"),
        (typing.Never, "never"),
        (typing.NoReturn, "never"),
        (tuple[int, str] | None, "[number, string] | null"),
        (list[int | None] | None, "(number | null)[] | null"),
        (Literal["a"] | str, "string"),
        (Literal[True] | Literal[False], "boolean"),
        (Literal[1] | None | Literal[2], "1 | 2 | null"),
        (int | Any, "unknown"),
        (typing.Required[int], "number"),
        (typing.Final[int], "number"),
        (typing.Annotated[int, "remark"], "number"),
        (serializers.ReturnDict, "Record<string, unknown>"),
        (list[list[Literal["a", "b"]]], '("a" | "b")[][]'),
        (Box[int], "Box"),
        (Empty, "Empty"),
        (Callable[[], int], "unknown"),
        ("int", "unknown"),
    ],
)
def test_an_annotation_becomes_a_type(annotation: Any, text: str) -> None:
    assert mapped(annotation)[0] == text


def test_each_unknown_has_a_warning_with_a_way_out() -> None:
    for annotation in (Any, T, complex, Callable[[], int], "int", list[Any]):
        (warning,) = mapped(annotation)[1]
        assert warning.startswith("x.y ")
        assert "; annotate it more closely, or with `object`" in warning
    assert mapped(object) == ("unknown", [])


def test_an_alias_keeps_its_name_and_may_lead_to_itself(tmp_path: Path) -> None:
    interfaces = Interfaces(home="shop")
    written = []
    for alias in (Json, Plain):
        found = term(alias, "x.y", interfaces)
        assert isinstance(found, Ref)
        written.append(declare(found.target, name(found.target), name))
    assert written == [
        "export type Json = { [key: string]: Json } | Json[] | string | null;\n",
        "export type Plain = Record<string, number>;\n",
    ]
    tools.place(tmp_path, {"aliases.ts": "".join(written)})
    assert tools.tsc(tmp_path) == ""
    assert interfaces.report.warnings == {}


def test_what_cannot_be_evaluated_is_unknown() -> None:
    interfaces = Interfaces(home="shop")
    found = term(Broken, "x.y", interfaces)
    assert isinstance(found, Ref)
    assert declare(found.target, "Broken", name) == "export type Broken = unknown;\n"
    half = term(Half, "x.z", interfaces)
    assert isinstance(half, Ref)
    assert [member.name for member in half.target.members] == ["known", "lost"]
    assert len(interfaces.report.warnings) == 2
    assert all("can't be evaluated (NameError: name 'Nowhere'" in warning for warning in interfaces.report.warnings)


def test_what_has_no_member_is_an_object_without_any(tmp_path: Path) -> None:
    found = term(Empty, "x.y", Interfaces(home="shop"))
    assert isinstance(found, Ref)
    text = declare(found.target, "Empty", name)
    assert text == "export type Empty = Record<string, never>;\n"
    tools.place(tmp_path, {"empty.ts": f"{text}export const good: Empty = {{}};\n"})
    assert tools.tsc(tmp_path) == ""


def outer() -> Callable[[], Any]:
    class Local(TypedDict):
        x: int

    def function() -> list[Local]:
        return [Local(x=1)] if Local else []

    return function


def plain() -> int:
    return 1


@functools.wraps(plain)
def wrapped(*args: Any) -> str:
    return ""


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (outer(), "Local[]"),
        (wrapped, "number"),
        (functools.partial(plain), "number"),
        (lambda: 1, "unknown"),
        (len, "unknown"),
    ],
)
def test_a_function_is_asked_for_what_it_returns(function: Any, text: str) -> None:
    assert write(returned_by(function, "x.y", Interfaces(home="shop")), name) == text


def test_annotations_that_fail_are_told_apart_from_missing_ones() -> None:
    assert Hint.of(lambda: 1) is None
    broken = types.FunctionType(plain.__code__, {}, "broken")
    broken.__annotations__ = {"return": "1 +"}
    hint = Hint.of(broken)
    assert hint is not None
    assert hint.problem.startswith("SyntaxError")
    assert not hint.known


def test_terms_compare_by_what_they_say() -> None:
    first: Term = term(list[int], "", Interfaces())
    assert first == term(tuple[int, ...], "", Interfaces())

"""TypeScript's types as terms, and how they are printed; knows neither Django nor Python's annotations.

What is printed looks as prettier would print it, at a width of 100.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 100  # what prettier is told in most projects that don't keep its 80


@dataclass(frozen=True, slots=True)
class Named:
    """A type that TypeScript has a word for."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """One value, in JavaScript's spelling."""

    text: str


@dataclass(frozen=True, slots=True)
class Array:
    item: Term


@dataclass(frozen=True, slots=True)
class Record:
    """An object with any keys."""

    value: Term
    spelled_out: bool = False


@dataclass(frozen=True, slots=True)
class Tuple:
    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Union:
    """At least two members, none of them a union, none of them twice."""

    members: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A declared type, by the declaration itself: its name is chosen when all are known."""

    target: Declaration


Term = Named | Literal | Array | Record | Tuple | Union | Ref
Names = Callable[["Declaration"], str]


@dataclass(slots=True)
class Member:
    """A property of an interface. ``optional``: it may be left out, which is not the same as null."""

    name: str
    term: Term
    optional: bool = False
    doc: str = ""


@dataclass(eq=False, slots=True)
class Declaration:
    """An interface, or (``alias`` set) a name for another type.

    ``home`` is the label of the app in whose file it is declared. ``wanted`` are names for it,
    the best first; ``origin`` tells declarations with the same names apart in a stable order.
    """

    home: str
    wanted: tuple[str, ...]
    origin: str
    doc: str = ""
    members: list[Member] = field(default_factory=list)
    alias: Term | None = None
    same_as: Declaration | None = None

    @property
    def resolved(self) -> Declaration:
        """The declaration that stands for this one: one that says the same may have been there before."""
        return self if self.same_as is None else self.same_as.resolved

    def terms(self) -> list[Term]:
        return [self.alias] if self.alias is not None else [member.term for member in self.members]

    def refers_to(self) -> list[Declaration]:
        """The declarations that this one names, in order."""
        return [found for term in self.terms() for found in declarations_in(term)]


STRING, NUMBER, BOOLEAN = Named("string"), Named("number"), Named("boolean")
JSON_VALUE = Named("JsonValue")
"""Declared in each file that names it."""
JSON_DECLARATION = "type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };\n"
NULL, UNKNOWN, NEVER = Named("null"), Named("unknown"), Named("never")


def union(*terms: Term) -> Term:
    """The union of ``terms``, as flat and as short as it can be said; null comes last."""
    flat: dict[Term, None] = {}
    for term in terms:
        flat.update(dict.fromkeys(term.members if isinstance(term, Union) else (term,)))
    flat.pop(NEVER, None)
    if UNKNOWN in flat:
        return UNKNOWN
    if JSON_VALUE in flat:
        return JSON_VALUE  # whatever else there is, it is JSON as well
    if {Literal("true"), Literal("false")} <= flat.keys():
        flat[BOOLEAN] = None
    wider = {STRING: "\"'", NUMBER: "-0123456789", BOOLEAN: "tf"}
    begins = "".join(text for term, text in wider.items() if term in flat)
    kept = [term for term in flat if term != NULL and not (isinstance(term, Literal) and term.text[0] in begins)]
    if NULL in flat:
        kept.append(NULL)
    if not kept:
        return NEVER
    return kept[0] if len(kept) == 1 else Union(tuple(kept))


def nullable(term: Term) -> Term:
    return union(term, NULL)


def literal(value: Any) -> Literal:
    """The type that has just ``value``: a text, a number, a truth value."""
    if isinstance(value, bool):
        return Literal("true" if value else "false")
    if isinstance(value, int | float):
        return Literal(json.dumps(value + 0))
    return Literal(quoted(str(value)))


def quoted(text: str) -> str:
    """A string literal, with the quotes that need fewer escapes."""
    # JSON's escapes are JavaScript's; the two separators end a line for older parsers.
    body = json.dumps(text, ensure_ascii=False)[1:-1].replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    body = re.sub("[\ud800-\udfff\x7f-\x9f\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", body)
    if text.count('"') > text.count("'"):
        return "'" + body.replace('\\"', '"').replace("'", "\\'") + "'"
    return f'"{body}"'


def key(name: str) -> str:
    """A property's name, in quotes where it needs them."""
    return name if name.replace("$", "_").isidentifier() else quoted(name)


def parts_of(term: Term) -> list[Term]:
    """``term`` and every term in it."""
    match term:
        case Array(item) | Record(item):
            return [term, *parts_of(item)]
        case Tuple(items) | Union(items):
            return [term, *(part for item in items for part in parts_of(item))]
    return [term]


def declarations_in(term: Term) -> list[Declaration]:
    return [part.target.resolved for part in parts_of(term) if isinstance(part, Ref)]


def spelled_out(term: Term) -> Term:
    """``term`` without the word Record, through which an alias may not lead to itself."""
    match term:
        case Record(value):
            return Record(spelled_out(value), spelled_out=True)
        case Array(item):
            return Array(spelled_out(item))
        case Tuple(items):
            return Tuple(tuple(map(spelled_out, items)))
        case Union(members):
            return Union(tuple(map(spelled_out, members)))
    return term


def write(term: Term, names: Names) -> str:
    """``term`` on one line."""
    match term:
        case Named(text) | Literal(text):
            return text
        case Array(item):
            return f"({write(item, names)})[]" if isinstance(item, Union) else f"{write(item, names)}[]"
        case Record(value, spelled_out=True):
            return f"{{ [key: string]: {write(value, names)} }}"
        case Record(value):
            return f"Record<string, {write(value, names)}>"
        case Tuple(items):
            return f"[{', '.join(write(item, names) for item in items)}]"
        case Union(members):
            return " | ".join(write(member, names) for member in members)
        case Ref(target):
            return names(target.resolved)


def lay_out(lead: str, term: Term, names: Names, indent: int = 0) -> str:
    """``lead`` and ``term`` with a semicolon, broken into lines where one is too short."""
    pad = " " * indent
    line = f"{pad}{lead} {write(term, names)};"
    if len(line) <= WIDTH:
        return line
    match term:
        case Union():
            return f"{pad}{lead}\n{_members(term, names, indent + 2, room=0)};"
        case Array(Union() as item):
            return f"{pad}{lead} (\n{_members(item, names, indent + 2)}\n{pad})[];"
        case Record(Union() as value, spelled_out=False):
            return f"{pad}{lead} Record<\n{pad}  string,\n{_members(value, names, indent + 2)}\n{pad}>;"
        case Tuple(items):
            rows = "\n".join(f"{pad}  {write(item, names)}," for item in items)
            return f"{pad}{lead} [\n{rows}\n{pad}];"
    return line


def _members(term: Union, names: Names, indent: int, room: int = WIDTH) -> str:
    """A union on lines of its own: one if ``room`` allows, else one for each member."""
    pad = " " * indent
    line = f"{pad}{write(term, names)}"
    if len(line) <= room:
        return line
    return "\n".join(f"{pad}| {write(member, names)}" for member in term.members)


def comment(text: str, indent: int = 0) -> str:
    """``text`` as TSDoc, with the line break after it; nothing for no text."""
    lines = [line.rstrip() for line in text.replace("*/", "*\\/").strip().splitlines()]
    pad = " " * indent
    if not lines:
        return ""
    if len(lines) == 1:
        return f"{pad}/** {lines[0]} */\n"
    body = "".join(f"{pad} *{' ' if line else ''}{line}\n" for line in lines)
    return f"{pad}/**\n{body}{pad} */\n"


def declare(declaration: Declaration, name: str, names: Names) -> str:
    """The whole declaration, with its comment."""
    head = comment(declaration.doc)
    if declaration.alias is not None:
        named = any(found.alias is not None for found in declaration.refers_to())
        alias = spelled_out(declaration.alias) if named else declaration.alias
        return f"{head}{lay_out(f'export type {name} =', alias, names)}\n"
    if not declaration.members:
        # `interface X {}` would take any value; an object that has no members takes none.
        return f"{head}{lay_out(f'export type {name} =', Record(NEVER), names)}\n"
    members = "".join(
        comment(member.doc, 2)
        + lay_out(f"{key(member.name)}{'?' if member.optional else ''}:", member.term, names, 2)
        + "\n"
        for member in declaration.members
    )
    return f"{head}export interface {name} {{\n{members}}}\n"


def imports(names: Iterable[str], source: str, *, kind: str = "import type") -> str:
    """One import statement with its line break."""
    listed: Sequence[str] = list(names)
    line = f'{kind} {{ {", ".join(listed)} }} from "{source}";\n'
    if len(line) <= WIDTH + 1:
        return line
    return f'{kind} {{\n{"".join(f"  {name},{chr(10)}" for name in listed)}}} from "{source}";\n'

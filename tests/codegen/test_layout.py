"""What doesn't fit into a line: prettier, with nothing to change, says that it is laid out as it would do it."""

from __future__ import annotations

from pathlib import Path

from rxsse.codegen.channels import ChannelClass, Rows, write_class
from rxsse.codegen.routes import Address, Argument
from rxsse.codegen.types import (
    NULL,
    NUMBER,
    STRING,
    Array,
    Declaration,
    Member,
    Named,
    Record,
    Ref,
    Term,
    Tuple,
    Union,
    declare,
    imports,
    literal,
    nullable,
    union,
)
from tests.codegen import tools
from tests.codegen.shop import live

LONG = union(*(literal(f"choice number {number}") for number in range(8)))
NAMES = [Named(f"AnInterfaceWithAVeryLongName{number}") for number in range(5)]
TERMS: list[Term] = [
    STRING,
    LONG,
    nullable(LONG),
    Array(LONG),
    Record(LONG),
    Record(NUMBER),
    Record(Array(union(STRING, NUMBER))),
    Tuple(tuple(NAMES)),
    Tuple((STRING, NULL)),
    union(*NAMES),
    Array(union(*NAMES[:3])),
    Record(union(*NAMES[:3])),
    Array(nullable(LONG)),
    Union((Array(union(STRING, NUMBER)), Record(STRING), NULL)),
]


def name(declaration: Declaration) -> str:
    return declaration.wanted[0]


def complaints(folder: Path, text: str) -> str:
    tools.place(folder, {"laid_out.ts": text})
    said = tools.run(folder, "prettier", "--print-width", "100", "--list-different", "laid_out.ts")
    if said:
        tools.run(folder, "prettier", "--print-width", "100", "--write", "laid_out.ts")
        said += (folder / "laid_out.ts").read_text()
    return said


def test_members_and_aliases(tmp_path: Path) -> None:
    shown = Declaration("shop", ("Shown",), "shop.Shown", "One line.")
    shown.members = [Member(f"member_{number}", term, bool(number % 2), "Text.") for number, term in enumerate(TERMS)]
    aliases = [Declaration("shop", (f"Alias{number}",), "", alias=term) for number, term in enumerate(TERMS)]
    ways = union(Record(Ref(aliases[0])), Array(Record(Ref(aliases[1]))))
    through = Declaration("shop", ("Through",), "", alias=ways)
    through_parts = Declaration("shop", ("Parts",), "", alias=Tuple((Record(Ref(aliases[0])), STRING)))
    declared = [declare(each, name(each), name) for each in (shown, *aliases, through, through_parts)]
    assert complaints(tmp_path, "\n".join(declared)) == ""
    assert "{ [key: string]: Alias0 } | { [key: string]: Alias1 }[]" in declared[-2]


def test_imports(tmp_path: Path) -> None:
    for number in range(1, 12):
        text = imports([f"Name{each}" for each in range(number * 2)], "./shop.interfaces")
        assert complaints(tmp_path, text) == ""


def test_paths_of_rows(tmp_path: Path) -> None:
    deep = tuple(f"member_{number}" for number in range(9))
    paths = [
        [()],
        [("*",)],
        [("a", "*"), ("b", "*")],
        [("a",), ("b", "*")],
        [deep[:5]],
        [deep[:7]],
        [deep],
        [deep[:4], ()],
        [deep[:5], ("a",)],
        [(each,) for each in deep],
    ]
    declarations = [Declaration("shop", (f"Row{number}",), "") for number in range(len(paths))]
    rows = [Rows(target, "id", found) for target, found in zip(declarations, paths, strict=True)]
    for address in (
        Address(("/fixed/",)),
        Address(("/", Argument("projectId", NUMBER), "/")),
        Address(tuple(Argument(f"argumentNumber{number}", STRING) for number in range(5))),
    ):
        described = ChannelClass(live.WaysChannel, address, Array(Ref(declarations[0])), rows)
        assert complaints(tmp_path, write_class(described, "WaysChannel", name)) == ""

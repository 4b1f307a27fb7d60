"""Channels as TypeScript classes: constructor, state, and where rows sit in it; knows how no field is mapped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import CompositePrimaryKey
from rest_framework.relations import PrimaryKeyRelatedField, RelatedField

from rxsse.channels import StateChannel
from rxsse.codegen.interfaces import Interfaces
from rxsse.codegen.routes import Address
from rxsse.codegen.scope import own_doc
from rxsse.codegen.types import (
    UNKNOWN,
    WIDTH,
    Array,
    Declaration,
    Names,
    Ref,
    Term,
    comment,
    declarations_in,
    key,
    quoted,
    write,
)
from rxsse.exceptions import AudienceError
from rxsse.tree import Edge, Leaf, Node

RUNTIME = "@rxsse/react/core"
IMPORTED = ("StateChannel", "ChannelOptions", "Token")

Path = tuple[str, ...]


@dataclass(slots=True)
class Rows:
    """Where the rows of one interface sit, and by which member they are told apart."""

    target: Declaration
    key: str
    paths: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class ChannelClass:
    channel: type[StateChannel]
    address: Address
    state: Term
    rows: list[Rows]

    def refers_to(self) -> list[Declaration]:
        return [*declarations_in(self.state), *(rows.target for rows in self.rows)]


def describe(channel: type[StateChannel], address: Address, interfaces: Interfaces) -> ChannelClass:
    """Declare what ``channel`` shows."""
    try:
        tree = channel.tree()
    except AudienceError:
        interfaces.report.warn(
            channel.label,
            "has fields that depend on the reader, so the type of its state is unknown",
            "declare the same fields for all readers",
        )
        return ChannelClass(channel, address, UNKNOWN, [])
    state = interfaces.serializer(tree.node.serializer, channel.label)
    rows: dict[Declaration, Rows] = {}
    _find(tree.node, ("*",) if tree.many else (), state, rows, interfaces)
    return ChannelClass(channel, address, Array(state) if tree.many else state, list(rows.values()))


def _find(node: Node, path: Path, shown: Term, rows: dict[Declaration, Rows], interfaces: Interfaces) -> None:
    """Note where ``node``'s rows sit, then what is below them."""
    if not isinstance(shown, Ref):
        return  # its JSON is made by code that can't be looked into
    target = shown.target.resolved
    name = _key_of(node)
    if name is not None:
        rows.setdefault(target, Rows(target, name)).paths.append(path)
    for member in node.members:
        if isinstance(member, Edge):
            below = (*path, member.name, "*") if member.many else (*path, member.name)
            _find(member.child, below, interfaces.serializer(member.child.serializer, ""), rows, interfaces)


def _key_of(node: Node) -> str | None:
    """The member that shows the row's primary key; None where none does."""
    pk: Any = node.model._meta.pk
    if isinstance(pk, CompositePrimaryKey):
        return None
    names = {"pk"}
    while pk is not None:
        names |= {pk.name, pk.attname}
        # A derived model's key is the one of the model that it is derived from.
        derived = pk.remote_field is not None and pk.remote_field.parent_link
        pk = pk.remote_field.model._meta.pk if derived else None
    for member in node.members:
        # A relation may show something else of the row that its key leads to.
        plain = not isinstance(member.field, RelatedField) or type(member.field) is PrimaryKeyRelatedField
        if isinstance(member, Leaf) and member.source in names and plain:
            return member.name
    return None


# --- as text ---------------------------------------------------------------------------------


def write_class(described: ChannelClass, name: str, names: Names) -> str:
    """The class, and before it the interface of its rows."""
    state = write(described.state, names)
    head, rows = comment(own_doc(described.channel)), described.rows
    before, arguments = "", [state]
    if rows:
        lines = "".join(f"  {key(names(each.target))}: {names(each.target)};\n" for each in rows)
        before = f"/** The rows in the state of {name}, by type. */\nexport interface {rows_of(name)} {{\n{lines}}}\n\n"
        arguments.append(rows_of(name))
    line = f"export class {name} extends StateChannel<{', '.join(arguments)}> {{"
    if len(line) > WIDTH:
        listed = ",\n".join(f"  {argument}" for argument in arguments)
        line = f"export class {name} extends StateChannel<\n{listed}\n> {{"
    return f"{before}{head}{line}\n{_instances(rows, names)}{_constructor(described.address, state)}}}\n"


def rows_of(name: str) -> str:
    """What the interface of a channel's rows is called."""
    return f"{name}Rows"


def _instances(rows: list[Rows], names: Names) -> str:
    if not rows:
        return ""
    lines = "".join(_instance(each, key(names(each.target))) for each in rows)
    return f"  static override readonly instances = {{\n{lines}  }} as const;\n\n"


def _instance(rows: Rows, name: str) -> str:
    paths = [f"[{', '.join(map(quoted, path))}]" for path in rows.paths]
    line = f"    {name}: {{ key: {quoted(rows.key)}, paths: [{', '.join(paths)}] }},\n"
    # prettier breaks a list of several lists that all have several members, however short it is.
    several = len(paths) > 1 and all(len(path) > 1 for path in rows.paths)
    if len(line) <= WIDTH + 1 and not several:
        return line
    inner = f"      paths: [{', '.join(paths)}],\n"
    if len(inner) > WIDTH + 1 or several:
        inner = "      paths: [\n" + "".join(map(_path, rows.paths)) + "      ],\n"
    return f"    {name}: {{\n      key: {quoted(rows.key)},\n{inner}    }},\n"


def _path(path: Path) -> str:
    line = f"        [{', '.join(map(quoted, path))}],\n"
    if len(line) <= WIDTH + 1:
        return line
    return "        [\n" + "".join(f"          {quoted(name)},\n" for name in path) + "        ],\n"


def _constructor(address: Address, state: str) -> str:
    taken = [f"{argument.name}: {write(argument.term, str)}" for argument in address.arguments]
    taken += ["token?: Token", f"options?: ChannelOptions<{state}>"]
    head = f"  constructor({', '.join(taken)}) {{"
    if len(head) > WIDTH:
        head = "  constructor(\n" + "".join(f"    {each},\n" for each in taken) + "  ) {"
    path = address.expression()
    call = f"    super({path}, token, options);"
    if len(call) > WIDTH:
        call = f"    super(\n      {path},\n      token,\n      options,\n    );"
    return f"{head}\n{call}\n  }}\n"

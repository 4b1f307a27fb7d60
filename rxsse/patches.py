"""JSON patches: the difference between two states, and how one is applied; knows neither Django nor I/O.

A state is strict JSON, as `loads` reads it: ``True``, ``1`` and ``1.0`` are three different
values, and so are ``0.0`` and ``-0.0``; the order of an object's members means nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from operator import is_
from typing import Any

import orjson

from rxsse.exceptions import PatchError
from rxsse.sequences import steps

# What tells the rows of a list apart, in order of preference.
_IDENTITIES = ("id", "pk", "uuid", "url", "key", "slug")
# Rows compared at once: few calls for an unchanged list, few rows to search in a changed one.
_STRIDE = 128
# orjson reads an integer beyond 64 bits as a float, which would change it.
_LONG_INTEGER = re.compile(rb"[0-9]{19}")
_INDEX = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")


# --- JSON text ---------------------------------------------------------------------------


def loads(text: bytes) -> Any:
    """Read JSON text without changing any number; raises `ValueError` on anything else."""
    return json.loads(text) if _LONG_INTEGER.search(text) else orjson.loads(text)


def dumps(value: Any) -> bytes:
    """JSON text on one line, without spaces."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, or a lone surrogate
        return json.dumps(value, separators=(",", ":")).encode()


def same(one: Any, other: Any) -> bool:
    """Whether two values are strictly the same JSON."""
    return one is other or _canonical(one) == _canonical(other)


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


# --- writing a patch -----------------------------------------------------------------------


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a place [rfc6901]: ``pointer("tasks", 0, "a/b") == "/tasks/0/a~1b"``."""
    return "".join(f"/{_escape(part) if isinstance(part, str) else part}" for part in parts)


def _escape(member: str) -> str:
    return member.replace("~", "~0").replace("/", "~1") if "~" in member or "/" in member else member


def add(path: str, value: bytes) -> bytes:
    """The operation that inserts ``value`` (JSON text) at ``path``."""
    return b'{"op":"add","path":%s,"value":%s}' % (dumps(path), value)


def replace(path: str, value: bytes) -> bytes:
    """The operation that puts ``value`` (JSON text) in the place of what is at ``path``."""
    return b'{"op":"replace","path":%s,"value":%s}' % (dumps(path), value)


def remove(path: str) -> bytes:
    """The operation that takes away what is at ``path``."""
    return b'{"op":"remove","path":%s}' % dumps(path)


def move(source: str, path: str) -> bytes:
    """The operation that takes what is at ``source`` and inserts it at ``path``, as counted after taking it."""
    return b'{"op":"move","from":%s,"path":%s}' % (dumps(source), dumps(path))


def encode(operations: Iterable[bytes]) -> bytes:
    """The patch document of ``operations``, on one line."""
    return b"[" + b",".join(operations) + b"]"


# --- diff ----------------------------------------------------------------------------------


def diff(old: Any, new: Any, path: str = "") -> list[bytes]:
    """The operations that turn ``old`` into ``new``, both found at ``path``; none where they are the same.

    Rows of a list are paired by a unique member (``id``, ``pk``, ``uuid``, ``url``, ``key``,
    ``slug``), or else by position. Never longer than replacing the whole value.
    """
    if old is new:
        return []
    if type(old) is dict and type(new) is dict:
        operations = _diff_members(old, new, path)
    elif type(old) is list and type(new) is list:
        operations = _diff_rows(old, new, path)
    else:
        return [] if same(old, new) else [replace(path, dumps(new))]
    length = sum(map(len, operations)) + len(operations) - 1
    # Every row takes two characters at least: a patch shorter than that needs no comparison.
    if length > 2 * len(new):
        whole = replace(path, dumps(new))
        if len(whole) < length:
            return [whole]
    return operations


def _diff_members(old: dict[str, Any], new: dict[str, Any], path: str) -> list[bytes]:
    operations = [remove(f"{path}/{_escape(name)}") for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            operations.append(add(f"{path}/{_escape(name)}", dumps(value)))
        elif old[name] is not value:
            operations += diff(old[name], value, f"{path}/{_escape(name)}")
    return operations


def _diff_rows(old: list[Any], new: list[Any], path: str) -> list[bytes]:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    name = _identity(before, after)
    if name is None:
        return _diff_positions(before, after, path, head)
    return _diff_keyed(before, after, name, path, head)


def _common(old: Sequence[Any], new: Sequence[Any]) -> int:
    """How many rows both lists have in common from their beginning."""
    return next(_differing(old, new), min(len(old), len(new)))


def _differing(old: Sequence[Any], new: Sequence[Any]) -> Iterator[int]:
    """The indexes, as far as both lists go, at which they are not the same."""
    for start in range(0, min(len(old), len(new)), _STRIDE):
        ours, theirs = old[start : start + _STRIDE], new[start : start + _STRIDE]
        if not all(map(is_, ours, theirs)) and dumps(ours) != dumps(theirs):
            for index, (one, other) in enumerate(zip(ours, theirs, strict=False), start):
                if not same(one, other):
                    yield index


def _identity(before: list[Any], after: list[Any]) -> str | None:
    """The member that tells all rows apart, in both lists."""
    if not before or not after or not all(type(row) is dict for rows in (before, after) for row in rows):
        return None
    return next((name for name in _IDENTITIES if _unique(before, name) and _unique(after, name)), None)


def _unique(rows: list[dict[str, Any]], name: str) -> bool:
    values = [row.get(name) for row in rows]
    return set(map(type, values)) <= {int, str} and len(set(values)) == len(values)


def _diff_positions(before: list[Any], after: list[Any], path: str, head: int) -> list[bytes]:
    operations: list[bytes] = []
    for index in _differing(before, after):
        operations += diff(before[index], after[index], f"{path}/{head + index}")
    for index in range(head + len(before) - 1, head + len(after) - 1, -1):
        operations.append(remove(f"{path}/{index}"))
    for index in range(len(before), len(after)):
        operations.append(add(f"{path}/{head + index}", dumps(after[index])))
    return operations


def _diff_keyed(before: list[Any], after: list[Any], name: str, path: str, head: int) -> list[bytes]:
    """First rows leave, from the end; then others arrive or move, from the start; then rows change in place."""
    kept = {row[name] for row in after}
    operations = [
        remove(f"{path}/{head + index}") for index in range(len(before) - 1, -1, -1) if before[index][name] not in kept
    ]
    survivors = [row for row in before if row[name] in kept]
    ranks = {row[name]: rank for rank, row in enumerate(survivors)}
    targets = [ranks.get(row[name]) for row in after]
    operations += _place(targets, after, path, head)
    paired = [row if target is None else survivors[target] for row, target in zip(after, targets, strict=True)]
    for index in _differing(paired, after):
        operations += diff(paired[index], after[index], f"{path}/{head + index}")
    return operations


def _place(targets: list[int | None], after: list[Any], path: str, head: int) -> list[bytes]:
    """Bring the survivors into order and insert the new rows between them.

    ``targets`` gives, for each row of the new list, its rank among the survivors, None for a new row.
    """
    operations = []
    for index, source, target in steps(targets):
        there = f"{path}/{head + target}"
        if source is None:
            operations.append(add(there, dumps(after[index])))
        else:
            operations.append(move(f"{path}/{head + source}", there))
    return operations


# --- apply ---------------------------------------------------------------------------------


def apply(state: Any, patch: bytes) -> Any:
    """``state`` after ``patch`` (a document as `encode` writes it) [rfc6902].

    ``state`` itself stays as it is: what changes is copied, the rest is shared with the result.
    Raises `PatchError` on anything that [rfc6902 §5] calls an error.
    """
    try:
        operations = loads(patch)
    except ValueError as error:
        raise PatchError("a patch is a JSON document") from error
    if type(operations) is not list:
        raise PatchError("a patch is a list of operations [rfc6902 §3]")
    draft = _Draft(state)
    for operation in operations:
        draft.operate(operation)
    return draft.root[0]


class _Draft:
    """A state under change: containers are copied when first written to."""

    def __init__(self, state: Any) -> None:
        self.root: list[Any] = [state]
        # The containers that are ours to write to; kept alive, so that no id is used twice.
        self._owned: dict[int, Any] = {}

    def operate(self, operation: Any) -> None:
        if type(operation) is not dict:
            raise PatchError(f"an operation is an object, not {operation!r} [rfc6902 §4]")
        path = _tokens(operation, "path")
        match operation.get("op"):
            case "add":
                self._add(path, _value(operation))
            case "remove":
                self._remove(path)
            case "replace":
                value = _value(operation)
                container, key = self._find(path)
                container[key] = value
            case "move":
                source = _tokens(operation, "from")
                if path[: len(source)] == source and path != source:
                    raise PatchError("a value can't be moved into itself [rfc6902 §4.4]")
                self._move(source, path)
            case "copy":
                container, key = self._find(_tokens(operation, "from"))
                self._add(path, deepcopy(container[key]))
            case "test":
                container, key = self._find(path)
                if not _equal(container[key], _value(operation)):
                    raise PatchError(f"the test of {operation['path']!r} failed [rfc6902 §4.6]")
            case other:
                raise PatchError(f"{other!r} is not an operation [rfc6902 §4]")

    def _add(self, path: list[str], value: Any) -> None:
        container, token = self._container(path)
        if type(container) is dict:
            container[token] = value
        elif container is self.root:
            container[0] = value
        else:
            container.insert(len(container) if token == "-" else _index(token, len(container)), value)

    def _remove(self, path: list[str]) -> Any:
        container, key = self._find(path)
        if container is self.root:
            raise PatchError("the whole document can't be removed; replace it")
        return container.pop(key)

    def _move(self, source: list[str], path: list[str]) -> None:
        if source == path:
            self._find(source)
        else:
            self._add(path, self._remove(source))

    def _find(self, path: list[str]) -> tuple[Any, Any]:
        """The writable container of an existing place, and its key there."""
        container, token = self._container(path)
        return container, _key(container, token)

    def _container(self, path: list[str]) -> tuple[Any, str]:
        container: Any = self.root
        tokens = ["0", *path]
        for token in tokens[:-1]:
            container = self._own(container, _key(container, token))
        if type(container) is not dict and type(container) is not list:
            raise PatchError(f"there is no {tokens[-1]!r} in a value that is neither object nor array")
        return container, tokens[-1]

    def _own(self, container: Any, key: Any) -> Any:
        child = container[key]
        if (type(child) is dict or type(child) is list) and id(child) not in self._owned:
            child = container[key] = child.copy()
            self._owned[id(child)] = child
        return child


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise PatchError(f"the operation {operation['op']!r} needs a 'value' [rfc6902 §4]")
    return operation["value"]


def _tokens(operation: dict[str, Any], member: str) -> list[str]:
    text = operation.get(member)
    if type(text) is not str or (text and text[0] != "/") or _BAD_ESCAPE.search(text):
        raise PatchError(f"{member!r} is a JSON pointer, not {text!r} [rfc6901 §3]")
    return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]


def _key(container: Any, token: str) -> Any:
    """The key of an existing place in ``container``."""
    if type(container) is dict:
        if token in container:
            return token
    elif type(container) is list:
        return _index(token, len(container) - 1)
    raise PatchError(f"there is no {token!r} in the target [rfc6902 §4]")


def _index(token: str, last: int) -> int:
    if _INDEX.fullmatch(token) is None or int(token) > last:
        raise PatchError(f"{token!r} is not an index from 0 to {last} [rfc6901 §4]")
    return int(token)


def _equal(one: Any, other: Any) -> bool:
    """Equality of the operation ``test``: numbers by their value [rfc6902 §4.6]."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(_equal, one, other))
    return (type(one) is bool) == (type(other) is bool) and bool(one == other)

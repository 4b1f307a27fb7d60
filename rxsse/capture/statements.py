"""Reads from a statement, without any query, which rows it writes; knows no transaction and no feed.

What can't be read is left open (``keys`` None, a column absent): too much is harmless, too
little would be a change that nobody hears of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from django.db.models import Field, Model
from django.db.models.constants import OnConflict
from django.db.models.expressions import Col, ColPairs
from django.db.models.lookups import Exact, In
from django.db.models.sql.where import AND, OR, WhereNode

from rxsse.messages import Change, Operation
from rxsse.rows import key_of, label_of, text_of

AnyField: TypeAlias = "Field[Any, Any]"
Texts = tuple[str | None, ...]
PK = ""  # Stands for the primary key, of whatever columns it is made, among attnames.
_ABSENT = object()


@lru_cache(maxsize=1024)
def relation_fields(model: type[Model]) -> tuple[AnyField, ...]:
    """The columns of the model's own table that name other rows: foreign keys, and the keys of generic ones."""
    meta = model._meta
    generic = {getattr(field, "fk_field", None) for field in meta.private_fields}
    return tuple(
        field for field in meta.local_concrete_fields if field.many_to_one or field.one_to_one or field.name in generic
    )


def inserted(query: Any, returning: Sequence[AnyField] | None, rows: Sequence[Sequence[Any]]) -> tuple[Change, ...]:
    """``rows`` are the values of ``returning`` that the database gave back, if it did, in the order of the objects."""
    model = _concrete(query)
    label = label_of(model)
    keys = _inserted_keys(model, query.objs, returning or (), rows)
    relations: dict[str, Texts] = {}
    for field in relation_fields(model):
        values = [_value(obj, field) for obj in query.objs]
        if all(map(_plain, values)):
            relations[field.attname] = _texts(field, values)
    insert = Change(label, Operation.INSERT, keys, None, relations)
    if query.on_conflict is OnConflict.UPDATE:
        # Rows that were in the way are told by the database or not at all; their relations never are.
        told = (
            keys
            if rows and {field.attname for field in _key_fields(model)} <= {f.attname for f in returning or ()}
            else None
        )
        return insert, Change(label, Operation.UPDATE, told)
    return (insert,)


def updated(query: Any, vendor: str) -> tuple[Change, ...]:
    """Nothing where the statement writes no column of its own table or selects no row."""
    model = _concrete(query)
    if not query.values:
        return ()
    chosen = _chosen(query, vendor)
    written = {field.attname: (field, value) for field, _, value in query.values}
    relations: dict[str, Texts] = {}
    for field in relation_fields(model):
        if field.attname in written:
            value = _saved(*written[field.attname])
            if _plain(value):
                relations[field.attname] = _texts(field, [value])
        elif field.attname in chosen:
            relations[field.attname] = chosen[field.attname]
    keys, fields = _keys(chosen), _fields(model, written)
    if keys == ():
        return ()
    if any(field.attname in written for field in _key_fields(model)):
        keys = fields = None  # rows go and others come
    return (Change(label_of(model), Operation.UPDATE, keys, fields, relations),)


def deleted(query: Any, vendor: str) -> tuple[Change, ...]:
    """Nothing where the statement selects no row."""
    model = _concrete(query)
    chosen = _chosen(query, vendor)
    keys = _keys(chosen)
    if keys == ():
        return ()
    return (
        Change(label_of(model), Operation.DELETE, keys, None, {name: chosen[name] for name in chosen if name != PK}),
    )


def _concrete(query: Any) -> type[Model]:
    model: type[Model] = query.model
    return model._meta.concrete_model or model


def _key_fields(model: type[Model]) -> list[AnyField]:
    fields: list[AnyField] = model._meta.pk_fields  # since Django 5.2
    return fields


def _inserted_keys(
    model: type[Model], objs: Sequence[Model], returning: Sequence[AnyField], rows: Sequence[Sequence[Any]]
) -> tuple[str, ...] | None:
    fields = _key_fields(model)
    places = {field.attname: place for place, field in enumerate(returning)} if len(rows) == len(objs) else {}
    keys = []
    for number, obj in enumerate(objs):
        parts = [
            rows[number][places[field.attname]] if field.attname in places else _value(obj, field) for field in fields
        ]
        if not all(part is not None and _plain(part) for part in parts):
            return None
        keys.append(key_of(model, parts[0] if len(fields) == 1 else parts))
    return tuple(keys)


def _value(obj: Model, field: AnyField) -> Any:
    # Never getattr: a deferred column would be fetched by a query.
    return obj.__dict__.get(field.attname, _ABSENT)


def _plain(value: Any) -> bool:
    return value is not _ABSENT and not hasattr(value, "resolve_expression") and not hasattr(value, "as_sql")


def _saved(field: AnyField, value: Any) -> Any:
    if not hasattr(value, "resolve_expression") and hasattr(value, "prepare_database_save"):
        return value.prepare_database_save(field)  # a model instance
    return value


def _texts(field: AnyField, values: Iterable[Any]) -> Texts:
    return tuple(dict.fromkeys(text_of(field, value) for value in values))


def _fields(model: type[Model], written: Iterable[str]) -> frozenset[str] | None:
    """The attnames whose values may have changed, None where that is every one but the key."""
    own, generated = _own_fields(model)
    fields = own.intersection(written) | generated
    return None if fields >= own else fields


@lru_cache(maxsize=1024)
def _own_fields(model: type[Model]) -> tuple[frozenset[str], frozenset[str]]:
    """The attnames of the model's own table without its key, and those of them that the database computes."""
    keys = _key_fields(model)
    own = [field for field in model._meta.local_concrete_fields if field not in keys]
    return frozenset(field.attname for field in own), frozenset(field.attname for field in own if field.generated)


def _keys(chosen: dict[str, Texts]) -> tuple[str, ...] | None:
    keys = chosen.get(PK)
    return None if keys is None else tuple(key for key in keys if key is not None)


def _chosen(query: Any, vendor: str) -> dict[str, Texts]:
    """What the WHERE clause says of the rows: for the key and for relation columns, the values they can have."""
    # `query.base_table` would do, but is cached, and too early a look would cache None.
    alias = next(iter(query.alias_map), None)
    return _Reader(_concrete(query), alias, vendor).node(query.where)


class _Reader:
    """Reads the conditions on one table out of a WHERE clause."""

    def __init__(self, model: type[Model], alias: str | None, vendor: str) -> None:
        self.model = model
        self.alias = alias
        self.vendor = vendor
        self.columns = {field.attname: field for field in relation_fields(model)}

    def node(self, node: Any) -> dict[str, Texts]:
        if isinstance(node, WhereNode):
            if node.negated:
                return {}
            if node.connector == AND:
                return self._all(self.node(child) for child in node.children)
            if node.connector == OR and node.children:
                return self._any([self.node(child) for child in node.children])
        elif isinstance(node, (Exact, In)) and not node.bilateral_transforms:
            values = self._values(node)
            if values is not None:
                return self._lookup(node.lhs, values)
        return {}

    @staticmethod
    def _all(parts: Iterable[dict[str, Texts]]) -> dict[str, Texts]:
        known: dict[str, Texts] = {}
        for part in parts:
            for name, texts in part.items():
                if name not in known or len(texts) < len(known[name]):
                    known[name] = texts
        return known

    @staticmethod
    def _any(parts: list[dict[str, Texts]]) -> dict[str, Texts]:
        names = set(parts[0]).intersection(*parts[1:])
        return {name: tuple(dict.fromkeys(text for part in parts for text in part[name])) for name in sorted(names)}

    @staticmethod
    def _values(lookup: Any) -> list[Any] | None:
        if not _plain(lookup.rhs):
            return None
        values = list(lookup.rhs) if isinstance(lookup, In) else [lookup.rhs]
        return [value for value in values if value is not None] if all(map(_plain, values)) else None

    def _lookup(self, lhs: Any, values: list[Any]) -> dict[str, Texts]:
        if getattr(lhs, "alias", _ABSENT) != self.alias:
            return {}  # a joined table's column
        keys = _key_fields(self.model)
        if type(lhs) is ColPairs and [target.attname for target in lhs.targets] == [field.attname for field in keys]:
            if all(_exact(field, self.vendor) for field in keys):
                return {PK: tuple(dict.fromkeys(key_of(self.model, value) for value in values))}
        elif type(lhs) is Col and _exact(lhs.target, self.vendor):
            known: dict[str, Texts] = {}
            if [lhs.target.attname] == [field.attname for field in keys]:
                known[PK] = tuple(dict.fromkeys(key_of(self.model, value) for value in values))
            if lhs.target.attname in self.columns:
                known[lhs.target.attname] = _texts(lhs.target, values)
            return known
        return {}


def _exact(field: Any, vendor: str) -> bool:
    """Whether the database finds a value only under its own text: a collation may hold ``A`` and ``a`` for equal."""
    while field.remote_field is not None:
        field = field.target_field
    if field.get_internal_type() not in ("CharField", "SlugField", "TextField", "FileField", "FilePathField"):
        return True
    return vendor != "mysql" and not getattr(field, "db_collation", None)

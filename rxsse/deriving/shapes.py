"""Looks at a queryset's construction: can one changed row be followed through it, or must it be read whole?

Runs no query. In doubt the answer is "read it whole" (slower, never wrong).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet
from django.db.models.expressions import Col, F, OrderBy, RawSQL, Subquery
from django.db.models.lookups import Lookup, Transform
from django.db.models.sql.where import WhereNode

_PLAIN_VALUES = (str, int, float, bool, bytes, type(None))


@dataclass(frozen=True, slots=True)
class Shape:
    """``simple``: membership of a row depends on that row's own columns alone.

    ``filtered``: some rows of the table are left out. ``order``: the attnames that the order
    depends on, None where it can't be told from the row's own columns.
    """

    simple: bool
    filtered: bool
    order: tuple[str, ...] | None


def shape_of(queryset: QuerySet[Any]) -> Shape:
    """Judge a queryset of model instances."""
    query: Any = queryset.query
    own = {parent._meta.db_table for parent in (queryset.model, *queryset.model._meta.all_parents)}
    simple = (
        not query.combinator
        and not query.distinct
        and not query.is_sliced
        and not query.extra
        and query.group_by is None
        and not query.annotations
        and not query.deferred_loading[0]
        and not query.extra_tables
        and all(map(_is_open, _terms(query)))
        and _joins_once(queryset, own)
        and _only_columns(query.where)
    )
    return Shape(simple, bool(query.where), _order(queryset))


def _joins_once(queryset: QuerySet[Any], own: set[str]) -> bool:
    """Whether no other row has a say: one row has one place in each table of its own family."""
    query: Any = queryset.query
    if len(own) > 1 or _order(queryset) is None:
        # Its columns are in several tables, or its order may need others: only the SQL shows what is joined.
        query = query.chain()
        query.select_related = False  # what is read along has no say either
        query.get_compiler(queryset.db).pre_sql_setup()
    tables = [query.alias_map[alias].table_name for alias, uses in query.alias_refcount.items() if uses]
    return len(set(tables)) == len(tables) and own.issuperset(tables)


def _is_open(term: Any) -> bool:
    """Whether an order term can be looked into: not SQL by hand, not a query of its own."""
    parts = term.flatten() if hasattr(term, "flatten") else (term,)
    return not any(isinstance(part, (RawSQL, Subquery)) for part in parts)


def _only_columns(where: WhereNode) -> bool:
    return all(_is_simple_condition(child) for child in where.children)


def _is_simple_condition(condition: Any) -> bool:
    if isinstance(condition, WhereNode):
        return _only_columns(condition)
    return isinstance(condition, Lookup) and _is_column(condition.lhs) and _is_plain(condition.rhs)


def _is_column(expression: Any) -> bool:
    if isinstance(expression, Transform):
        return all(_is_column(source) for source in expression.get_source_expressions())
    return isinstance(expression, Col)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(_is_plain(member) for member in value)
    return isinstance(value, _PLAIN_VALUES) or (
        not hasattr(value, "resolve_expression") and not hasattr(value, "as_sql") and not isinstance(value, QuerySet)
    )


def _order(queryset: QuerySet[Any]) -> tuple[str, ...] | None:
    query: Any = queryset.query
    if query.extra_order_by:
        return None
    attnames: list[str] = []
    for term in _terms(query):
        attname = _ordered_by(term, queryset.model)
        if attname is None:
            return None
        attnames.append(attname)
    return tuple(attnames)


def _terms(query: Any) -> Sequence[Any]:
    terms: Sequence[Any] = query.order_by or (query.model._meta.ordering if query.default_ordering else ())
    return terms


def settled(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, with whatever is left open of their order closed by the primary key (docs/adr/0006)."""
    query: Any = queryset.query
    if query.combinator or query.extra_order_by:
        return queryset
    terms = _terms(query)
    if any(_is_unique(_ordered_by(term, queryset.model), queryset.model) for term in terms):
        return queryset
    closed: QuerySet[Any] = queryset._chain()  # type: ignore[attr-defined]
    # Not by order_by(): a slice may have been taken, and the order still comes before it.
    closed.query.clear_ordering(force=True)
    closed.query.add_ordering(*terms, "pk")
    return closed


def _is_unique(attname: str | None, model: type[Model]) -> bool:
    if attname is None or attname == "pk":
        return attname == "pk"
    column: Any = model._meta.get_field(attname)
    return column.primary_key or (column.unique and not column.null)


def _ordered_by(term: Any, model: type[Model]) -> str | None:
    if isinstance(term, OrderBy):
        term = term.expression
    if isinstance(term, F):
        term = term.name  # type: ignore[attr-defined]
    if not isinstance(term, str):
        return None
    name = term.lstrip("-+")
    if name == "pk":
        return "pk"
    try:
        column = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(column, Field) or not column.concrete:
        return None
    # Ordering by a relation's name means ordering by the related model's own ordering.
    return None if column.is_relation and name != column.attname else column.attname

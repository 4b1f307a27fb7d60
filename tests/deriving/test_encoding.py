"""Whatever a serializer can return is encoded as DRF's own renderer means it, or refused as it refuses it."""

from __future__ import annotations

import datetime
import decimal
import enum
import ipaddress
import json
import uuid
from collections import OrderedDict, UserDict
from typing import Any

import pytest
from django.db import models
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.serializer_helpers import ReturnDict, ReturnList

from rxsse import patches
from rxsse.deriving.encoding import encode


class Colour(models.TextChoices):
    RED = "r", "Red"


class Size(models.IntegerChoices):
    BIG = 3, "Big"


class Plain(enum.Enum):
    ONE = 1


class Loud(str):
    """A subclass that says something else when asked."""

    def __str__(self) -> str:
        return "LOUD"


class Whole(int):
    pass


text = (
    st.text() | st.text(st.characters(exclude_categories=())) | st.sampled_from(["\u2028", "</script>", "\ud800", "\0"])
)
numbers = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([2**63, 2**64, -(2**63) - 1, 1e16, 1e22, 1e-7, -0.0, 5e-324, True, False])
)
zones = st.sampled_from([None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=5, minutes=30))])
atoms = (
    st.none()
    | text
    | numbers
    | st.decimals()
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.times(timezones=st.none() | st.just(datetime.UTC))
    | st.timedeltas()
    | st.uuids()
    | st.binary()
    | st.ip_addresses()
    | st.sampled_from(
        [
            Colour.RED,
            Size.BIG,
            Plain.ONE,
            Loud("x"),
            Whole(7),
            mark_safe("<b>"),
            lazystr("lazy"),
            gettext_lazy("lazy"),
            ipaddress.ip_network("10.0.0.0/8"),
            decimal.Decimal("1E+5"),
            object(),
            UserDict(a=1),
        ]
    )
)
keys = text | st.integers() | st.none() | st.booleans() | st.floats() | st.uuids() | st.just(Colour.RED) | st.dates()


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(keys, inner, max_size=4)
    rows = st.lists(inner, max_size=4)
    return (
        st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | members
        | rows
        | rows.map(tuple)
        | members.map(OrderedDict)
        | members.map(lambda value: ReturnDict(value, serializer=None))
        | rows.map(lambda value: ReturnList(value, serializer=None))
        | st.frozensets(st.integers() | text, max_size=1)
        | rows.map(iter)
    )


values = st.recursive(atoms, containers, max_leaves=8)


def as_member(value: Any) -> bytes:
    """At the top of a response the renderer writes nothing for None."""
    rendered: bytes = JSONRenderer().render([value])
    return rendered[1:-1]


def outcome(render: Any, value: Any) -> Any:
    try:
        return _exact(json.loads(render(value)))
    except (ValueError, TypeError, OverflowError) as error:
        return UnicodeEncodeError if isinstance(error, UnicodeEncodeError) else "refused"


def _exact(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@given(value=values)
@example(value={1: "a", "1": "b"})
@example(value=[float("nan")])
@example(value=float("inf"))
@example(value=[[[["\ud800"]]]])
@example(value={None: [2**64, {"x": decimal.Decimal("NaN")}]})
def test_the_same_as_the_renderer_or_refused_as_well(value: Any) -> None:
    if hasattr(value, "__next__"):
        value = list(value)
    value = _settled(value)
    assert outcome(encode, value) == outcome(as_member, value)


def _settled(value: Any) -> Any:
    """Iterators can be read once only; each side gets a fresh one."""
    if isinstance(value, dict):
        for key in value:
            value[key] = _settled(value[key])
    elif isinstance(value, list):
        value[:] = map(_settled, value)
    elif isinstance(value, tuple):
        return tuple(map(_settled, value))
    elif hasattr(value, "__next__"):
        return Again(list(value))
    return value


class Again:
    """What a generator would give, as often as asked."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = list(map(_settled, rows))

    def __iter__(self) -> Any:
        return iter(self.rows)


@given(value=values.filter(lambda value: not hasattr(value, "__next__")))
def test_what_was_encoded_stays_on_one_line_and_can_be_read(value: Any) -> None:
    try:
        encoded = encode(_settled(value))
    except (ValueError, TypeError, OverflowError):
        return
    assert b"\n" not in encoded
    assert b"\r" not in encoded
    assert _exact(patches.loads(encoded)) == _exact(json.loads(encoded))


@pytest.mark.parametrize(
    "value",
    [
        ReturnDict({"a": 1}, serializer=None),
        OrderedDict(a=[ReturnList([1], serializer=None)]),
        uuid.UUID(int=7),
        datetime.timedelta(days=1, microseconds=5),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("10.00"),
        b"bytes",
        Colour.RED,
        Size.BIG,
        lazystr("x"),
        {Colour.RED: 1},
    ],
    ids=repr,
)
def test_known_values(value: Any) -> None:
    assert json.loads(encode(value)) == json.loads(JSONRenderer().render(value))


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"x": float("-inf")}, "\ud800", object(), {(1, 2): 3}])
def test_refused_values(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        JSONRenderer().render(value)
    with pytest.raises((ValueError, TypeError)):
        encode(value)

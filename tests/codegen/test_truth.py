"""The types against what DRF renders: tsc accepts the JSON of real rows, and no type promises what never comes."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from rxsse.codegen.channels import describe
from rxsse.codegen.interfaces import Interfaces
from rxsse.codegen.routes import Address
from rxsse.codegen.types import NULL, Array, Declaration, Record, Ref, Term, Tuple, Union
from tests.codegen import golden_files, tools
from tests.codegen.shop import live
from tests.codegen.shop.models import MOODS, Maker, Passport, Product, Size, Status, Tag, Visa

SHOWN = (
    live.ColumnsChannel,
    live.RawChannel,
    live.RelationsChannel,
    live.LinkedChannel,
    live.DeepChannel,
    live.WaysChannel,
    live.FieldsChannel,
    live.ExtrasChannel,
    live.MethodsChannel,
    live.ShelfChannel,
    live.BriefChannel,
)
MOOD_VALUES = [value for value, label in [*MOODS[0:1], *MOODS[1][1], *MOODS[2][1]]]  # type: ignore[has-type]

text = st.text(st.characters(exclude_characters="\x00_", exclude_categories=["Cs"]), max_size=5)
name = st.text(st.characters(min_codepoint=65, max_codepoint=122), min_size=1, max_size=5)
amount = st.decimals(-999_999, 999_999, places=2)
small = st.integers(0, 30_000)


def row(**some: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(some)


PRODUCT = row(
    name=name,
    code=st.none() | st.just("a-code"),
    status=st.sampled_from(Status.values),
    size=st.none() | st.sampled_from(Size.values),
    mood=st.sampled_from(MOOD_VALUES),
    fixed=st.sampled_from(["", *Status.values]),
    price=amount,
    discount=st.none() | amount,
    weight=st.floats(allow_nan=False, allow_infinity=False, width=32),
    stock=st.integers(-(2**61), 2**61),
    small=st.none() | small,
    available=st.booleans(),
    checked=st.none() | st.booleans(),
    launched=st.none() | st.dates(datetime.date(1900, 1, 1)),
    seen=st.none() | st.datetimes(datetime.datetime(1900, 1, 2), timezones=st.just(datetime.UTC)),
    made=st.datetimes(datetime.datetime(1900, 1, 2), timezones=st.just(datetime.UTC)),
    opens=st.none() | st.times(),
    life=st.none() | st.timedeltas(datetime.timedelta(-99), datetime.timedelta(99)),
    address=st.none() | st.ip_addresses(v=4).map(str),
    attributes=st.dictionaries(text, st.none() | small, max_size=3),
    notes=st.none() | st.recursive(st.none() | st.booleans() | small | text, lambda each: st.lists(each, max_size=2)),
    words=st.lists(st.sampled_from(Status.values), max_size=2),
    picture=st.just("") | st.just("a/picture.png"),
    folder=st.just(""),
    blob=st.binary(max_size=3),
    token=st.none() | st.uuids(),
    money=st.none() | st.just("3 EUR"),
)
FULL: dict[str, Any] = {
    "name": "Full",
    "code": "full",
    "status": "sold",
    "size": 20,
    "mood": "it's",
    "fixed": "draft",
    "price": Decimal("3.50"),
    "discount": Decimal("0.10"),
    "weight": 1.5,
    "stock": 2**60,
    "small": 1,
    "available": True,
    "checked": False,
    "launched": datetime.date(2026, 1, 1),
    "seen": datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC),
    "made": datetime.datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=datetime.UTC),
    "opens": datetime.time(8),
    "life": datetime.timedelta(days=1, seconds=1),
    "address": "127.0.0.1",
    "attributes": {"a": 1, "b": None},
    "notes": {"a": [1, None, "x"]},
    "words": ["draft", "sold"],
    "picture": "a/picture.png",
    "token": uuid.UUID(int=2**127),
    "money": "3 EUR",
    "blob": b"\x00\xff",
}
EMPTY: dict[str, Any] = {
    "name": "",
    "status": "draft",
    "mood": "",
    "fixed": "",
    "price": Decimal(0),
    "weight": 0.0,
    "stock": 0,
    "available": False,
    "made": FULL["made"],
    "attributes": {},
    "words": [],
}


def makers() -> list[Maker | None]:
    """One with everything, one whose visa says nothing, one without a visa, one without a passport, and none."""
    whole, quiet, short, bare = (
        Maker.objects.create(name=name, site=site)
        for name, site in (("whole", "https://example.org"), ("quiet", None), ("short", None), ("bare", None))
    )
    passports = [Passport.objects.create(maker=maker, number=7) for maker in (whole, quiet, short)]
    Visa.objects.create(passport=passports[0], land="SE")
    Visa.objects.create(passport=passports[1], land=None)
    return [whole, quiet, short, bare, None]


def stock(specifications: list[dict[str, Any]]) -> None:
    """A product for each, with every kind of relation in turn."""
    choice = makers()
    tags = [Tag.objects.create(word=word) for word in ("new", "a/b")]
    before: Product | None = None
    for number, specification in enumerate([FULL, FULL, FULL, EMPTY, *specifications]):
        maker = choice[number % 5]
        parent = before if number % 4 else None
        product = Product.objects.create(**specification, maker=maker, namesake=maker, parent=parent)
        product.tags.set(tags[: number % 3])
        before = product
    for number, maker in enumerate(choice):
        parent = Product.objects.filter(maker=maker).first()
        Product.objects.create(**{**FULL, "code": f"{number}"}, maker=maker, parent=parent)


def rendered(channel: Any) -> list[Any]:
    """What DRF makes of every row."""
    serializer = channel.tree().node.serializer
    rows = channel.model()._default_manager.all()
    return [json.loads(JSONRenderer().render(serializer.to_representation(row))) for row in rows]


def clear() -> None:
    for model in (Product, Visa, Passport, Maker, Tag):
        model.objects.all().delete()


def of(channel: Any) -> tuple[Term, list[Any]]:
    """The type of one row, and every row."""
    state = describe(channel, Address(()), Interfaces()).state
    return (state.item if isinstance(state, Array) else state), rendered(channel)


class Witness:
    """What was seen of each member of each interface."""

    def __init__(self) -> None:
        self.seen: dict[tuple[Declaration, str], set[str]] = {}

    def look(self, term: Term, value: Any, note: set[str] | None = None) -> None:
        note = set() if note is None else note
        if value is None:
            note.add("null")
        elif isinstance(term, Union):
            note.add(str(json.dumps(value)))
            for part in term.members:
                if part != NULL and isinstance(part, Ref | Array | Record) and isinstance(value, dict | list):
                    self.look(part, value, note)
        elif isinstance(term, Array):
            for each in value:
                self.look(term.item, each, note)
        elif isinstance(term, Record):
            for each in value.values():
                self.look(term.value, each, note)
        elif isinstance(term, Tuple):
            for part, each in zip(term.items, value, strict=True):
                self.look(part, each, note)
        elif isinstance(term, Ref):
            for member in term.target.resolved.members:
                notes = self.seen.setdefault((term.target.resolved, member.name), set())
                notes.add("present" if member.name in value else "absent")
                if member.name in value:
                    self.look(member.term, value[member.name], notes)


def promised(term: Term) -> set[str]:
    """What should be seen of a member of this type."""
    if isinstance(term, Union):
        return set().union(*(promised(part) for part in term.members))
    if isinstance(term, Array):
        return promised(term.item)
    if isinstance(term, Record):
        return promised(term.value)
    if isinstance(term, Tuple):
        return set().union(*(promised(part) for part in term.items))
    return {"null"} if term == NULL else set()


# Types of methods that return nothing of the sort in these tests: what they say is Python's promise, not ours.
UNUSED = {"tree", "wrapped", "itself", "parts", "shown", "leaves", "made"}


@pytest.mark.django_db
@pytest.mark.usefixtures("shop")
def test_every_null_and_every_absence_that_is_promised_happens() -> None:
    stock([])
    witness = Witness()
    for channel in SHOWN:
        term, rows = of(channel)
        assert rows
        for each in rows:
            witness.look(term, each)
    missing = [
        f"{declaration.wanted[0]}.{member.name}: {wanted - notes}"
        for (declaration, name), notes in witness.seen.items()
        for member in declaration.members
        if member.name == name
        for wanted in [promised(member.term) | ({"absent", "present"} if member.optional else {"present"})]
        if not wanted <= notes and name not in UNUSED
    ]
    assert missing == []


def typescript() -> str:
    """Every row of every channel, as a value of its type."""
    lines = []
    for channel in SHOWN:
        short = channel.__name__.removesuffix("Channel")
        literals = json.dumps(rendered(channel), ensure_ascii=True)
        lines.append(f"export const {short.lower()}: {short}[] = {literals};\n")
    names = ", ".join(sorted(channel.__name__.removesuffix("Channel") for channel in SHOWN))
    return f'import type {{ {names} }} from "./shop.interfaces";\n\n' + "".join(lines)


def place_truth(folder: Path, text: str) -> None:
    texts = {name: text for name, text in golden_files.golden().items() if name.endswith(".interfaces.ts")}
    tools.place(folder, {**texts, "truth.ts": text})


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.usefixtures("shop")
@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(specifications=st.lists(PRODUCT, min_size=15, max_size=30))
def test_tsc_accepts_what_drf_renders(tmp_path: Path, specifications: list[dict[str, Any]]) -> None:
    clear()
    stock(specifications)
    place_truth(tmp_path, typescript())
    assert tools.tsc(tmp_path) == ""


@pytest.mark.django_db
@pytest.mark.usefixtures("shop")
def test_tsc_refuses_what_drf_does_not_render(tmp_path: Path) -> None:
    stock([])
    row = rendered(live.ColumnsChannel)[0]
    wrong = {
        "number": ({**row, "price": 3.5}, "Type 'number' is not assignable to type 'string'"),
        "more": ({**row, "more": 1}, "'\"more\"' does not exist in type 'Columns'"),
        "less": ({key: value for key, value in row.items() if key != "code"}, "Property 'code' is missing"),
        "choice": ({**row, "mood": "other"}, "Type '\"other\"' is not assignable"),
        "none": ({**row, "stock": None}, "Type 'null' is not assignable to type 'number'"),
    }
    lines = [f"export const {each}: Columns = {json.dumps(value)};\n" for each, (value, _) in wrong.items()]
    place_truth(tmp_path, 'import type { Columns } from "./shop.interfaces";\n' + "".join(lines))
    complaints = tools.tsc(tmp_path).splitlines()
    for number, (_, complaint) in enumerate(wrong.values(), start=2):
        assert any(f"truth.ts({number}," in line and complaint in line for line in complaints), complaints

"""Method fields, one for each kind of annotation."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, Union

from rest_framework import serializers

from tests.codegen.shop.models import Product, Size, Status
from tests.codegen.shop.serializers import ShortSerializer

if TYPE_CHECKING:
    from collections import OrderedDict as OnlyForTypeCheckers

Grams = NewType("Grams", int)


class Point(NamedTuple):
    x: int
    label: str | None


class Colour(enum.Enum):
    RED = "red"
    BLUE = 2


class Level(enum.IntFlag):
    LOW = 1
    HIGH = 2


class Base(TypedDict):
    kind: Literal["a", "b"]


class Part(Base, total=False):
    """A part */ of something."""

    weight: float
    parts: list[Part]


class Mixed(TypedDict):
    sure: int
    perhaps: NotRequired[str | None]


@dataclass
class Branch:
    """A tree."""

    name: str
    made: datetime.date | None
    leaves: list[Branch] = field(default_factory=list)


@dataclass
class Undocumented:
    by_code: dict[str, Branch]


class MethodsSerializer(serializers.ModelSerializer[Product]):
    text = serializers.SerializerMethodField()
    texts = serializers.SerializerMethodField()
    maybe = serializers.SerializerMethodField()
    old_maybe = serializers.SerializerMethodField()
    either = serializers.SerializerMethodField()
    exact = serializers.SerializerMethodField()
    typed = serializers.SerializerMethodField()
    mixed = serializers.SerializerMethodField()
    tree = serializers.SerializerMethodField()
    wrapped = serializers.SerializerMethodField()
    point = serializers.SerializerMethodField()
    pair = serializers.SerializerMethodField()
    row = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    mapping = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    sizes = serializers.SerializerMethodField()
    level = serializers.SerializerMethodField()
    moment = serializers.SerializerMethodField()
    scalars = serializers.SerializerMethodField()
    grams = serializers.SerializerMethodField()
    walked = serializers.SerializerMethodField()
    nested = serializers.SerializerMethodField()
    nested_list = serializers.SerializerMethodField()
    itself = serializers.SerializerMethodField()
    anything = serializers.SerializerMethodField()
    nothing = serializers.SerializerMethodField()
    other = serializers.SerializerMethodField(method_name="elsewhere")

    class Meta:
        model = Product
        fields = (
            "id",
            "text",
            "texts",
            "maybe",
            "old_maybe",
            "either",
            "exact",
            "typed",
            "mixed",
            "tree",
            "wrapped",
            "point",
            "pair",
            "row",
            "counts",
            "mapping",
            "status",
            "sizes",
            "level",
            "moment",
            "scalars",
            "grams",
            "walked",
            "nested",
            "nested_list",
            "itself",
            "anything",
            "nothing",
            "other",
        )

    def get_text(self, product: OnlyForTypeCheckers[str, str]) -> str:
        """The name, loudly.

        As a method says it.
        """
        return product.name.upper()  # type: ignore[attr-defined,no-any-return]

    def get_texts(self, product: Product) -> list[str]:
        return [product.name]

    def get_maybe(self, product: Product) -> int | None:
        return product.small

    def get_old_maybe(self, product: Product) -> Optional[int]:  # noqa: UP045
        return product.small

    def get_either(self, product: Product) -> Union[list[int], str]:  # noqa: UP007
        return [1] if product.available else "none"

    def get_exact(self, product: Product) -> Literal["it's", 1, True, None]:
        return None if product.size is None else 1

    def get_typed(self, product: Product) -> Part:
        return {"kind": "a", "parts": [{"kind": "b", "weight": product.weight}]}

    def get_mixed(self, product: Product) -> Mixed:
        return {"sure": 1} if product.available else {"sure": 2, "perhaps": product.code}

    def get_tree(self, product: Product) -> list[Branch]:
        return []

    def get_wrapped(self, product: Product) -> Undocumented | None:
        return None

    def get_point(self, product: Product) -> Point:
        return Point(1, product.code)

    def get_pair(self, product: Product) -> tuple[int, str]:
        return 1, product.name

    def get_row(self, product: Product) -> tuple[int | None, ...]:
        return 1, product.small

    def get_counts(self, product: Product) -> dict[str, int]:
        return {product.name: 1}

    def get_mapping(self, product: Product) -> Mapping[int, Sequence[bool]]:
        return {1: [product.available]}

    def get_status(self, product: Product) -> Status:
        return Status(product.status)

    def get_sizes(self, product: Product) -> set[Size]:
        return {Size.SMALL, Size.LARGE}

    def get_level(self, product: Product) -> Level:
        return Level.LOW

    def get_moment(self, product: Product) -> datetime.datetime | datetime.date | datetime.timedelta:
        return product.made

    def get_scalars(self, product: Product) -> tuple[Decimal, float, uuid.UUID, bytes, ipaddress.IPv4Address, bool]:
        return product.price, product.weight, uuid.UUID(int=1), b"x", ipaddress.IPv4Address(1), product.available

    def get_grams(self, product: Product) -> Grams:
        return Grams(3)

    def get_walked(self, product: Product) -> Iterator[str]:
        yield product.name

    def get_nested(self, product: Product) -> Annotated[Any, ShortSerializer]:
        return ShortSerializer(product).data

    def get_nested_list(self, product: Product) -> Annotated[Any, ShortSerializer(many=True)]:
        return ShortSerializer([product], many=True).data

    def get_itself(self, product: Product) -> Annotated[list[Any], MethodsSerializer(many=True)]:
        return []

    def get_anything(self, product: Product) -> object:
        return product.notes

    def get_nothing(self, product: Product) -> None:
        return None

    def elsewhere(self, product: Product) -> str | int:
        return product.name

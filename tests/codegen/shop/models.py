"""Models with every kind of column, and every kind of way between them."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    SOLD = "sold", "Sold"


class Size(models.IntegerChoices):
    SMALL = 1, "Small"
    LARGE = 20, "Large"


MOODS = [
    ("plain", "Plain"),
    ("Quoted", [("it's", "One"), ('"two"', "Two"), ("'\"", "Both"), ("back\\slash", "Slash")]),
    ("Other", [("line\nbreak", "Line"), ("naïve 🎈", "Text"), ("\u2028", "Separator"), ("", "None"), ("*/", "End")]),
]


class Reversed(models.CharField):
    """A column of one's own whose Python value is another than the database's."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value if value is None else tuple(value)


class Money(models.Field):  # type: ignore[type-arg]
    """A column that DRF knows no field for."""

    def db_type(self, connection: Any) -> str:
        return "varchar(20)"


class Maker(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=20, unique=True)
    site = models.URLField(null=True, blank=True)  # noqa: DJ001 (what is to be seen)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name


class Passport(models.Model):
    """Its key is its maker's, which is a UUID."""

    maker = models.OneToOneField(Maker, models.CASCADE, primary_key=True, related_name="passport")
    number = models.IntegerField()

    def __str__(self) -> str:
        return str(self.number)


class Visa(models.Model):
    """Its key is a key's key."""

    passport = models.OneToOneField(Passport, models.CASCADE, primary_key=True, related_name="visa")
    land = models.CharField(max_length=2, null=True)  # noqa: DJ001

    def __str__(self) -> str:
        return self.land or ""


class Tag(models.Model):
    word = models.CharField(max_length=20, primary_key=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.word


class Product(models.Model):
    """One of everything."""

    maker = models.ForeignKey(Maker, models.SET_NULL, null=True, related_name="products")
    namesake = models.ForeignKey(Maker, models.CASCADE, to_field="name", null=True, related_name="+")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    tags = models.ManyToManyField(Tag, related_name="products")
    name = models.CharField(max_length=20, help_text="What it is called */ on the shelf.\nIn one language.")
    code = models.SlugField(null=True)  # noqa: DJ001
    status = models.CharField(max_length=5, choices=Status)
    size = models.IntegerField(choices=Size, null=True)
    mood = models.CharField(max_length=12, choices=MOODS, blank=True)
    fixed = models.CharField(max_length=5, choices=Status, blank=True, editable=False, default="")
    price = models.DecimalField(max_digits=8, decimal_places=2)
    discount = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    weight = models.FloatField()
    stock = models.BigIntegerField()
    small = models.PositiveSmallIntegerField(null=True)
    available = models.BooleanField()
    checked = models.BooleanField(null=True)
    launched = models.DateField(null=True)
    seen = models.DateTimeField(null=True, editable=False)
    made = models.DateTimeField()
    opens = models.TimeField(null=True)
    life = models.DurationField(null=True)
    address = models.GenericIPAddressField(null=True)
    attributes = models.JSONField(default=dict)
    notes = models.JSONField(null=True)
    words = models.JSONField(default=list)
    picture = models.FileField(blank=True)
    folder = models.FilePathField(path=".", blank=True)
    blob = models.BinaryField(editable=True, default=b"")
    token = models.UUIDField(null=True)
    money = Money(null=True)
    doubled = models.GeneratedField(expression=F("stock") * 2, output_field=models.BigIntegerField(), db_persist=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name

    @property
    def initial(self) -> str | None:
        return self.name[:1] or None

    @property
    def price_and_weight(self) -> tuple[Decimal, float]:
        return self.price, self.weight

    @property
    def unsaid(self):  # type: ignore[no-untyped-def]
        return self.name

    @property
    def best_maker(self) -> Maker | None:
        return self.maker

    @property
    def summary(self) -> dict[str, int]:
        return {"count": self.stock} if self.small is None else {"count": self.stock, "rest": self.small, "may": 1}

    def shout(self) -> str:
        return self.name.upper()


class Odd(models.Model):
    """What can't be known."""

    letters = Reversed(max_length=5)

    def __str__(self) -> str:
        return str(self.pk)

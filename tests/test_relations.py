"""A related property is a property that says what it follows."""

from __future__ import annotations

from typing import Any

from rxsse import related_property
from rxsse.relations import RelatedProperty


class Shelf:
    def __init__(self) -> None:
        self.books = ["a", "b"]

    @related_property("books", "shelf")
    def first_books(self) -> list[str]:
        return self.books[:1]

    @related_property("books")
    def all_books(self) -> list[str]:
        return self.books


def test_it_is_read_as_a_property() -> None:
    shelf: Any = Shelf()
    assert shelf.first_books == ["a"]
    assert shelf.all_books == ["a", "b"]


def test_it_says_what_it_follows() -> None:
    first: Any = Shelf.__dict__["first_books"]
    assert isinstance(first, RelatedProperty)
    assert (first.accessor, first.reverse) == ("books", "shelf")
    assert Shelf.__dict__["all_books"].reverse is None

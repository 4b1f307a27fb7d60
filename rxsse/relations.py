"""`related_property`: a property of a model that returns related rows; knows only models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class related_property(property):  # noqa: N801 - used as a decorator, named as property is
    """A property that returns rows reached through ``accessor``; ``reverse`` leads from them back.

    Both names document the relation and type the generated client. Nothing depends on them
    for exactness: what the property reads is recorded while it runs.
    """

    def __init__(self, accessor: str, reverse: str | None = None) -> None:
        super().__init__()
        self.accessor = accessor
        self.reverse = reverse

    def __call__(self, function: Callable[[Any], Any]) -> property:
        bound = _RelatedProperty(function)
        bound.accessor, bound.reverse, bound.__doc__ = self.accessor, self.reverse, function.__doc__
        return bound


class _RelatedProperty(property):
    accessor: str
    reverse: str | None

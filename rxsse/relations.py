"""`related_property`: a property of a model that returns related rows; knows only models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RelatedProperty(property):
    """What `related_property` makes: a property that also says which relation it follows."""

    accessor: str = ""
    reverse: str | None = None


def related_property(accessor: str, reverse: str | None = None) -> Callable[[Callable[[Any], Any]], RelatedProperty]:
    """Declare a property whose rows are reached through ``accessor``; ``reverse`` leads from them back.

    The names document the relation. Exactness doesn't depend on them: what the property
    reads is recorded while it runs.
    """

    def decorate(function: Callable[[Any], Any]) -> RelatedProperty:
        declared = RelatedProperty(function)
        declared.accessor, declared.reverse = accessor, reverse
        return declared

    return decorate

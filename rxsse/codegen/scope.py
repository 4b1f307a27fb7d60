"""What the parts of generation share: warnings, the types declared so far, and the way to a nested serializer."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.apps import apps
from django.db.models import Model
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer

from rxsse.codegen.types import Declaration, Term


@dataclass(slots=True)
class Report:
    """Warnings in order, none of them twice."""

    warnings: dict[str, None] = field(default_factory=dict)

    def warn(self, where: str, problem: str, way_out: str) -> None:
        """``where`` names the field, as in ``projects.serializers.TaskSerializer.due``."""
        self.warnings[f"{where} {problem}; {way_out}."] = None


class Scope(Protocol):
    """The side of the whole that the mapping of one field or annotation needs."""

    report: Report
    home: str
    """The label of the app whose file takes what belongs to no app of the project."""
    types: dict[Any, Declaration]
    """What is declared for Python's own types: typed dictionaries, dataclasses, named aliases."""

    def field(self, field: Field[Any, Any, Any, Any], where: str) -> Term:
        """The type of what ``field`` makes of a value that it is given by itself."""

    def serializer(self, serializer: BaseSerializer[Any], where: str, model: type[Model] | None = None) -> Term:
        """The type of what ``serializer`` returns for one instance, or for a list where it is one.

        ``model`` is that of the instance, for a serializer that doesn't say itself.
        """


def home_of(module: str, otherwise: str) -> str:
    """The label of the installed app that ``module`` belongs to."""
    found = apps.get_containing_app_config(module)
    # DRF's own classes (the serializers that `depth` makes) are nobody's.
    return otherwise if found is None or found.name in ("rest_framework", "rxsse") else found.label


def path_of(kind: Any) -> str:
    """A class, as a warning names it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def own_doc(kind: type) -> str:
    """The docstring of the class itself, never an inherited one."""
    text = vars(kind).get("__doc__")
    return inspect.cleandoc(text) if isinstance(text, str) else ""

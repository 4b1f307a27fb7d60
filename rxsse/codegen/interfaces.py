"""Serializers as interfaces: declares each once, in the file of the app that it belongs to; knows no channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from rxsse.codegen.annotations import returned_by, wanted_names
from rxsse.codegen.fields import member, value
from rxsse.codegen.scope import Report, home_of, own_doc, path_of
from rxsse.codegen.sources import UNKNOWN_SOURCE
from rxsse.codegen.types import UNKNOWN, Array, Declaration, Member, Ref, Term, write

Shape = tuple[Any, ...]


@dataclass(slots=True)
class Interfaces:
    """Every declaration of one project, each made once. The `Scope` of the mappings."""

    report: Report = field(default_factory=Report)
    home: str = ""
    types: dict[Any, Declaration] = field(default_factory=dict)
    shapes: dict[Shape, Declaration] = field(default_factory=dict)
    _open: dict[type, tuple[Declaration, Any]] = field(default_factory=dict)
    """Those being declared, with their roots: a serializer whose method returns its own kind refers to itself."""

    def field(self, field: Field[Any, Any, Any, Any], where: str) -> Term:
        """The type of what ``field`` makes of a value that it is given by itself."""
        return value(field, UNKNOWN_SOURCE, where, self)

    def serializer(self, serializer: BaseSerializer[Any], where: str, model: type[Model] | None = None) -> Term:
        """The type of what ``serializer`` returns for one instance, or for a list where it is one."""
        if isinstance(serializer, ListSerializer):
            if type(serializer).to_representation is not ListSerializer.to_representation:
                return self._own_json(serializer)
            child: Any = serializer.child
            return Array(self.serializer(child, where, model))
        if not isinstance(serializer, Serializer) or (
            type(serializer).to_representation is not Serializer.to_representation
        ):
            return self._own_json(serializer)
        return Ref(self._declaration(serializer, model))

    def _declaration(self, serializer: Serializer[Any], model: type[Model] | None) -> Declaration:
        """The interface of one serializer; the same for two whose members are the same."""
        kind = type(serializer)
        outer_home, outer = self.home, self._open.get(kind)
        if outer is not None and outer[1] is not serializer.root:
            return outer[0]
        made = self._begin(serializer)
        self.home, self._open[kind] = made.home, (made, serializer.root)
        try:
            made.members = self._members(serializer, model)
        finally:
            self.home = outer_home
            del self._open[kind]
            if outer is not None:
                self._open[kind] = outer
        first = self.shapes.setdefault(self._shape(kind, made), made)
        if first is not made:
            made.same_as = first
        return first

    def _begin(self, serializer: Serializer[Any]) -> Declaration:
        kind, module, name = type(serializer), type(serializer).__module__, type(serializer).__name__
        home = home_of(module, self.home)
        if "<locals>" in kind.__qualname__ and module.startswith("rest_framework."):
            # What `Meta.depth` makes: its class says nothing, its model everything.
            name = f"Nested{serializer.Meta.model.__name__}"  # type: ignore[attr-defined]
            home, module = self.home, home
        short = name.removesuffix("Serializer") or name
        doc = own_doc(kind)
        return Declaration(home, wanted_names(short, module), path_of(kind), doc)

    def _members(self, serializer: Serializer[Any], model: type[Model] | None) -> list[Member]:
        model = getattr(getattr(serializer, "Meta", None), "model", model)
        path = path_of(type(serializer))
        found: list[Member] = []
        for name, each in serializer.fields.items():
            if not each.write_only:
                found.append(member(str(name), each, model, f"{path}.{name}", self))
        return found

    def _shape(self, kind: type, made: Declaration) -> Shape:
        """What tells two declarations apart."""

        def name(target: Declaration) -> str:
            return "this" if target is made else str(id(target))

        written = tuple((each.name, write(each.term, name), each.optional, each.doc) for each in made.members)
        return (path_of(kind), made.wanted, written)

    def _own_json(self, serializer: BaseSerializer[Any]) -> Term:
        """A serializer that makes its JSON itself: its annotation is all there is to know."""
        path = path_of(type(serializer))
        method = type(serializer).to_representation
        if method in (BaseSerializer.to_representation, Field.to_representation):
            return UNKNOWN
        return returned_by(method, path, self)

"""The project that is generated from: its channels are registered for as long as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.test import override_settings

from rxsse.channels import StateChannel, registry
from rxsse.codegen.project import Output, generate

MODULES = ("tests.codegen.apps.chat.live", "tests.codegen.shop.live")


def _own() -> dict[str, type[StateChannel]]:
    before = dict(registry)
    for module in MODULES:
        import_module(module)
    return {label: registry.pop(label) for label in list(registry) if label not in before}


OWN = _own()


@contextmanager
def declared(channels: dict[str, type[StateChannel]] = OWN, urlconf: Any = "tests.codegen.urls") -> Iterator[None]:
    """No channels but these, and their URLconf."""
    kept = dict(registry)
    registry.clear()
    registry.update(channels)
    try:
        with override_settings(ROOT_URLCONF=urlconf):
            yield
    finally:
        registry.clear()
        registry.update(kept)


def texts_of(output: Output) -> dict[str, str]:
    """The files and the warnings, as the golden ones are kept."""
    return {**output.texts, "warnings.txt": "".join(f"{warning}\n" for warning in output.report.warnings)}


def generated() -> dict[str, str]:
    with declared():
        return texts_of(generate())

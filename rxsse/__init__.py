"""rxsse keeps a front end exactly in step with a Django database, over Server-Sent Events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rxsse.channels import StateChannel as StateChannel
    from rxsse.relations import related_property as related_property

__version__ = "0.1.0"
__all__ = ["StateChannel", "related_property"]

_HOMES = {"StateChannel": "rxsse.channels", "related_property": "rxsse.relations"}


def __getattr__(name: str) -> Any:
    # Django imports this package before models can be: the public names load on first use.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

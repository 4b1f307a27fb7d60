"""Turns a serializer's primitive values into JSON text, exactly as DRF's JSONRenderer would mean them.

Knows nothing of models or serializers. orjson does the common types; everything it would
write differently goes through DRF's own encoder.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder

_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_NON_STR_KEYS
)
# Values of exactly these types mean the same to orjson and to the standard library's json.
_ATOMS = frozenset({str, int, bool, type(None)})


class _Unusual(Exception):
    """A value that orjson writes differently: let the standard library write it."""


def encode(value: Any) -> bytes:
    """JSON text of ``value``; raises ValueError or TypeError where JSONRenderer would."""
    if type(value) in _ATOMS:
        try:
            return orjson.dumps(value)
        except (orjson.JSONEncodeError, TypeError):
            return _by_renderer(value)
    if type(value) is float:
        return orjson.dumps(value) if math.isfinite(value) else _by_renderer(value)
    try:
        _inspect(value)
        return orjson.dumps(value, option=_OPTIONS)
    except (_Unusual, orjson.JSONEncodeError):
        return _by_renderer(value)


def _inspect(value: Any) -> None:
    """Raise `_Unusual` unless every part of ``value`` is of a type that needs no second opinion."""
    kind = type(value)
    if kind in _ATOMS:
        return
    if kind is dict:
        for key, member in value.items():
            if type(key) is not str:
                raise _Unusual
            _inspect(member)
    elif kind is list or kind is tuple:
        for member in value:
            _inspect(member)
    elif kind is float and math.isfinite(value):
        return
    else:
        raise _Unusual


def _by_renderer(value: Any) -> bytes:
    text = json.dumps(
        value,
        cls=JSONRenderer.encoder_class or JSONEncoder,
        ensure_ascii=False,
        allow_nan=not api_settings.STRICT_JSON,
        separators=(",", ":"),
    )
    # SSE ends a line at CR and LF only; JSON text holds neither unescaped [sse §9.2.6].
    return text.encode()

"""The cursor: which epoch and revision a client has reached; knows only text.

A cursor is opaque to clients (PROTOCOL, "Cursor"). Its form is ``epoch.revision``.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Self

from rxsse.exceptions import CursorError

# 16 digits keep a revision below 2**53, the largest integer every JSON client holds exactly.
_FORM = re.compile(r"([A-Za-z0-9_-]{1,32})\.(0|[1-9][0-9]{0,15})", re.ASCII)
_EPOCH_BYTES = 9  # 72 random bits: two epochs of one topic do not meet by chance.


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a topic's history: revision ``revision`` of epoch ``epoch``."""

    epoch: str
    revision: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form written by ``str()``; raise `CursorError` on anything else."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise CursorError("a cursor has the form 'epoch.revision'; send back the last 'id' received")
        return cls(match[1], int(match[2]))

    def next(self) -> Self:
        """The cursor of the revision that follows in the same epoch."""
        return type(self)(self.epoch, self.revision + 1)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.revision}"


def new_epoch() -> str:
    """A fresh epoch name, unique without coordination."""
    return secrets.token_urlsafe(_EPOCH_BYTES)

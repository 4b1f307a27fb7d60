"""The smallest client that PROTOCOL.md allows: bytes in, state and next action out; knows no network.

It applies patches with the third-party library ``jsonpatch`` and shares no code with rxsse.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import jsonpatch

_LINE_END = re.compile(r"\r\n|\n|\r")


class Action(StrEnum):
    """What a client does about an event."""

    APPLY = "apply"
    IGNORE = "ignore"
    WAIT = "wait"
    """Keep showing the state; a snapshot follows."""
    RECONNECT = "reconnect"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched Server-Sent Event; ``id`` None where the event itself had none."""

    name: str
    id: str | None
    data: str


class Parser:
    """Server-Sent Events as the HTML standard reads them."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._begun = False
        self._fields: list[tuple[str, str]] = []
        self.retry: int | None = None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that ``chunk`` completes."""
        text = self._rest + self._text.decode(chunk)
        if text and not self._begun:
            text, self._begun = text.removeprefix("\ufeff"), True
        # A carriage return at the end may be half of a line end.
        held = "\r" if text.endswith("\r") else ""
        *lines, rest = _LINE_END.split(text.removesuffix("\r") if held else text)
        self._rest = rest + held
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "retry" and value.isascii() and value.isdigit():
                self.retry = int(value)
            elif name and not (name == "id" and "\0" in value):
                self._fields.append((name, value))
            return None
        fields, self._fields = self._fields, []
        data = [value for name, value in fields if name == "data"]
        if not data:
            return None
        last = dict(fields)
        return Event(last.get("event") or "message", last.get("id"), "\n".join(data))


class Client:
    """A reader's state machine."""

    def __init__(self) -> None:
        self.state: Any = None
        self.cursor: str | None = None
        """What to send as Last-Event-ID."""
        self.waiting = True
        """Whether the next thing must be a snapshot or a resumption."""
        self.retry: int | None = None

    def connected(self) -> None:
        """A new connection was opened, with ``cursor`` if there is one."""
        self.waiting = self.cursor is None

    def receive(self, event: Event) -> Action:
        """Take one event in; what to do next."""
        try:
            content = json.loads(event.data)
        except ValueError:
            if event.name not in ("snapshot", "patch"):
                return Action.IGNORE
            return self._start_over()
        match event.name:
            case "snapshot":
                self.state, self.cursor, self.waiting = content, event.id, False
                return Action.APPLY
            case "patch":
                return self._patch(event.id or "", content)
            case "mark":
                fits = self.waiting or content["cursor"] in (None, self.cursor)
                return Action.IGNORE if fits else Action.RECONNECT
            case "reset":
                self.waiting = True
                return Action.WAIT
            case "gone" | "revoked":
                if event.name == "revoked":
                    self.state, self.cursor = None, None
                return Action.STOP
            case "bye":
                self.retry = content["retry"]
                return Action.RECONNECT
        return Action.IGNORE

    def _patch(self, cursor: str, document: Any) -> Action:
        if self.waiting or self.cursor is None:
            return Action.RECONNECT
        epoch, _, revision = cursor.rpartition(".")
        held_epoch, _, held_revision = self.cursor.rpartition(".")
        if epoch != held_epoch or int(revision) > int(held_revision) + 1:
            return Action.RECONNECT
        if int(revision) <= int(held_revision):
            return Action.IGNORE
        try:
            self.state = jsonpatch.apply_patch(self.state, document)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError):
            return self._start_over()
        self.cursor = cursor
        return Action.APPLY

    def _start_over(self) -> Action:
        self.cursor = None
        return Action.RECONNECT

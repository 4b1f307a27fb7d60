"""Says, for other processes to see, what this one holds: its hot topics, their readers, how far they are.

Runs on a thread of its own beside everything that serves; a failure is logged once and tried again.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from rxsse.deriving.engine import Engine
from rxsse.exceptions import Unavailable
from rxsse.presence.base import BasePresence
from rxsse.streaming.hub import Hubs, Readers

logger = logging.getLogger("rxsse.inside")

TOPICS = 1_000
"""Topics that one report names, those with the most readers first: some 200 KB, whatever a process serves."""

_LIVES = 3  # reports that may be missed before a process counts as gone


def describe(engine: Engine, hubs: Hubs | None, limit: int | None = TOPICS) -> dict[str, Any]:
    """What this process holds, as JSON values, naming ``limit`` topics; see docs/operations.md for the members."""
    census: Mapping[str, Readers] = {} if hubs is None else hubs.census()
    topics = [_topic(hot.topic.name, hot.describe(), census) for hot in engine.topics]
    topics.sort(key=lambda topic: (-topic["streams"], topic["topic"]))
    return {
        "process": engine.owner,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "at": round(time.time(), 3),
        "streams": sum(readers.streams for readers in census.values()),
        "hot": len(topics),
        "topics": topics[:limit],
    }


def _topic(name: str, found: tuple[str, object, bool], census: Mapping[str, Readers]) -> dict[str, Any]:
    role, cursor, stale = found
    readers = asdict(census.get(name, Readers()))
    return {"topic": name, "role": role, "cursor": None if cursor is None else str(cursor), "stale": stale, **readers}


class Reporter:
    """Reports every ``seconds`` until it is closed."""

    def __init__(self, presence: BasePresence, seconds: float) -> None:
        self._presence = presence
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = ""
        self._complained = False

    def start(self, engine: Engine, hubs: Hubs) -> None:
        """Nothing where nobody else could see it."""
        if self._presence.shared and self._seconds and self._thread is None:
            self._process = engine.owner
            self._thread = threading.Thread(target=self._run, args=(engine, hubs), name="rxsse-presence", daemon=True)
            self._thread.start()

    def close(self, seconds: float) -> None:
        """Withdraw the report, within about ``seconds``."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, engine: Engine, hubs: Hubs) -> None:
        while True:
            self._say(lambda: self._presence.report(self._process, report(engine, hubs), _LIVES * self._seconds))
            if self._stop.wait(self._seconds):
                break
        self._say(lambda: self._presence.withdraw(self._process))

    def _say(self, say: Any) -> None:
        try:
            say()
            self._complained = False
        except Unavailable as error:
            if not self._complained:
                logger.warning("%s", error)
            self._complained = True
        except Exception:
            logger.exception("This process could not say what it holds")


def report(engine: Engine, hubs: Hubs) -> bytes:
    return orjson.dumps(describe(engine, hubs))


def read(reports: Sequence[bytes]) -> list[dict[str, Any]]:
    """Reports as `describe` gave them, by host and pid; what can't be read (another version's) is left out."""
    found = []
    for each in reports:
        try:
            decoded = orjson.loads(each)
            found.append((decoded["host"], decoded["pid"], decoded))
        except (ValueError, TypeError, KeyError):
            logger.warning("A process reports what it holds in a form that this version does not know")
    return [decoded for _, _, decoded in sorted(found, key=lambda item: item[:2])]

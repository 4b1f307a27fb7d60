"""What an installation is doing: the log's heads and leases beside what every serving process says of itself.

Knows the runtime and its backends; prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from rxsse.caches.base import Entry
from rxsse.cursors import Cursor
from rxsse.exceptions import CursorError, Unavailable
from rxsse.inside import reporting
from rxsse.runtime import Runtime

T = TypeVar("T")

LIMIT = 1_000
"""Topics that one status names; the counts go over all that were reported."""


def status(runtime: Runtime, limit: int = LIMIT) -> dict[str, Any]:
    """As JSON values: ``shared``, ``troubles``, ``processes`` and ``topics``; see docs/operations.md.

    Never raises for a backend that is away: it is named in ``troubles``, and what it would have said is missing.
    """
    troubles: list[str] = []
    nothing: list[dict[str, Any]] = []
    processes = _ask(lambda: reporting.read(runtime.presence.reports()), nothing, troubles)
    if not any(process["process"] == runtime.process for process in processes):
        own = runtime.describe()
        processes = [*processes, own] if own is not None else processes
    cached: Iterable[Entry] = _ask(lambda: runtime.cache.entries(limit=limit), (), troubles)
    topics: dict[str, dict[str, Any]] = {entry.name: _cached(entry) for entry in cached}
    for process in processes:
        for held in process.pop("topics"):
            _add(topics, process, held)
    found = [topic for topic in topics.values() if topic["hot"] or topic["owner"] is not None]
    found.sort(key=lambda topic: (-topic["subscribers"], topic["topic"]))
    shared = {"processes": runtime.presence.shared, "log": runtime.cache.shared}
    return {"shared": shared, "troubles": troubles, "processes": processes, "topics": found[:limit]}


def _ask(ask: Callable[[], T], otherwise: T, troubles: list[str]) -> T:
    try:
        return ask()
    except Unavailable as error:
        troubles.append(str(error))
        return otherwise


def _cached(entry: Entry) -> dict[str, Any]:
    head = None if entry.head is None else str(entry.head)
    lease = round(entry.lease, 3)
    return {**_nothing(entry.name), "head": head, "checkpoint": entry.base, "owner": entry.owner, "lease": lease}


def _nothing(name: str) -> dict[str, Any]:
    return {
        "topic": name,
        "head": None,
        "checkpoint": None,
        "owner": None,
        "lease": 0.0,
        "hot": False,
        "subscribers": 0,
        "lag": 0,
        "behind": 0,
        "stale": False,
        "held_by": [],
    }


def _add(topics: dict[str, dict[str, Any]], process: dict[str, Any], held: dict[str, Any]) -> None:
    topic = topics.setdefault(held["topic"], _nothing(held["topic"]))
    topic["hot"] = True
    topic["subscribers"] += held["streams"]
    topic["stale"] = topic["stale"] or held["stale"]
    topic["lag"] = max(topic["lag"], held["lag"])
    topic["behind"] = max(topic["behind"], _behind(topic["head"], held["cursor"]))
    if held["role"] == "owner" and topic["owner"] is None:
        topic["owner"] = process["process"]
    topic["held_by"].append({"process": process["process"], "host": process["host"], "pid": process["pid"], **held})


def _behind(head: str | None, cursor: str | None) -> int:
    """Revisions from ``cursor`` to ``head``, 0 where they can't be compared: another epoch is a matter of moments."""
    try:
        ahead, here = Cursor.parse(head or ""), Cursor.parse(cursor or "")
    except CursorError:
        return 0
    return max(0, ahead.revision - here.revision) if ahead.epoch == here.epoch else 0

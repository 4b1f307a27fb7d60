"""Long byte strings in MongoDB, cut into parts; knows nothing of what points at them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bson.max_key import MaxKey
from pymongo.collection import Collection

from rxsse.messages import Topic

PART_BYTES = 4_000_000
"""Below MongoDB's 16 MB, and small enough to pass a slow link within BACKEND_TIMEOUT."""

Document: TypeAlias = dict[str, Any]


class Parts:
    """Each written text gets a new id, so that nobody ever reads one half of two."""

    def __init__(self, collection: Collection[Document], ttl: timedelta) -> None:
        self._collection = collection
        self._ttl = ttl

    def write(self, topic: Topic, text: bytes) -> Document:
        """Store ``text``; returns the fields ``checkpoint`` and ``parts`` that `read` needs."""
        name = secrets.token_hex(12)
        count = 0
        for start in range(0, max(len(text), 1), PART_BYTES):
            part = {"_id": _key(topic, name, count), "bytes": text[start : start + PART_BYTES]}
            self._collection.insert_one({**part, "expires": self.expiry()})
            count += 1
        return {"checkpoint": name, "parts": count}

    def read(self, topic: Topic, name: str, count: int) -> bytes | None:
        """The whole text, or None where a part is missing."""
        parts: list[bytes] = []
        for number in range(count):
            part = self._collection.find_one({"_id": _key(topic, name, number)})
            if part is None:
                return None
            parts.append(part["bytes"])
        return b"".join(parts)

    def delete(self, topic: Topic, name: str) -> None:
        self._collection.delete_many(_all(topic, name))

    def touch(self, topic: Topic, name: str, update: Mapping[str, Any]) -> None:
        self._collection.update_many(_all(topic, name), update)

    def clear(self) -> None:
        self._collection.delete_many({})

    def expiry(self) -> datetime:
        return datetime.now(UTC) + self._ttl


def _key(topic: Topic, name: str, number: int) -> Document:
    return {"topic": topic.name, "name": name, "part": number}


def _all(topic: Topic, name: str) -> Document:
    first = {"topic": topic.name, "name": name}
    return {"_id": {"$gte": first, "$lt": {**first, "part": MaxKey()}}}

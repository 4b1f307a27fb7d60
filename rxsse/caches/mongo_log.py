"""Patches in MongoDB: the newest in their topic's document, older ones in pages; knows neither heads nor owners.

A patch enters the log in its topic's ``tail``, together with the head (`MongoCache.append`). Every
SPILL revisions the tail is *spilled*: copied as one page, under the revision of its last entry, and
the same update that adds the next entry takes them out of the tail. What is in a tail is the truth,
and a revision never says two things in one epoch; so a page may be written twice, late, or in vain,
and only ever says the same.

A patch over INLINE_BYTES lies in parts, written before the entry that points at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from rxsse.caches.parts import Document, Parts
from rxsse.messages import Topic

SPILL = 32
"""Revisions from one spill to the next: it makes one append in so many dearer, and it bounds the tail."""

INLINE_BYTES = 16_384
"""The longest patch that lies in a tail: a full one is half a MB, whose update takes no longer than an empty one's."""


class Log:
    """Where a method is given a ``found``, that is (a part of) the topic's document, with its ``tail``."""

    def __init__(self, pages: Collection[Document], parts: Parts) -> None:
        self._pages = pages
        self._parts = parts

    def entry(self, topic: Topic, revision: int, patch: bytes) -> Document:
        """What stands for ``patch`` in a tail."""
        about = {"revision": revision, "size": len(patch)}
        return about | ({"patch": patch} if len(patch) <= INLINE_BYTES else self._parts.write(topic, patch))

    def discard(self, topic: Topic, entries: Iterable[Mapping[str, Any]]) -> None:
        """Delete the parts of ``entries`` that no tail points at (any more)."""
        for entry in entries:
            if "checkpoint" in entry:
                self._parts.delete(topic, entry["checkpoint"])

    def read(self, topic: Topic, found: Mapping[str, Any], after: int) -> Sequence[bytes] | None:
        """The patches of the revisions ``after`` + 1 to the head; None where one is missing."""
        patches: list[bytes] = []
        for entry in self._entries(topic, found, after):
            if entry["revision"] != after + len(patches) + 1:
                return None
            patch = entry["patch"] if "patch" in entry else self._parts.read(topic, entry["checkpoint"], entry["parts"])
            if patch is None:
                return None
            patches.append(patch)
        return tuple(patches) if len(patches) == found["head"] - after else None

    def sizes(self, topic: Topic, found: Mapping[str, Any], after: int) -> Iterator[tuple[int, int]]:
        """Revision and bytes of each patch after ``after``, the newest first."""
        for entry in reversed(self._entries(topic, found, after, {"patch": False, "entries.patch": False})):
            yield entry["revision"], entry["size"]

    def _entries(
        self, topic: Topic, found: Mapping[str, Any], after: int, fields: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Oldest first. Where the tail reaches back to ``after``, no further round trip is made."""
        tail = [entry for entry in tail_of(found) if entry["revision"] > after]
        last = tail[0]["revision"] - 1 if tail else found["head"]
        if last == after:
            return tail
        # Every page ends where a tail began. What another version left under an earlier key is overwritten here.
        pages = self._pages.find(between(topic, found["epoch"], after, last), fields).sort("_id", 1)
        before = {entry["revision"]: entry for page in pages for entry in _content(page)}
        return [*(before[revision] for revision in sorted(before) if revision > after), *tail]

    def spill(self, topic: Topic, epoch: str, found: Mapping[str, Any]) -> None:
        """Copy the tail into a page, over whatever lies there."""
        if tail := tail_of(found):
            key = {"_id": _key(topic, epoch, tail[-1]["revision"])}
            self._pages.replace_one(key, {"entries": tail, "expires": self._parts.expiry()}, upsert=True)

    def delete(self, topic: Topic, found: Mapping[str, Any], last: int) -> None:
        """The patches up to ``last``, which ``found`` still has in its tail; of pages those that end there."""
        self.discard(topic, (entry for entry in tail_of(found) if entry["revision"] <= last))
        trimmed = between(topic, found["epoch"], -1, last)
        self.discard(topic, self._in_parts(trimmed))
        self._pages.delete_many(trimmed)

    def touch(self, topic: Topic, found: Mapping[str, Any], expires: datetime) -> None:
        """Keep the patches from ``floor`` on until ``expires``."""
        kept = between(topic, found["epoch"], found["floor"], found["head"])
        update = {"$set": {"expires": expires}}
        self._pages.update_many(kept, update)
        for entry in (*tail_of(found), *self._in_parts(kept)):
            if "checkpoint" in entry:
                self._parts.touch(topic, entry["checkpoint"], update)

    def _in_parts(self, which: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        long: Document = {"$or": [{name: {"$exists": True}} for name in ("entries.checkpoint", "checkpoint")]}
        for page in self._pages.find({**which, **long}, {"patch": False, "entries.patch": False}):
            yield from _content(page)

    def clear(self) -> None:
        self._pages.delete_many({})


def tail_of(found: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Empty where it was never written."""
    return found.get("tail") or ()


def _content(page: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The entries of a page; the version before had a document for each patch."""
    return page["entries"] if "entries" in page else [{**page, "revision": page["_id"]["revision"]}]


def between(topic: Topic, epoch: str, after: int, last: int) -> Document:
    """The pages that end at the revisions ``after`` + 1 to ``last``: a range of the unique index."""
    return {"_id": {"$gt": _key(topic, epoch, after), "$lte": _key(topic, epoch, last)}}


def _key(topic: Topic, epoch: str, revision: int) -> Document:
    return {"topic": topic.name, "epoch": epoch, "revision": revision}

"""The cache that processes share, in MongoDB; knows documents, not what the states say.

Three collections, each beginning with PREFIX. One document in ``topics`` says all that is
true of a topic: its ``epoch``, its ``head``, the newest patches (``tail``), from where the log
is whole (``floor``), which checkpoint stands at which revision (``base``), and who owns it.
``patches`` (older ones, in pages: `Log`) and ``parts`` (`Parts`) only hold bytes; what the topic's
document does not point at does not exist, and expires.

A patch is appended by one compare-and-set that moves the head and adds to the tail, so that
there is nothing between the two: of those who race for a revision one changes the document.

Every other change is made in this order: write the bytes, then change the topic's document by
compare-and-set, then delete what it no longer points at. A process that dies between two steps
leaves bytes that nobody reads. The document's changes are acknowledged by a majority: a head
that a failover takes back would be given to two different patches.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pymongo
from pymongo import MongoClient, ReadPreference, ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from rxsse.caches import mongo_log
from rxsse.caches.base import BaseCache, Entry, Stored
from rxsse.caches.mongo_log import Log
from rxsse.caches.parts import Document, Parts
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import Conflict, Unavailable
from rxsse.messages import Topic

ATTEMPTS = 3  # Reads that met a log being trimmed or replaced: the next one finds it settled.
READ = ("epoch", "head", "floor", "base", "checkpoint", "parts")  # all that a reader needs, but the tail
CACHED = (*READ, "tail", "touched")
WITHOUT_BYTES = {"tail.patch": False}

P = ParamSpec("P")
R = TypeVar("R")


def _bounded(method: Callable[Concatenate[MongoCache, P], R]) -> Callable[Concatenate[MongoCache, P], R]:
    """Raise `Unavailable` for whatever pymongo says within BACKEND_TIMEOUT."""

    @wraps(method)
    def bounded(cache: MongoCache, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(cache, *args, **kwargs)
        except PyMongoError as error:
            raise Unavailable(f"MongoDB at MONGO_URL failed: {error}") from error

    return bounded


class MongoCache(BaseCache):
    shared = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Twice as long as the topic's document, which a renewed lease keeps: bytes never go before what points at them.
        self._bytes_ttl = timedelta(seconds=2 * settings.CACHE_TTL)
        self._inherited: list[MongoClient[Document]] = []
        self._client: MongoClient[Document] | None = None
        self._renew()
        _caches.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        if self._client is not None:
            self._inherited.append(self._client)  # its sockets are the parent's: neither to use nor to close
        self._client = None

    def _open(self) -> MongoClient[Document]:
        """Connect and create the indexes, once per process."""
        with self._lock:
            if self._client is None:
                milliseconds = int(self._settings.BACKEND_TIMEOUT * 1_000)
                client: MongoClient[Document] = MongoClient(
                    self._settings.MONGO_URL,
                    timeoutMS=milliseconds,
                    serverSelectionTimeoutMS=milliseconds,
                    connectTimeoutMS=milliseconds,
                    appname="rxsse",
                )
                try:
                    database = client.get_default_database("rxsse")
                    for name in ("topics", "patches", "parts"):
                        database[f"{self._settings.PREFIX}.{name}"].create_index("expires", expireAfterSeconds=0)
                except BaseException:
                    client.close()
                    raise
                self._bind(client)
                self._client = client
            return self._client

    def _bind(self, client: MongoClient[Document]) -> None:
        database = client.get_default_database("rxsse")
        prefix = self._settings.PREFIX
        self._topics = database.get_collection(
            f"{prefix}.topics",
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority"),
        )
        # Written before the topic's document that points at them: its majority includes them.
        soon = WriteConcern(1)
        primary = ReadPreference.PRIMARY
        patches = database.get_collection(f"{prefix}.patches", read_preference=primary, write_concern=soon)
        parts = database.get_collection(f"{prefix}.parts", read_preference=primary, write_concern=soon)
        self._parts = Parts(parts, self._bytes_ttl)
        self._log = Log(patches, self._parts)

    # --- reading -------------------------------------------------------------------------

    @_bounded
    def head(self, topic: Topic) -> Cursor | None:
        self._open()
        found = self._topics.find_one(_cached(topic), {"epoch": True, "head": True})
        return None if found is None else Cursor(found["epoch"], found["head"])

    @_bounded
    def load(self, topic: Topic) -> Stored | None:
        torn: Document = {}
        for _ in range(ATTEMPTS):
            found = self._find(topic, "$base")
            if found is None:
                return None
            torn = {key: found[key] for key in ("epoch", "checkpoint", "head")}
            state = self._parts.read(topic, found["checkpoint"], found["parts"])
            patches = self._log.read(topic, found, found["base"])
            if state is not None and patches is not None:
                return Stored(Cursor(found["epoch"], found["base"]), state, patches)
        # It stays torn, so bytes are gone for good: let the next one begin a new epoch.
        self._forget(topic, torn)
        return None

    @_bounded
    def since(self, topic: Topic, cursor: Cursor) -> Sequence[bytes] | None:
        for _ in range(ATTEMPTS):
            found = self._find(topic, cursor.revision)  # the only round trip where the tail has all that is wanted
            if found is None or found["epoch"] != cursor.epoch:
                return None
            if not found["floor"] <= cursor.revision <= found["head"]:
                return None
            patches = self._log.read(topic, found, cursor.revision)
            if patches is not None:
                return patches
        return None

    @_bounded
    def entries(self, topic: Topic | None = None, limit: int = 1_000) -> Sequence[Entry]:
        self._open()
        lease = {"$divide": [{"$subtract": ["$until", "$$NOW"]}, 1_000]}
        fields = {"epoch": True, "head": True, "floor": True, "base": True, "owner": True, "lease": lease}
        stages: list[Document] = [{"$project": fields}, {"$sort": {"lease": -1, "_id": 1}}, {"$limit": limit}]
        if topic is not None:
            stages.insert(0, {"$match": {"_id": topic.name}})
        return [_entry(found) for found in self._topics.aggregate(stages)]

    def _find(self, topic: Topic, after: int | str) -> Document | None:
        """What is true of the topic, with what its tail has after the revision ``after`` (or a field that holds it)."""
        self._open()
        tail = {"$filter": {"input": "$tail", "cond": {"$gt": ["$$this.revision", after]}}}
        return self._topics.find_one(_cached(topic), {**dict.fromkeys(READ, True), "tail": tail})

    # --- writing -------------------------------------------------------------------------

    @_bounded
    def begin(self, topic: Topic, cursor: Cursor, state: bytes, *, replacing: str | None) -> None:
        self._open()
        written = self._parts.write(topic, state)
        revision = cursor.revision
        fields = {"epoch": cursor.epoch, "head": revision, "floor": revision, "base": revision, "tail": [], **written}
        try:
            replaced = self._topics.find_one_and_update(
                {"_id": topic.name, "epoch": replacing},
                # As literals: in a pipeline a text that begins with "$" would be a field's name.
                [{"$set": {**_literal(fields), "expires": self._expiry(), "touched": "$$NOW"}}],
                upsert=replacing is None,
                projection=WITHOUT_BYTES,
                return_document=ReturnDocument.BEFORE,
            )
        except DuplicateKeyError:
            replaced = None
            lost = True
        else:
            lost = replaced is None and replacing is not None
        if lost:
            self._parts.delete(topic, written["checkpoint"])
            raise Conflict(f"{topic.name} is no longer in epoch {replacing}; load it and try again")
        self._delete_bytes(topic, replaced)

    @_bounded
    def append(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        self._open()
        before = {"_id": topic.name, "epoch": cursor.epoch, "head": cursor.revision - 1}
        spilled = cursor.revision % mongo_log.SPILL == 0
        if spilled:
            # Where this fails nothing was appended. What is found now is all that the change below can take out.
            found = self._topics.find_one(before, {"tail": True})
            if found is None:
                raise _conflict(topic, cursor)
            self._log.spill(topic, cursor.epoch, found)
        entry = self._log.entry(topic, cursor.revision, patch)
        pushed: Document = {"$each": [entry]} | ({"$slice": -1} if spilled else {})
        change = {"$set": {"head": cursor.revision}, "$push": {"tail": pushed}}
        # A time-out leaves the bytes: the change may have been made, and they expire if it was not.
        if self._topics.update_one(before, change).modified_count != 1:
            self._log.discard(topic, [entry])
            raise _conflict(topic, cursor)

    @_bounded
    def checkpoint(self, topic: Topic, cursor: Cursor, state: bytes) -> None:
        self._open()
        written = self._parts.write(topic, state)
        revision = cursor.revision
        replaced = self._topics.find_one_and_update(
            {"_id": topic.name, "epoch": cursor.epoch, "base": {"$lt": revision}, "head": {"$gte": revision}},
            {"$set": {"base": revision, **written}},
            projection=WITHOUT_BYTES,
        )
        if replaced is None:
            self._parts.delete(topic, written["checkpoint"])
            return
        self._parts.delete(topic, replaced["checkpoint"])
        self._trim(topic, replaced, revision)

    def _trim(self, topic: Topic, found: Mapping[str, Any], base: int) -> None:
        """Keep LOG_LENGTH patches and LOG_BYTES, but everything after ``base``."""
        floor = max(found["floor"], min(base, found["head"] - self._settings.LOG_LENGTH))
        size = 0
        for revision, length in self._log.sizes(topic, found, floor):
            size += length
            if size > self._settings.LOG_BYTES:
                floor = min(base, revision)
                break
        if floor > found["floor"]:
            # First say so, then delete: whoever asks for what is below must not be the one to find it missing.
            current = {"_id": topic.name, "epoch": found["epoch"], "floor": {"$lt": floor}}
            trimmed = {"$set": {"floor": floor}, "$pull": {"tail": {"revision": {"$lte": floor}}}}
            self._topics.update_one(current, trimmed)
            self._log.delete(topic, found, floor)

    @_bounded
    def drop(self, topic: Topic) -> None:
        self._open()
        self._forget(topic, {})

    def _forget(self, topic: Topic, where: Mapping[str, Any]) -> None:
        """Leaves the lease to its owner."""
        fields = dict.fromkeys(CACHED, "")
        forgotten = self._topics.find_one_and_update(
            {"_id": topic.name, **where}, {"$unset": fields}, projection=WITHOUT_BYTES
        )
        self._delete_bytes(topic, forgotten)

    def _delete_bytes(self, topic: Topic, former: Mapping[str, Any] | None) -> None:
        """Of exactly what ``former`` pointed at: somebody may have begun another epoch since."""
        if former is not None and former.get("epoch") is not None:
            self._log.delete(topic, former, former["head"])
            self._parts.delete(topic, former["checkpoint"])

    @_bounded
    def clear(self) -> None:
        self._open()
        self._topics.delete_many({})
        self._log.clear()
        self._parts.clear()

    # --- leases --------------------------------------------------------------------------

    @_bounded
    def acquire(self, topic: Topic, owner: str, seconds: float) -> bool:
        """By the server's clock. Renewing also keeps the topic from going cold."""
        self._open()
        lease = timedelta(seconds=seconds)
        ours = {"$or": [{"$eq": ["$owner", {"$literal": owner}]}, {"$lte": ["$until", "$$NOW"]}]}
        wanted = {
            "owner": {"$literal": owner},
            "until": {"$add": ["$$NOW", lease / timedelta(milliseconds=1)]},
            "expires": self._expiry(),
        }
        change = {name: {"$cond": [ours, value, f"${name}"]} for name, value in wanted.items()}
        try:
            held: Document = self._topics.find_one_and_update(  # type: ignore[assignment]  # upsert: never None
                {"_id": topic.name},
                [{"$set": change}],
                upsert=True,
                projection={"tail": False},
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False  # another owner was the first to ask, at the same moment
        if held["owner"] != owner:
            return False
        if held.get("touched") is not None and held["until"] - lease - held["touched"] > self._bytes_ttl / 4:
            self._touch(topic, held["until"] - lease)
        return True

    def _touch(self, topic: Topic, now: datetime) -> None:
        """Keep the bytes of a hot topic from expiring."""
        found = self._topics.find_one(_cached(topic), WITHOUT_BYTES)
        if found is not None:
            expires = now + self._bytes_ttl
            self._log.touch(topic, found, expires)
            self._parts.touch(topic, found["checkpoint"], {"$set": {"expires": expires}})
            self._topics.update_one({"_id": topic.name, "epoch": found["epoch"]}, {"$set": {"touched": now}})

    @_bounded
    def release(self, topic: Topic, owner: str) -> None:
        self._open()
        self._topics.update_one({"_id": topic.name, "owner": owner}, {"$unset": {"owner": "", "until": ""}})

    def _expiry(self) -> Document:
        return {"$add": ["$$NOW", self._settings.CACHE_TTL * 1_000]}

    # --- life ----------------------------------------------------------------------------

    @_bounded
    def ping(self) -> None:
        # Not "ping": with directConnection it is answered by a member that takes no writes as well.
        if not self._open().admin.command("hello").get("isWritablePrimary"):
            raise Unavailable("MongoDB at MONGO_URL is not a primary")

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                # Saying goodbye to a server that hangs would take it ten seconds.
                with pymongo.timeout(self._settings.BACKEND_TIMEOUT):
                    self._client.close()
                self._client = None


def _cached(topic: Topic) -> Document:
    return {"_id": topic.name, "epoch": {"$type": "string"}}


def _entry(found: Mapping[str, Any]) -> Entry:
    epoch, lease = found.get("epoch"), found.get("lease") or 0.0
    head = None if epoch is None else Cursor(epoch, found["head"])
    owner = found.get("owner") if lease > 0 else None
    return Entry(found["_id"], head, found.get("floor", 0), found.get("base", 0), owner, max(0.0, lease))


def _literal(fields: Mapping[str, Any]) -> Document:
    return {name: {"$literal": value} for name, value in fields.items()}


def _conflict(topic: Topic, cursor: Cursor) -> Conflict:
    return Conflict(f"{topic.name} has moved on, {cursor} can't follow its head; catch up and derive again")


_caches: weakref.WeakSet[MongoCache] = weakref.WeakSet()


def _renew_all() -> None:
    for cache in _caches:
        cache._renew()


# A MongoClient must not be used on both sides of a fork.
os.register_at_fork(after_in_child=_renew_all)

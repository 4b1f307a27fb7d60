"""What can go wrong: each fault breaks something for a while and mends it; knows nothing of clients.

``course.outage(seconds)`` passes the time, and goes on until every server has said that it is degraded (`DEGRADES`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pymongo
import pymongo.errors
import redis

from tests.waiting import until

if TYPE_CHECKING:
    from tests.reliability.course import Course

LATENCY = 0.1
"""Seconds that a slow server's answers, and what it is asked, are late."""

REDIS, MONGO, DATABASE = frozenset({"feed", "broker"}), frozenset({"cache"}), frozenset({"database"})

DEGRADES: dict[str, frozenset[str]] = {
    "redis_stopped": REDIS,
    "redis_unresponsive": REDIS,
    "redis_out_of_memory": frozenset({"feed"}),  # pub/sub needs no memory
    "mongo_stopped": MONGO,
    "mongo_unresponsive": MONGO,
    "mongo_stepped_down": MONGO,
    "database_restarted": DATABASE,
    "database_restarted_fast": DATABASE,
    "database_unresponsive": DATABASE,
    "owner_cut_off": REDIS | MONGO,
}
"""Parts of ``/health/`` that every server concerned has to call unavailable before the fault is mended."""

UNHEARD = frozenset({"database_unresponsive"})
"""Faults that are in the log only where ``/health/`` is asked: a driver that waits says nothing."""

Fault = Callable[["Course", float], None]


def owner_killed(course: Course, seconds: float) -> None:
    server = course.any_server()
    server.kill()
    time.sleep(seconds)
    server.start()
    server.wait()


def owner_stopped_past_its_lease(course: Course, seconds: float) -> None:
    """Two believe for a moment that they own its topics."""
    process = course.any_server().process
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(max(seconds, 1.5 * course.lease_seconds))
    os.kill(process.pid, signal.SIGCONT)


def owner_cut_off(course: Course, seconds: float) -> None:
    server = course.any_server()
    for relay in server.relays:
        relay.cut()
    course.outage(max(seconds, 1.5 * course.lease_seconds), server)
    for relay in server.relays:
        relay.mend()


def writer_cut_off(course: Course, seconds: float) -> None:
    """One alone, that shares rows with those who go on announcing."""
    for relay in course.of_one_writer:
        relay.cut()
    time.sleep(max(seconds, 2.0))
    for relay in course.of_one_writer:
        relay.mend()


def redis_stopped(course: Course, seconds: float) -> None:
    course.redis.stop()
    course.outage(seconds)
    course.redis.start()


def redis_unresponsive(course: Course, seconds: float) -> None:
    """Its connections stay open, and nothing comes back (SIGSTOP)."""
    course.redis.pause()
    course.outage(seconds)
    course.redis.resume()


def redis_restarted_empty(course: Course, seconds: float) -> None:
    with redis.Redis(port=course.redis.port) as client:
        client.flushall()
    course.redis.restart()
    time.sleep(seconds)


def redis_out_of_memory(course: Course, seconds: float) -> None:
    with redis.Redis(port=course.redis.port) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        course.outage(seconds)
        client.config_set("maxmemory", 0)


def redis_slow(course: Course, seconds: float) -> None:
    _slow(course, 0, seconds)


def mongo_slow(course: Course, seconds: float) -> None:
    _slow(course, 1, seconds)


def _slow(course: Course, which: int, seconds: float) -> None:
    for pair in course.relays:
        pair[which].latency = LATENCY
    course.outage(seconds)
    for pair in course.relays:
        pair[which].latency = 0.0


def mongo_stopped(course: Course, seconds: float) -> None:
    course.mongo.stop()
    course.outage(seconds)
    course.mongo.start()


def mongo_unresponsive(course: Course, seconds: float) -> None:
    """Its connections stay open, and nothing comes back (SIGSTOP)."""
    course.mongo.pause()
    course.outage(seconds)
    course.mongo.resume()


def mongo_stepped_down(course: Course, seconds: float) -> None:
    """The primary becomes a secondary and ends its connections; with one member there is none until it is elected."""
    with pymongo.MongoClient[dict[str, object]](course.mongo.url) as client:
        members = len(client.admin.command("hello")["hosts"])
        client.admin.command(
            "replSetStepDown", max(2, round(seconds)), secondaryCatchUpPeriodSecs=1, force=members == 1
        )
        if members == 1:
            course.outage(seconds)
        until(lambda: _has_primary(client), "a primary")


def _has_primary(client: pymongo.MongoClient[dict[str, object]]) -> bool:
    try:
        return bool(client.admin.command("hello")["isWritablePrimary"])
    except pymongo.errors.PyMongoError:
        return False


def mongo_collections_dropped(course: Course, seconds: float) -> None:
    address = f"mongodb://127.0.0.1:{course.mongo.port}/rxsse?directConnection=true"
    with pymongo.MongoClient[dict[str, object]](address) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            database.drop_collection(name)
    time.sleep(seconds)


def database_restarted(course: Course, seconds: float) -> None:
    """As ``pg_ctl restart -m immediate`` does it: SIGQUIT, then recovery."""
    course.postgresql.stop()
    course.outage(seconds / 2)
    course.postgresql.start()


def database_restarted_fast(course: Course, seconds: float) -> None:
    """As ``pg_ctl restart -m fast`` does it: SIGINT, every connection is ended, and nothing is left to recover."""
    course.postgresql.stop(signal.SIGINT)
    course.outage(seconds / 2)
    course.postgresql.start()


def database_unresponsive(course: Course, seconds: float) -> None:
    """Its connections stay open, and nothing comes back (SIGSTOP of all its processes)."""
    course.postgresql.pause()
    try:
        course.outage(seconds)
    finally:
        course.postgresql.resume()


def server_terminated(course: Course, seconds: float) -> None:
    """SIGTERM with streams open: it has to exit by itself."""
    server = course.any_server()
    server.stop()
    time.sleep(seconds / 2)
    server.start()
    server.wait()


def rolling_restart(course: Course, seconds: float) -> None:
    for server in course.mortal:
        server.stop()
        server.start()
        server.wait()


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        owner_killed,
        owner_stopped_past_its_lease,
        redis_stopped,
        redis_restarted_empty,
        redis_unresponsive,
        redis_out_of_memory,
        redis_slow,
        mongo_stopped,
        mongo_unresponsive,
        mongo_slow,
        mongo_stepped_down,
        mongo_collections_dropped,
        database_restarted,
        database_restarted_fast,
        database_unresponsive,
        owner_cut_off,
        writer_cut_off,
        server_terminated,
        rolling_restart,
    )
}

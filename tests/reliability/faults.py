"""What can go wrong: each fault breaks something for a while and mends it; knows nothing of who watches."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pymongo
import redis

if TYPE_CHECKING:
    from tests.reliability.course import Course

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
    time.sleep(max(seconds, 1.5 * course.lease_seconds))
    for relay in server.relays:
        relay.mend()


def redis_stopped(course: Course, seconds: float) -> None:
    course.redis.stop()
    time.sleep(seconds)
    course.redis.start()


def redis_restarted_empty(course: Course, seconds: float) -> None:
    with redis.Redis(port=course.redis.port) as client:
        client.flushall()
    course.redis.restart()
    time.sleep(seconds)


def redis_out_of_memory(course: Course, seconds: float) -> None:
    with redis.Redis(port=course.redis.port) as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 1)
        time.sleep(seconds)
        client.config_set("maxmemory", 0)


def redis_slow(course: Course, seconds: float) -> None:
    for pair in course.relays:
        pair[0].latency = 0.1
    time.sleep(seconds)
    for pair in course.relays:
        pair[0].latency = 0.0


def mongo_stopped(course: Course, seconds: float) -> None:
    course.mongo.stop()
    time.sleep(seconds)
    course.mongo.start()


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
    time.sleep(seconds / 2)
    course.postgresql.start()


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
        redis_out_of_memory,
        redis_slow,
        mongo_stopped,
        mongo_collections_dropped,
        database_restarted,
        owner_cut_off,
        server_terminated,
        rolling_restart,
    )
}

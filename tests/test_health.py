"""The health view, with real servers that are stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pymongo
import pytest
import redis
from django.db import connections
from django.db.utils import ConnectionHandler
from django.test import RequestFactory, override_settings

from rxsse import health as health_module
from rxsse import runtime
from rxsse.health import health
from tests.services import ON_CI, Missing, Server, postgresql_server
from tests.waiting import until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    runtime.reset()
    yield
    runtime.reset()


def ask() -> tuple[int, dict[str, str]]:
    response = health(RequestFactory().get("/health/"))
    return response.status_code, json.loads(response.content)


def until_well() -> None:
    """A busy machine may need longer for a first connection than these tests give a dead server."""
    until(lambda: ask()[0] == 200, "all answers in time")


def test_embedded_all_is_well() -> None:
    assert ask() == (200, dict.fromkeys(("database", "feed", "cache", "broker"), "ok"))


def test_a_stopped_redis_is_named_and_nothing_else_said(own_redis: Server, settings: Any, prefix: str) -> None:
    settings.RXSSE = {"REDIS_URL": own_redis.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    until_well()
    own_redis.stop()
    assert ask() == (503, {"database": "ok", "feed": "unavailable", "cache": "ok", "broker": "ok"})
    own_redis.start()
    until_well()


def test_a_stopped_mongo_is_named(own_mongo: Server, settings: Any, prefix: str) -> None:
    settings.RXSSE = {"MONGO_URL": own_mongo.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    until_well()
    own_mongo.stop()
    assert ask() == (503, {"database": "ok", "feed": "ok", "cache": "unavailable", "broker": "ok"})


def test_a_redis_that_takes_nothing_is_named(own_redis: Server, settings: Any, prefix: str) -> None:
    """It answers PING, and refuses every announcement."""
    settings.RXSSE = {"REDIS_URL": own_redis.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory", 1)
    assert ask() == (503, {"database": "ok", "feed": "unavailable", "cache": "ok", "broker": "ok"})


def test_a_mongo_that_is_no_primary_is_named(own_mongo: Server, settings: Any, prefix: str) -> None:
    """It answers "ping", and refuses every write."""
    url = f"mongodb://127.0.0.1:{own_mongo.port}/?directConnection=true"
    settings.RXSSE = {"MONGO_URL": url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    with pymongo.MongoClient[dict[str, object]](url) as client:
        client.admin.command("replSetStepDown", 60, secondaryCatchUpPeriodSecs=1, force=True)
    assert ask() == (503, {"database": "ok", "feed": "ok", "cache": "unavailable", "broker": "ok"})


@pytest.mark.services
def test_a_database_that_hangs_is_named_and_asked_by_one_thread() -> None:
    try:
        with postgresql_server() as server, _connected_to(server):
            until_well()
            server.pause()
            for _ in range(3):
                assert ask() == (503, {"database": "unavailable", "feed": "ok", "cache": "ok", "broker": "ok"})
            assert sum(thread.name == "rxsse-health" for thread in threading.enumerate()) == 1
            server.resume()
            until_well()
    except Missing as missing:
        if ON_CI:
            raise
        pytest.skip(str(missing))


@contextmanager
def _connected_to(server: Server) -> Iterator[None]:
    """Have Django's databases be only this one."""
    own = connections.settings["default"]
    databases = {"default": {**own, "ENGINE": "django.db.backends.postgresql", "NAME": "rxsse", "HOST": "127.0.0.1"}}
    databases["default"] |= {"PORT": str(server.port), "USER": "rxsse", "PASSWORD": "rxsse", "OPTIONS": {}}
    with override_settings(RXSSE={"BACKEND_TIMEOUT": 0.3}):
        runtime.reset()
        with patch.object(health_module, "connections", ConnectionHandler(databases)):
            yield


def test_it_can_only_be_read() -> None:
    assert health(RequestFactory().post("/health/")).status_code == 405

"""The health view, with real servers that are stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from rxsse import runtime
from rxsse.health import health
from tests.services import Server

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    runtime.reset()
    yield
    runtime.reset()


def ask() -> tuple[int, dict[str, str]]:
    response = health(RequestFactory().get("/health/"))
    return response.status_code, json.loads(response.content)


def test_embedded_all_is_well() -> None:
    assert ask() == (200, dict.fromkeys(("database", "feed", "cache", "broker"), "ok"))


def test_a_stopped_redis_is_named_and_nothing_else_said(own_redis: Server, settings: Any, prefix: str) -> None:
    settings.RXSSE = {"REDIS_URL": own_redis.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    assert ask()[0] == 200
    own_redis.stop()
    assert ask() == (503, {"database": "ok", "feed": "unavailable", "cache": "ok", "broker": "ok"})
    own_redis.start()
    assert ask()[0] == 200


def test_a_stopped_mongo_is_named(own_mongo: Server, settings: Any, prefix: str) -> None:
    settings.RXSSE = {"MONGO_URL": own_mongo.url, "PREFIX": prefix, "BACKEND_TIMEOUT": 0.5}
    runtime.reset()
    assert ask()[0] == 200
    own_mongo.stop()
    assert ask() == (503, {"database": "ok", "feed": "ok", "cache": "unavailable", "broker": "ok"})


def test_it_can_only_be_read() -> None:
    assert health(RequestFactory().post("/health/")).status_code == 405

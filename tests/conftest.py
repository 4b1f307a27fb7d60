"""Fixtures that every suite shares: real servers, clean for each test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest
import redis

from tests import emptying, services


def _service(variable: str) -> str:
    url = os.environ.get(variable)
    if url:
        return url
    services.do_without(variable)


def pytest_configure() -> None:
    emptying.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    servers = {"redis_url", "mongo_url", "own_redis", "own_mongo"}
    for item in items:
        if servers.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("services")


@pytest.fixture
def prefix() -> str:
    """A PREFIX that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def redis_url(prefix: str) -> Iterator[str]:
    """The Redis of this run; what the test keeps there begins with ``prefix`` and is deleted after it."""
    url = _service("RXSSE_TEST_REDIS_URL")
    yield url
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)


@pytest.fixture
def mongo_url(prefix: str) -> Iterator[str]:
    """The MongoDB of this run, with a database of the test's own, dropped after it."""
    parts = urlsplit(_service("RXSSE_TEST_MONGO_URL"))
    yield urlunsplit(parts._replace(path=f"/{prefix}"))
    with pymongo.MongoClient[dict[str, object]](urlunsplit(parts)) as client:
        client.drop_database(prefix)


def _own(start: Callable[[], AbstractContextManager[services.Server]]) -> Iterator[services.Server]:
    try:
        with start() as server:
            yield server
    except services.Missing as missing:
        if services.ON_CI:
            raise
        pytest.skip(str(missing))


@pytest.fixture
def own_redis() -> Iterator[services.Server]:
    """A Redis of the test's own, to be stopped and paused at will."""
    yield from _own(services.redis_server)


@pytest.fixture
def own_mongo() -> Iterator[services.Server]:
    """A MongoDB of the test's own, to be stopped and paused at will."""
    yield from _own(services.mongo_server)

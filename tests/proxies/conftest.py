"""Two applications, behind three proxies that lead to both; each is started once, when the first test asks for it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest
import redis

from tests.proxies import serving
from tests.proxies.clients import Browser, Note
from tests.proxies.serving import Application, Applications, Certificate, Door
from tests.services import ON_CI, Missing

OpenBrowser = Callable[..., Browser]

STREAMS_PER_ADDRESS = 24

MARK_SECONDS = 0.4
"""Between two marks of the brisk application."""

DOORS = [
    *("nginx-http1", "nginx-tls", "nginx-http2"),
    *("caddy-http1", "caddy-tls", "caddy-http2"),
    *("pushpin-http1", "pushpin-tls", "nginx+pushpin-http2"),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this package together: its servers live as long as the tests that come after one another are in it."""
    here = Path(__file__).parent
    items.sort(key=lambda item: here not in item.path.parents)
    for item in items:
        if here in item.path.parents:
            item.add_marker("slow")  # five servers come before the first one


@contextmanager
def _or_without() -> Iterator[None]:
    """A program that is not there: a skip on somebody's laptop, a failure on CI."""
    try:
        yield
    except Missing as missing:
        if ON_CI:
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="package")
def backends() -> Iterator[dict[str, Any]]:
    """Settings by which an application finds its states again after it was killed, where the servers for that are."""
    urls = {name: os.environ.get(f"RXSSE_TEST_{name}") for name in ("REDIS_URL", "MONGO_URL")}
    if None in urls.values():
        yield {}
        return
    prefix = f"t{secrets.token_hex(6)}"
    mongo = urlsplit(str(urls["MONGO_URL"]))
    yield {**urls, "MONGO_URL": urlunsplit(mongo._replace(path=f"/{prefix}")), "PREFIX": prefix}
    with pymongo.MongoClient[dict[str, object]](urlunsplit(mongo)) as client:
        client.drop_database(prefix)
    with redis.Redis.from_url(str(urls["REDIS_URL"])) as connection:
        for key in connection.scan_iter(f"{prefix}*"):
            connection.delete(key)


@pytest.fixture(scope="package")
def applications(backends: dict[str, Any]) -> Iterator[Applications]:
    """The calm one does not mark: what it sends must arrive by itself. The brisk one marks often, and may be killed."""
    calm = {"MARK_SECONDS": 600.0, "WRITE_TIMEOUT": 2.0, "STREAMS_PER_ADDRESS": STREAMS_PER_ADDRESS}
    brisk = {"MARK_SECONDS": MARK_SECONDS, "LEASE_SECONDS": 0.6}
    with ExitStack() as stack:
        started: list[Application] = []
        for port, settings in zip(serving.free_ports(2), (calm, brisk | backends), strict=True):
            application = Application(stack.enter_context(serving.folder("application")), port, settings)
            stack.callback(application.close)
            if started:
                shutil.copy(started[0].database, application.database)
            else:
                application.migrate()
            started.append(application)
        for application in started:
            application.start()
        yield Applications(*started)


@pytest.fixture(scope="package")
def certificate() -> Iterator[Certificate]:
    with serving.folder("certificate") as folder, _or_without():
        yield Certificate(folder)


@pytest.fixture(scope="package")
def pushpin(applications: Applications, certificate: Certificate) -> Iterator[tuple[serving.Proxy, list[Door]]]:
    with serving.folder("pushpin") as folder, _or_without():
        yield from _running(*serving.pushpin(folder, applications, certificate))


@pytest.fixture(scope="package")
def chain(
    pushpin: tuple[serving.Proxy, list[Door]], certificate: Certificate
) -> Iterator[tuple[serving.Proxy, list[Door]]]:
    with serving.folder("chain") as folder, _or_without():
        yield from _running(*serving.nginx_before(pushpin[0], folder, certificate))


@pytest.fixture(scope="package")
def nginx(applications: Applications, certificate: Certificate) -> Iterator[tuple[serving.Proxy, list[Door]]]:
    with serving.folder("nginx") as folder, _or_without():
        yield from _running(*serving.nginx(folder, applications, certificate))


@pytest.fixture(scope="package")
def caddy(applications: Applications, certificate: Certificate) -> Iterator[tuple[serving.Proxy, list[Door]]]:
    with serving.folder("caddy") as folder, _or_without():
        yield from _running(*serving.caddy(folder, applications, certificate))


def _running(proxy: serving.Proxy, doors: list[Door]) -> Iterator[tuple[serving.Proxy, list[Door]]]:
    try:
        proxy.start()
        yield proxy, doors
    finally:
        proxy.stop()


def door_named(request: pytest.FixtureRequest, name: str) -> Door:
    proxy = "chain" if "+" in name else name.partition("-")[0]
    started: tuple[serving.Proxy, list[Door]] = request.getfixturevalue(proxy)
    (door,) = [door for door in started[1] if door.name == name]
    return door


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    """Each way in."""
    return door_named(request, request.param)


@pytest.fixture
def doors(request: pytest.FixtureRequest) -> list[Door]:
    """Every way in, for what takes time."""
    return [door_named(request, name) for name in DOORS]


@pytest.fixture
def browser(certificate: Certificate) -> Iterator[OpenBrowser]:
    with ExitStack() as stack:
        yield lambda door, **options: stack.enter_context(Browser(door, certificate, **options))


@pytest.fixture
def note(applications: Applications) -> Note:
    """At the calm application."""
    return Note.make(applications.calm)

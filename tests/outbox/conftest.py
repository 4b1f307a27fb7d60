"""A site with its server, on each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests import services
from tests.outbox.support import Server, Site, Watcher, server, site


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def place(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "postgresql" and not os.environ.get("PGHOST"):
        services.do_without("PGHOST")
    with site(request.param) as made:
        yield made


@pytest.fixture
def serving(place: Site) -> Iterator[Server]:
    with server(place.environment) as started:
        yield started


@pytest.fixture
def watcher(serving: Server) -> Iterator[Watcher]:
    """Somebody who looks at the ledger."""
    with closing(Watcher(serving.port, "/rx/ledgers/1/")) as made:
        yield made

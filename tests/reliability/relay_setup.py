"""Starts Redis, MongoDB and PostgreSQL of a run's own, behind relays; must not import a model."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from tests import services
from tests.reliability.relay import Relay


def through(relays: tuple[Relay, Relay]) -> None:
    """Have processes started from now on reach Redis and MongoDB through ``relays``."""
    os.environ["RXSSE_TEST_REDIS_URL"] = f"redis://127.0.0.1:{relays[0].port}/0"
    os.environ["RXSSE_TEST_MONGO_URL"] = f"mongodb://127.0.0.1:{relays[1].port}/rxsse?directConnection=true"


def prepare(stack: ExitStack, servers: int) -> tuple[tuple[Any, Any, Any], list[Any]]:
    """Start what the run needs; returns Redis, MongoDB and PostgreSQL, and relays: the writers' first."""
    own = (
        stack.enter_context(services.redis_server()),
        stack.enter_context(services.mongo_server()),
        stack.enter_context(services.postgresql_server(durable=True)),
    )
    # The database is the server's own: nothing has to be deleted, and no connection to outlive its restart.
    os.environ.update(
        own[2].environment,
        RXSSE_TEST_DATABASE="postgresql",
        RXSSE_CONVERGENCE_DATABASE="rxsse",
        RXSSE_CONVERGENCE_PREFIX="rxsse",
        RXSSE_CONVERGENCE_FLAVOUR="processes",
        DJANGO_SETTINGS_MODULE="tests.convergence.settings",
    )
    relays = [(Relay(own[0].port), Relay(own[1].port)) for _ in range(servers + 1)]
    for relay in (each for pair in relays for each in pair):
        stack.callback(relay.close)
    through(relays[0])
    return own, relays

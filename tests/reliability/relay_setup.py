"""Starts Redis, MongoDB and PostgreSQL of a run's own, behind relays; must not import a model."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from tests import services
from tests.reliability.relay import Relay

REPLICAS = "RXSSE_RELIABILITY_REPLICAS"
"""The variable with the address of a replica set that is reached without relays."""


def through(relays: tuple[Relay, Relay]) -> None:
    """Have processes started from now on reach Redis and MongoDB through ``relays``."""
    os.environ["RXSSE_TEST_REDIS_URL"] = f"redis://127.0.0.1:{relays[0].port}/0"
    relayed = f"mongodb://127.0.0.1:{relays[1].port}/rxsse?directConnection=true"
    os.environ["RXSSE_TEST_MONGO_URL"] = os.environ.get(REPLICAS) or relayed


def prepare(stack: ExitStack, servers: int, members: int = 1) -> tuple[tuple[Any, Any, Any], list[Any]]:
    """Start what the run needs; returns Redis, MongoDB and PostgreSQL, and relays.

    Of these the first are those of all writers but one, the second that one's, and the rest a server's each.
    With several ``members`` MongoDB is a replica set, whose clients find its members by themselves: not through relays.
    """
    own: tuple[Any, Any, Any] = (
        stack.enter_context(services.redis_server()),
        stack.enter_context(services.mongo_server() if members == 1 else services.mongo_set(members)),
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
    if members > 1:
        os.environ[REPLICAS] = own[1].url
    relays = [(Relay(own[0].port), Relay(own[1].port if members == 1 else 0)) for _ in range(servers + 2)]
    for relay in (each for pair in relays for each in pair):
        stack.callback(relay.close)
    through(relays[0])
    return own, relays

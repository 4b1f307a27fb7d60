"""Settings of the servers and writers of a run with real servers; the flavour is in the environment."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES, MIDDLEWARE

ROOT_URLCONF = "tests.convergence.urls"
MIDDLEWARE = [*MIDDLEWARE, "tests.convergence.urls.Refusals"]
DATABASES["default"]["NAME"] = os.environ["RXSSE_CONVERGENCE_DATABASE"]
DATABASES["default"]["ATOMIC_REQUESTS"] = True
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Several threads write: one that read before it writes would be refused, and most transactions lost.
    DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE"  # type: ignore[index]
DEBUG = False

RXSSE = {
    # Short, so that a run sees leases taken over, topics cool down and logs trimmed.
    "LEASE_SECONDS": 2.0,
    "COOL_SECONDS": 1.0,
    "MARK_SECONDS": 1.0,
    "RETRY_MILLISECONDS": 100,
    "LOG_LENGTH": 50,
    "RING_LENGTH": 3,
    # Off, because an audit would repair what this suite is there to find.
    "AUDIT_SECONDS": 0.0,
}
if os.environ["RXSSE_CONVERGENCE_FLAVOUR"] in ("processes", "durable", "grip"):
    RXSSE |= {
        "REDIS_URL": os.environ["RXSSE_TEST_REDIS_URL"],
        "MONGO_URL": os.environ["RXSSE_TEST_MONGO_URL"],
        "PREFIX": os.environ["RXSSE_CONVERGENCE_PREFIX"],
    }
if os.environ.get("RXSSE_CONVERGENCE_GRIP_URL"):
    RXSSE |= {"GRIP_URL": os.environ["RXSSE_CONVERGENCE_GRIP_URL"], "GRIP_SECONDS": 4.0}
if os.environ["RXSSE_CONVERGENCE_FLAVOUR"] in ("outbox", "durable"):
    RXSSE |= {"OUTBOX": True}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}

"""Settings of the servers of a rolling restart: as a site would have them, but for the time its clients take."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.urls"
DEBUG = False
RXSSE = {
    "REDIS_URL": os.environ["RXSSE_TEST_REDIS_URL"],
    "MONGO_URL": os.environ["RXSSE_TEST_MONGO_URL"],
    "PREFIX": "rolling",
    "RETRY_MILLISECONDS": int(os.environ["RXSSE_ROLLING_RETRY"]),
    # An audit reads the database, and would be counted.
    "AUDIT_SECONDS": 0.0,
}

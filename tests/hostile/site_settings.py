"""Settings of a server of this site in a process of its own."""

from __future__ import annotations

from tests.tickets.site_settings import *  # noqa: F403

ROOT_URLCONF = "tests.hostile.site"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # says how long answers are
# A hostile client is refused a thousand times: that is no news here.
LOGGING = {"version": 1, "loggers": {"django.request": {"level": "CRITICAL"}, "rxsse.views": {"level": "CRITICAL"}}}

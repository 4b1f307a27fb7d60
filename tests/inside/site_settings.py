"""Settings of a server of these channels in a process of its own."""

from __future__ import annotations

from tests.tickets.site_settings import *  # noqa: F403

ROOT_URLCONF = "tests.inside.site"

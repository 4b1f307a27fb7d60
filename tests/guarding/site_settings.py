"""Settings of a server of these channels in a process of its own."""

from __future__ import annotations

from tests.tickets.site_settings import *  # noqa: F403
from tests.tickets.site_settings import INSTALLED_APPS

ROOT_URLCONF = "tests.guarding.site"
INSTALLED_APPS = [*INSTALLED_APPS, "django_eventstream"]

"""Settings of a server of these channels in a process of its own."""

from __future__ import annotations

import json
import os

from tests.tickets.site_settings import *  # noqa: F403
from tests.tickets.site_settings import INSTALLED_APPS

ROOT_URLCONF = "tests.eventstream.site"
INSTALLED_APPS = [*INSTALLED_APPS, "django_eventstream"]
EVENTSTREAM_CHANNELMANAGER_CLASS = "rxsse.eventstream.ChannelManager"
if "RXSSE_TEST_EVENTSTREAM_REDIS" in os.environ:
    EVENTSTREAM_REDIS = json.loads(os.environ["RXSSE_TEST_EVENTSTREAM_REDIS"])

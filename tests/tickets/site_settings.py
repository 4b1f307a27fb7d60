"""Settings of a server in a process of its own, on the database of the test that starts it."""

from __future__ import annotations

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["RXSSE_TEST_SITE_DATABASE"]
RXSSE = json.loads(os.environ["RXSSE_TEST_SITE_SETTINGS"])

"""Settings of the site when it runs in a process of its own."""

from __future__ import annotations

import json
import os

SECRET_KEY = "tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.streaming.site"
INSTALLED_APPS: list[str] = []
DATABASES: dict[str, dict[str, str]] = {}
RXSSE = json.loads(os.environ.get("RXSSE_TEST_SETTINGS", "{}"))

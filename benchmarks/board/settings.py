"""Settings of the benchmarks' project; the environment says which database and which backends."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = "benchmarks"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "benchmarks.board.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework.authtoken",
    "django_eventstream",
    "rxsse",
    "benchmarks.board",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCHMARK_DATABASE"],
        "USER": os.environ.get("PGUSER", "rxsse"),
        "PASSWORD": os.environ.get("PGPASSWORD", "rxsse"),
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", "5432"),
    }
    if os.environ["BENCHMARK_VENDOR"] == "postgresql"
    else {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BENCHMARK_DATABASE"],
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
    }
}

RXSSE = {}

if os.environ["BENCHMARK_BACKENDS"] == "services":
    _redis = urlsplit(os.environ["RXSSE_TEST_REDIS_URL"])
    EVENTSTREAM_REDIS = {"host": _redis.hostname, "port": _redis.port, "db": 0}
    RXSSE = {
        "REDIS_URL": os.environ["RXSSE_TEST_REDIS_URL"],
        "MONGO_URL": os.environ["RXSSE_TEST_MONGO_URL"],
        "PREFIX": os.environ["BENCHMARK_PREFIX"],
    }

"""Settings of the test suite; RXSSE_TEST_DATABASE=postgresql picks the real server."""

from __future__ import annotations

import os
import tempfile

SECRET_KEY = "tests"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
# Nobody's password is at stake, and a good hash takes half a second of a processor.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "rxsse",
    "tests.domain",
    "tests.capture",
    "tests.codegen.shop",
    "tests.codegen.apps.chat",
    "tests.codegen.parts",
]
# All tables at once, without migrations: PostgreSQL wants a table that is referred to before the one that does.
MIGRATION_MODULES = dict.fromkeys(("auth", "contenttypes", "sessions", "authtoken"))
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
}

if os.environ.get("RXSSE_TEST_DATABASE", "sqlite") == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("PGDATABASE", "rxsse"),
            "USER": os.environ.get("PGUSER", "rxsse"),
            "PASSWORD": os.environ.get("PGPASSWORD", "rxsse"),
            "HOST": os.environ.get("PGHOST", "127.0.0.1"),
            "PORT": os.environ.get("PGPORT", "5432"),
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.path.join(tempfile.gettempdir(), f"rxsse-tests-{os.getpid()}.sqlite3"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", "timeout": 20},
            "TEST": {"NAME": os.path.join(tempfile.gettempdir(), f"rxsse-tests-{os.getpid()}-test.sqlite3")},
        }
    }

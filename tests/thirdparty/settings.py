"""Settings of a project that has the two applications installed, as their documentation says."""

from __future__ import annotations

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.sites",
    "django.contrib.humanize",
    *(app for app in INSTALLED_APPS if not app.startswith("tests.")),
    "helpdesk.apps.HelpdeskConfig",
    "actstream",
    "tests.thirdparty",
]
MIDDLEWARE = [*MIDDLEWARE, "django.contrib.messages.middleware.MessageMiddleware"]
ROOT_URLCONF = "tests.thirdparty.urls"
MIGRATION_MODULES: dict[str, str | None] = {}
SITE_ID = 1
MEDIA_URL = "/media/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_ACTIVATE_API_ENDPOINT = True
ACTSTREAM_SETTINGS = {"DRF": {"ENABLE": True, "EXPAND_FIELDS": True}}
ACTSTREAM_SETTINGS["DRF"]["MODEL_FIELDS"] = {"auth.User": ["id", "username"], "auth.Group": ["id", "name"]}

"""Settings of the example: a demo on one machine by default, a deployment by environment variables.

- ``DJANGO_SECRET_KEY``: with it set, DEBUG is off
- ``DJANGO_ALLOWED_HOSTS``: comma-separated
- ``BOARD_DATABASE``: path of the SQLite file
- ``REDIS_URL``, ``MONGO_URL``: both optional; needed as soon as there is more than one process
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-the-demo")
DEBUG = "DJANGO_SECRET_KEY" not in os.environ
ALLOWED_HOSTS = [host for host in os.environ.get("DJANGO_ALLOWED_HOSTS", "").split(",") if host]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rxsse",  # before staticfiles: both have a runserver, and only this one knows --makefrontend
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "projects",
]

# Both are optional: without them everything happens inside the one server process.
RXSSE = {
    "REDIS_URL": os.environ.get("REDIS_URL"),
    "MONGO_URL": os.environ.get("MONGO_URL"),
    # Where `manage.py makefrontend` writes the TypeScript that follows from channels.py.
    "FRONTEND_DIR": BASE_DIR / "frontend" / "src" / "rx",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    # /api/token/ takes passwords: five tries a minute are enough for a person.
    "DEFAULT_THROTTLE_RATES": {"token": "5/min"},
}

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "board.urls"
ASGI_APPLICATION = "board.asgi.application"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BOARD_DATABASE", BASE_DIR / "board.sqlite3"),
        "OPTIONS": {
            # Write-ahead log: those who read don't wait for the one who writes.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            # Takes the write lock when a transaction begins; to wait for it half way is an error in SQLite.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"
# What `npm run build` in frontend/ has made; on a machine without Node there is none.
FRONTEND = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [FRONTEND] if FRONTEND.is_dir() else []

# For a deployment behind a proxy that ends TLS:
# SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# SECURE_SSL_REDIRECT = True
# SECURE_HSTS_SECONDS = 3600
# SESSION_COOKIE_SECURE = True
# CSRF_COOKIE_SECURE = True
# CSRF_TRUSTED_ORIGINS = ["https://board.example.org"]

"""``runserver --makefrontend``: the real server, started as a person would, from a project of the test's own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.contrib.staticfiles.management.commands.runserver import Command as WithStaticFiles
from django.core.management.commands.runserver import Command as Plain
from django.test import override_settings

from rxsse.management.commands.runserver import installed
from tests.codegen.tools import ROOT
from tests.waiting import until

SETTINGS = """\
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "tests"
DEBUG = True
ROOT_URLCONF = "site_urls"
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR]
INSTALLED_APPS = ["rxsse", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.staticfiles", "live"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": []}
RXSSE = {"FRONTEND_DIR": BASE_DIR / "rx"}
"""
URLS = """\
from django.urls import path
from live.channels import UserChannel
urlpatterns = [path("rx/<int:pk>/", UserChannel.as_view())]
"""
CHANNELS = """\
from django.contrib.auth.models import User
from rest_framework import serializers
from rxsse import StateChannel

class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id"]

class UserChannel(StateChannel):
    class Meta:
        anchor = UserSerializer()

    def has_permission(self, user, pk):
        return True
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "live").mkdir()
    for name, text in {
        "site_settings.py": SETTINGS,
        "site_urls.py": URLS,
        "live/__init__.py": "",
        "live/channels.py": CHANNELS,
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(site: Path, *options: str) -> Iterator[tuple[int, Path]]:
    """The server, its port, and where it writes what it says. It and its reloader are stopped at the end."""
    port, log = free_port(), site / "log.txt"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    with (
        log.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", "django", "runserver", f"127.0.0.1:{port}", *options],
            cwd=site,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield port, log
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def answers(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def holds(file: Path, text: str) -> bool:
    return file.exists() and text in file.read_text()


def change(site: Path, channels: str, seen: Callable[[], bool]) -> None:
    """Save the channels until the reloader has noticed: what is saved before its first look it takes for old."""
    saved = 0.0

    def noticed() -> bool:
        nonlocal saved
        if time.monotonic() - saved > 5:
            saved = time.monotonic()
            (site / "live" / "channels.py").write_text(f"{channels}\n# saved at {saved}\n")
        return seen()

    until(noticed, seconds=60)


@pytest.mark.slow
def test_it_generates_at_every_reload_and_serves_as_before(site: Path) -> None:
    interfaces = site / "rx" / "live.interfaces.ts"
    with running(site, "--makefrontend") as (port, log):
        until(lambda: holds(interfaces, "  id: number;"), seconds=60)
        # The staticfiles app's own server is the one that runs: Django's serves no such file.
        until(lambda: answers(port, "/static/site_urls.py"), seconds=60)
        more = CHANNELS.replace('["id"]', '["id", "username"]')
        change(site, more, lambda: holds(interfaces, "  username: string;"))
        # What is wrong is said, and the server goes on.
        interfaces.write_text("mine")
        change(site, CHANNELS, lambda: holds(log, "makefrontend: live.interfaces.ts in "))
        until(lambda: answers(port, "/static/site_urls.py"), seconds=60)
    assert interfaces.read_text() == "mine"


@pytest.mark.slow
def test_without_the_option_nothing_is_written(site: Path) -> None:
    with running(site, "--noreload") as (port, _):
        until(lambda: answers(port, "/static/site_urls.py"), seconds=60)
    assert not (site / "rx").exists()


@pytest.mark.parametrize(
    ("apps", "wanted"),
    [
        (["rxsse", "django.contrib.staticfiles"], WithStaticFiles),
        (["django.contrib.staticfiles", "rxsse"], WithStaticFiles),
        (["rxsse", "rest_framework"], Plain),
    ],
)
def test_it_extends_the_server_that_is_installed(apps: list[str], wanted: Any) -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", *apps]):
        assert installed() is wanted

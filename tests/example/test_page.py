"""The page at the root of the demo: served with what it loads, at every URL that can be bookmarked."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.example.conftest import NODE, ROOT, SECONDS, Demo, Person
from tests.services import ON_CI


@pytest.fixture
def built() -> None:
    if not NODE:
        reason = "there is no npm to build the page with"
        pytest.fail(reason) if ON_CI else pytest.skip(reason)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("path", ["/", "/mine/", "/projects/1/", "/projects/1/tasks/2/"])
def test_every_route_of_the_front_end_is_the_page(stranger: Person, path: str) -> None:
    response = stranger.client.get(path)
    assert response.status_code == 200
    assert '<div id="root">' in response.text
    assert response.headers["Cache-Control"] == "no-cache"
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("built")
def test_what_the_page_loads_is_served(stranger: Person) -> None:
    loaded = re.findall(r'(?:src|href)="([^"]+)"', stranger.client.get("/").text.split("<noscript>")[0])
    kinds = [stranger.client.get(url).raise_for_status().headers["Content-Type"].split(";")[0] for url in loaded]
    assert sorted(kinds) == ["image/svg+xml", "text/css", "text/javascript"]


def test_what_is_no_route_is_not_found(stranger: Person) -> None:
    assert stranger.status("GET", "/project/1/") == 404


def test_the_demo_says_where_its_page_is_and_who_may_log_in(demo: Demo) -> None:
    assert f"Open {demo.url}/ in two windows" in demo.printed
    assert "ada, grace, margaret, katherine (password demo)" in demo.printed


def test_who_is_logged_in_to_the_admin_can_get_a_token(demo: Demo) -> None:
    with httpx.Client(base_url=demo.url, trust_env=False, timeout=SECONDS) as browser:
        browser.get("/admin/login/")
        login = {"username": "admin", "password": "demo", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post("/admin/login/", data=login, headers={"Referer": f"{demo.url}/admin/login/"})
        assert "sessionid" in browser.cookies
        elsewhere = {"X-Forwarded-For": "192.0.2.1"}  # the other tests have used up this machine's tries
        wrong = browser.post("/api/token/", json={"username": "ada", "password": "babbage"}, headers=elsewhere)
        assert wrong.status_code == 400  # and not 403 for want of a CSRF token


def test_the_typescript_is_what_the_channels_say(demo: Demo) -> None:
    demo.manage("makefrontend", "--check")


def test_without_node_the_demo_leaves_the_page_out(tmp_path: Path) -> None:
    for command in ("sh", "find", "cat", "echo", "touch"):  # a PATH with what make needs, and no Node
        (tmp_path / command).symlink_to(f"/usr/bin/{command}")
    command = ["/usr/bin/make", "-n", "demo", "PYTHON=python3"]
    environment = {**os.environ, "PATH": str(tmp_path)}
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert "No Node 20 or newer on the PATH" in done.stdout, done.stderr
    assert "npm" not in done.stdout
    assert "uvicorn" in done.stdout

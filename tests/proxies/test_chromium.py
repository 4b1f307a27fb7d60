"""Real browsers open six connections to a host, and as many streams as they like over one of HTTP/2."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.proxies.clients import Note
from tests.proxies.conftest import door_named
from tests.proxies.serving import Applications, Door
from tests.services import ON_CI
from tests.waiting import SECONDS, until

T = TypeVar("T")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

OPEN = """
([path, count]) => {
  window.streams = Array.from({length: count}, (_, number) => {
    const source = new EventSource(`${path}?number=${number}`);
    const stream = {source, names: [], last: "", errors: 0};
    const note = (event) => { stream.names.push(event.type); stream.last = event.data; };
    for (const name of ["snapshot", "patch", "reset"]) source.addEventListener(name, note);
    source.onerror = () => stream.errors += 1;
    return stream;
  });
}
"""

ALL_HAVE = """
([length, text]) => streams.every((stream) => stream.names.length >= length && stream.last.includes(text))
"""

ASK = "(path) => fetch(path, {headers: {Accept: 'application/json'}}).then((response) => response.json())"

PROTOCOLS = "[...new Set(performance.getEntriesByType('resource').map((entry) => entry.nextHopProtocol))]"

STREAMS = 12

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@contextmanager
def _page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            page = browser.new_page(ignore_https_errors=True)
            page.set_default_timeout(SECONDS * 1_000)
            yield page
        finally:
            browser.close()


def elsewhere(run: Callable[[], T]) -> T:
    """Playwright leaves an event loop running in the thread that it is used from: not in that of other tests."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(run).result()


def test_twelve_streams_over_one_connection(request: pytest.FixtureRequest, applications: Applications) -> None:
    if not Path(CHROMIUM).exists():
        reason = f"{CHROMIUM} is not there: install Chromium, or name it in CHROMIUM"
        pytest.fail(reason) if ON_CI else pytest.skip(reason)
    doors = [door_named(request, name) for name in ("nginx-http2", "caddy-http2")]

    def watch_all() -> None:
        with _page() as page:
            for door in doors:
                watch(page, door, Note.make(applications.calm))

    elsewhere(watch_all)


def watch(page: Page, door: Door, note: Note) -> None:
    page.goto(f"{door.calm}/page/")
    page.evaluate(OPEN, [f"/open/{note.pk}/", STREAMS])
    page.wait_for_function(ALL_HAVE, arg=[1, '"bio":"0"'])
    for number in range(1, 4):
        note.write(f"number {number}")
        page.wait_for_function(ALL_HAVE, arg=[number + 1, f"number {number}"])
    # Over HTTP/1.1 the seventh would hang, and every request after it.
    assert page.evaluate(ASK, f"/open/{note.pk}/") == {"id": note.pk, "bio": "number 3"}
    assert page.evaluate(PROTOCOLS) == ["h2"]
    assert page.evaluate("streams.map((stream) => stream.names.join())") == ["snapshot,patch,patch,patch"] * STREAMS
    assert page.evaluate("streams.map((stream) => stream.errors)") == [0] * STREAMS
    assert note.streams() == STREAMS
    page.evaluate("streams.slice(1).forEach((stream) => stream.source.close())")
    until(lambda: note.streams() == 1, "the end of the streams that were closed, on a connection that stays")

"""The feed under capture, and its connection to this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from rxsse import capture
from rxsse.capture import announcing
from tests.capture.recording import RecordingFeed


@pytest.fixture
def feed(db: None) -> Iterator[RecordingFeed]:
    """A recording feed that hears of every write; use it with ``django_db(transaction=True)`` to see commits."""
    recording = RecordingFeed()
    with_other = announcing._feed
    capture.install()
    capture.connect(lambda: recording)
    yield recording
    announcing._feed = with_other


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> Callable[[], set[str]]:
    """What was complained about since the test began."""
    monkeypatch.setattr(announcing, "_complained", set())
    return lambda: set(announcing._complained)

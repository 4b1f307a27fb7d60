"""Transactions on several databases at once, each announced under its own alias."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction

from rxsse import capture
from rxsse.capture import announcing
from rxsse.messages import Phase
from tests.capture.models import Person
from tests.capture.recording import RecordingFeed

ALIASES = ("left", "right")


@pytest.fixture
def feed(django_db_blocker: Any, tmp_path: Path) -> Iterator[RecordingFeed]:
    recording = RecordingFeed()
    before = announcing._feed
    capture.install()
    capture.connect(lambda: recording)
    template = {**connections.databases["default"], "ENGINE": "django.db.backends.sqlite3", "OPTIONS": {}}
    with django_db_blocker.unblock():
        for alias in ALIASES:
            connections.databases[alias] = {**template, "NAME": str(tmp_path / alias)}
            with connections[alias].schema_editor() as editor:
                editor.create_model(Person)
        yield recording
        for alias in ALIASES:
            connections[alias].close()
            del connections[alias], connections.databases[alias]
    announcing._feed = before


class Oops(Exception):
    pass


def test_a_rollback_here_leaves_a_commit_there(feed: RecordingFeed) -> None:
    with pytest.raises(Oops), transaction.atomic(using="left"):
        with transaction.atomic(using="right"):
            Person.objects.using("left").create(name="gone")
            Person.objects.using("right").create(name="ann")
        raise Oops

    assert [(heard.phase, heard.database) for heard in feed.heard] == [
        (Phase.PREPARED, "right"),
        (Phase.COMMITTED, "right"),
    ]
    assert [change.keys for change in feed.only()] == [("1",)]


def test_both_rolled_back(feed: RecordingFeed) -> None:
    with pytest.raises(Oops), transaction.atomic(using="left"), transaction.atomic(using="right"):
        Person.objects.using("left").create(name="gone")
        Person.objects.using("right").create(name="gone")
        raise Oops

    assert feed.heard == []


def test_a_statement_alone_beside_an_open_transaction(feed: RecordingFeed) -> None:
    with transaction.atomic(using="left"):
        Person.objects.using("left").create(name="ann")
        Person.objects.using("right").create(name="bob")
        assert [heard.database for heard in feed.heard] == ["right", "right"]

    assert [heard.database for heard in feed.heard] == ["right", "right", "left", "left"]


def test_pending_is_asked_per_database(feed: RecordingFeed) -> None:
    with transaction.atomic(using="left"):
        Person.objects.using("left").create(name="ann")
        assert len(capture.pending("left").changes) == 1
        assert capture.pending("right").changes == ()

"""What the system checks say of the outbox and of several processes that share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection
from django.test import override_settings

from rxsse import triggers

pytestmark = pytest.mark.django_db(transaction=True)

OUTBOX = {"OUTBOX": True}
KEPT = {"OUTBOX": True, "TRIGGERS": True}


def ids(**settings: Any) -> list[str | None]:
    with override_settings(RXSSE=settings):
        found = run_checks(tags=["rxsse"], include_deployment_checks=True)
    return [message.id for message in found if message.id in {f"rxsse.{number}" for number in WATCHED}]


WATCHED = ("E014", "E015", "E018", "E019", "E020", "W004")


@pytest.fixture
def no_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rxsse_outbox RENAME TO rxsse_away")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE rxsse_away RENAME TO rxsse_outbox")


def test_a_missing_table_is_an_error_where_it_is_wanted(no_table: None) -> None:
    assert ids() == []
    assert ids(**OUTBOX) == ["rxsse.E018"]


def test_with_its_table_nothing_is_wrong() -> None:
    assert ids(**OUTBOX) == []


def test_triggers_without_an_outbox() -> None:
    assert ids(TRIGGERS=True) == ["rxsse.E020"]


def test_triggers_that_are_not_what_the_models_need() -> None:
    assert ids(**KEPT) == ["rxsse.E019"]
    triggers.create("default")
    try:
        assert ids(**KEPT) == ids(**OUTBOX) == []
        found = triggers.VENDORS[connection.vendor].found(connection)["capture_task"]
        with connection.cursor() as cursor:
            cursor.execute(triggers.VENDORS[connection.vendor].removing(connection, "capture_task", next(iter(found))))
        assert ids(**KEPT) == ids(**OUTBOX) == ["rxsse.E019"]
    finally:
        triggers.remove("default")
    assert ids(**OUTBOX) == []


def test_several_processes_may_share_an_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert ids() == ["rxsse.E014"]
    assert ids(**OUTBOX) == ["rxsse.W004"]
    assert set(ids(**OUTBOX, MONGO_URL="mongodb://127.0.0.1:1/x", BACKEND_TIMEOUT=0.1)) == {"rxsse.E014", "rxsse.E015"}


def test_redis_is_still_asked_where_it_is_set() -> None:
    assert ids(**OUTBOX, REDIS_URL="redis://127.0.0.1:1/0", BACKEND_TIMEOUT=0.1) == ["rxsse.E015"]

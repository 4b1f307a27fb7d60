"""What is counted agrees with what happened, in a real server; and without the setting nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from rxsse import probes, runtime
from rxsse.asgi import get_asgi_application
from rxsse.inside import measuring
from tests.domain.models import Team
from tests.inside.site import InsideTeam
from tests.inside.support import reader
from tests.streaming.support import Connection, serving
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.inside.site")]


@contextmanager
def installation(settings: Any, **values: Any) -> Iterator[int]:
    settings.RXSSE = values
    runtime.reset()
    try:
        with serving(get_asgi_application()) as (port, _):
            yield port
    finally:
        settings.RXSSE = {}
        runtime.reset()
        runtime.current()


def value(name: str, **labels: str) -> float:
    labels.setdefault("channel", InsideTeam.label)
    return REGISTRY.get_sample_value(name, labels) or 0.0


def delivered() -> float:
    labels = {"phase": "committed", "outcome": "delivered"}
    return REGISTRY.get_sample_value("rxsse_announcements_total", labels) or 0.0


class Since:
    """How much a counter has grown."""

    def __init__(self) -> None:
        names = ("patches", "patch_bytes", "epochs", "audits", "drifts", "drift_operations", "offers")
        names += ("streams_opened", "streams_ended")
        self._before = {name: value(f"rxsse_{name}_total") for name in names}

    def __call__(self, name: str) -> float:
        return value(f"rxsse_{name}_total") - self._before[name]


def rename(team: Team, name: str, *streams: Connection) -> None:
    team.name = name
    team.save()
    for stream in streams:
        stream.until(lambda client: client.state["name"] == name)


def test_a_write_is_counted_on_its_way(settings: Any) -> None:
    team = Team.objects.create(name="0")
    grown = Since()
    committed = delivered()
    with installation(settings, METRICS=True, AUDIT_SECONDS=0) as port:
        with reader(port, f"/team/{team.pk}/") as one, reader(port, f"/team/{team.pk}/") as two:
            rename(team, "1", one, two)
            rename(team, "2", one, two)
            size = sum(len(b'[{"op":"replace","path":"/name","value":"?"}]') for _ in range(2))
            assert (grown("patches"), grown("patch_bytes"), grown("epochs")) == (2, size, 1)
            assert grown("offers") == 4
            assert grown("streams_opened") == 2
            assert value("rxsse_streams") == 2
            assert value("rxsse_hot_topics", role="owner") == 1
            assert value("rxsse_lag_revisions") == value("rxsse_stale_topics") == 0
            assert value("rxsse_derive_seconds_count", read="rows") >= 2
            assert value("rxsse_derive_seconds_count", read="whole") >= 1
        until(lambda: grown("streams_ended") == 2)
        assert value("rxsse_streams") == 0
    assert delivered() - committed == 2
    assert value("rxsse_hot_topics", role="owner") == 0


def test_an_audit_counts_and_logs_what_nobody_announced(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    team = Team.objects.create(name="shown")
    grown = Since()
    with installation(settings, METRICS=True, AUDIT_SECONDS=0.3) as port, reader(port, f"/team/{team.pk}/") as stream:
        until(lambda: grown("audits") >= 2)
        rename(team, "announced", stream)
        before = grown("audits")
        until(lambda: grown("audits") > before)
        assert grown("drifts") == grown("drift_operations") == 0
        cursor = stream.client.last_id
        with connection.cursor() as raw:
            raw.execute("UPDATE domain_team SET name = 'written' WHERE id = %s", [team.pk])
        stream.until(lambda client: client.state["name"] == "written")
        assert (grown("drifts"), grown("drift_operations")) == (1, 1)
    (record,) = [record for record in caplog.records if "nobody announced" in record.message]
    assert f"{record.epoch}.{record.revision}" == cursor  # type: ignore[attr-defined]
    assert record.topic == f"{InsideTeam.label}/{team.pk}/"  # type: ignore[attr-defined]


def test_writes_during_audits_are_no_drift(settings: Any) -> None:
    team = Team.objects.create(name="0")
    grown = Since()
    with installation(settings, METRICS=True, AUDIT_SECONDS=0.1) as port, reader(port, f"/team/{team.pk}/") as stream:
        n = 0
        while grown("audits") < 8:
            n += 1
            rename(team, f"{n}", stream)
        assert grown("drifts") == 0
        assert grown("patches") == n


def test_nothing_is_counted_unless_it_is_wanted(settings: Any) -> None:
    team = Team.objects.create(name="0")
    grown = Since()
    with installation(settings, AUDIT_SECONDS=0) as port, reader(port, f"/team/{team.pk}/") as stream:
        rename(team, "1", stream)
        assert probes.to is probes.NOBODY
    assert grown("patches") == grown("streams_opened") == grown("offers") == 0


def test_without_the_package_it_is_said_and_everything_works(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(measuring, "find_spec", lambda name: None if name == "prometheus_client" else find_spec(name))
    team = Team.objects.create(name="0")
    with installation(settings, METRICS=True, AUDIT_SECONDS=0) as port, reader(port, f"/team/{team.pk}/") as stream:
        rename(team, "1", stream)
    assert "prometheus_client is not installed" in caplog.text


def test_a_failure_is_logged_with_topic_and_revision(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The table is away for a moment."""
    team = Team.objects.create(name="0")
    before = value("rxsse_failures_total", error="DeriveError") + value("rxsse_failures_total", error="Unavailable")

    def failed() -> bool:
        now = value("rxsse_failures_total", error="DeriveError") + value("rxsse_failures_total", error="Unavailable")
        return now > before

    with installation(settings, METRICS=True, AUDIT_SECONDS=0.1) as port, reader(port, f"/team/{team.pk}/") as stream:
        cursor = stream.client.last_id
        with connection.cursor() as raw:
            raw.execute("ALTER TABLE domain_team RENAME TO domain_team_away")
            try:
                until(failed)
            finally:
                raw.execute("ALTER TABLE domain_team_away RENAME TO domain_team")
        stream.until(lambda client: "reset" in client.names)
    records = [record for record in caplog.records if record.name == "rxsse.deriving" and hasattr(record, "revision")]
    assert {f"{record.epoch}.{record.revision}" for record in records} >= {cursor}  # type: ignore[attr-defined]
    assert {record.channel for record in records} == {InsideTeam.label}  # type: ignore[attr-defined]

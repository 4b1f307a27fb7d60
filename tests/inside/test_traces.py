"""One trace from the write to the streams, in this process and in another; told by the SDK's own exporter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rxsse import runtime
from tests.domain.models import Team
from tests.inside.support import reader
from tests.inside.test_metrics import installation, rename
from tests.tickets.test_processes import server
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.inside.site")]

_exporter = InMemorySpanExporter()
_provider = TracerProvider()  # a process has one, and keeps it
_provider.add_span_processor(SimpleSpanProcessor(_exporter))


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    if trace.get_tracer_provider() is not _provider:
        trace.set_tracer_provider(_provider)
    _exporter.clear()
    yield _exporter
    _exporter.clear()


def spans(exporter: InMemorySpanExporter, trace_id: int) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans() if span.context.trace_id == trace_id}


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def test_a_write_is_followed_to_the_streams(settings: Any, exporter: InMemorySpanExporter) -> None:
    team = Team.objects.create(name="0")
    with installation(settings, TRACES=True, AUDIT_SECONDS=0) as port, reader(port, f"/team/{team.pk}/") as stream:
        with trace.get_tracer("tests").start_as_current_span("request") as request:
            rename(team, "1", stream)
        mine = request.get_span_context()
        until(lambda: "rxsse.offer" in spans(exporter, mine.trace_id), "the last span")
        until(lambda: "rxsse.refresh" in spans(exporter, mine.trace_id))
        found = spans(exporter, mine.trace_id)
    announce, refresh = found["rxsse.announce"], found["rxsse.refresh"]
    assert parent_of(announce) == mine.span_id
    assert parent_of(refresh) == announce.context.span_id
    for name in ("rxsse.derive", "rxsse.append", "rxsse.offer"):
        assert parent_of(found[name]) == refresh.context.span_id
    assert refresh.attributes is not None
    assert refresh.attributes["rxsse.topic"] == f"tests.inside.site.InsideTeam/{team.pk}/"
    assert "1" not in [value for span in found.values() for value in (span.attributes or {}).values()]


def test_a_rollback_leaves_no_trace_beyond_the_writer(settings: Any, exporter: InMemorySpanExporter) -> None:
    team = Team.objects.create(name="0")
    with installation(settings, TRACES=True, AUDIT_SECONDS=0) as port, reader(port, f"/team/{team.pk}/") as stream:
        with trace.get_tracer("tests").start_as_current_span("request") as request:
            with transaction.atomic():
                rename(team, "1")
                transaction.set_rollback(True)
        rename(team, "2", stream)
    assert not spans(exporter, request.get_span_context().trace_id).keys() - {"request", "rxsse.announce"}


@pytest.mark.slow
def test_a_write_is_followed_through_another_owner(
    settings: Any, exporter: InMemorySpanExporter, redis_url: str, mongo_url: str, prefix: str
) -> None:
    """The owner is a process that traces, too; here is the writer, and a server that follows."""
    team = Team.objects.create(name="0")
    values = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix, "AUDIT_SECONDS": 0, "TRACES": True}
    url = f"/team/{team.pk}/"
    with server(values, "tests.inside.traced_settings") as owner, reader(owner, url) as first:
        with installation(settings, **values) as port, reader(port, url) as second:
            rename(team, "0.5", first, second)
            until(lambda: runtime.current().feed.is_watched("domain.team"))
            with trace.get_tracer("tests").start_as_current_span("request") as request:
                rename(team, "1", first, second)
            mine = request.get_span_context()
            until(lambda: {"rxsse.receive", "rxsse.offer"} <= spans(exporter, mine.trace_id).keys(), "the last spans")
            found = spans(exporter, mine.trace_id)
    assert "rxsse.refresh" not in found  # it was made by the owner, which is where `receive` hangs from
    assert parent_of(found["rxsse.receive"]) not in {span.context.span_id for span in found.values()}
    assert parent_of(found["rxsse.offer"]) == found["rxsse.receive"].context.span_id

"""Makes OpenTelemetry spans of what the flows enclose; needs ``rxsse[metrics]``, and an SDK that exports them.

A trace goes on where one write led to the work. Where several did, the work is a trace of its own that links to theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rxsse.messages import Topic
from rxsse.probes import Probe

_HEADER = "traceparent"  # [trace-context §3.2]
_w3c = TraceContextTextMapPropagator()


class Tracer(Probe):
    """Spans of the tracer ``rxsse``; a provider that is set later is found."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("rxsse")

    def carried(self) -> str:
        carrier: dict[str, str] = {}
        _w3c.inject(carrier)
        return carrier.get(_HEADER, "")

    def span(self, name: str, topic: Topic | None = None, traces: Sequence[str] = ()) -> AbstractContextManager[object]:
        attributes = {} if topic is None else {"rxsse.topic": topic.name, "rxsse.channel": topic.channel}
        causes = [_w3c.extract({_HEADER: text}, Context()) for text in dict.fromkeys(traces)]
        if len(causes) == 1:
            return self._tracer.start_as_current_span(name, causes[0], attributes=attributes)
        contexts = [trace.get_current_span(cause).get_span_context() for cause in causes]
        links = [Link(context) for context in contexts if context.is_valid]
        return self._tracer.start_as_current_span(name, links=links, attributes=attributes)

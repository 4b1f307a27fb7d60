"""Settings of a server that makes real spans."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tests.inside.site_settings import *  # noqa: F403

trace.set_tracer_provider(TracerProvider())

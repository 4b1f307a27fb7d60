"""Has the flows' probes tell whoever the settings name; knows where each is, and imports it only then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from rxsse import probes
from rxsse.conf import Settings
from rxsse.probes import Probe

logger = logging.getLogger("rxsse.inside")

NEEDED = {"METRICS": "prometheus_client", "TRACES": "opentelemetry"}
"""Each setting and the package that it needs; both come with ``rxsse[metrics]``."""


def missing(settings: Settings) -> list[tuple[str, str]]:
    """Settings that are on, with the package that they need and that isn't installed."""
    return [(key, package) for key, package in NEEDED.items() if getattr(settings, key) and find_spec(package) is None]


def install(settings: Settings, holdings: Callable[[], dict[str, Any] | None]) -> None:
    """Tell nobody, or those that are wanted and installed. ``holdings``: see `rxsse.inside.reporting.describe`."""
    lacking = dict(missing(settings))
    for key, package in lacking.items():
        logger.warning("RXSSE[%r] is set, but %s is not installed: nothing comes of it", key, package)
    kinds: list[type[Probe]] = []
    if settings.METRICS and "METRICS" not in lacking:
        from rxsse.inside.prometheus import Metrics, ask

        ask(holdings)
        kinds.append(Metrics)
    if settings.TRACES and "TRACES" not in lacking:
        from rxsse.inside.tracing import Tracer

        kinds.append(Tracer)
    # Each tells of something else, so that one object can be both.
    probes.tell(type("Probes", tuple(kinds), {})() if kinds else probes.NOBODY)

"""Counts, for Prometheus, what the flows say and what the process holds; needs ``rxsse[metrics]``.

In the default registry, so that whatever exports a project's metrics exports these. Labels are channels and never
topics, whose number has no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rxsse.cursors import Cursor
from rxsse.messages import Topic
from rxsse.probes import Probe

Holdings = Callable[[], dict[str, Any] | None]

_CHANNEL = ("channel",)
# From a row by its key to an anchor of 10,000 rows.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

ANNOUNCEMENTS = Counter("rxsse_announcements", "Announcements of transactions.", ("phase", "outcome"))
DERIVE_SECONDS = Histogram(
    "rxsse_derive_seconds", "Bringing a topic's state up to date.", ("channel", "read"), buckets=_SECONDS
)
PATCHES = Counter("rxsse_patches", "Patches appended to logs.", _CHANNEL)
PATCH_BYTES = Counter("rxsse_patch_bytes", "Bytes of these patches.", _CHANNEL)
EPOCHS = Counter("rxsse_epochs", "Epochs begun: each makes a topic's readers load a snapshot.", _CHANNEL)
FAILURES = Counter("rxsse_failures", "Failures of a topic's work, each tried again.", ("channel", "error"))
AUDITS = Counter("rxsse_audits", "Comparisons of a served state with the serializer's.", _CHANNEL)
DRIFTS = Counter("rxsse_drifts", "Audits that found a difference.", _CHANNEL)
DRIFT_OPERATIONS = Counter("rxsse_drift_operations", "Operations that led from what was served to what is.", _CHANNEL)
OFFERS = Counter("rxsse_offers", "Streams that were offered something new, counted for each batch.", _CHANNEL)
OPENED = Counter("rxsse_streams_opened", "Streams that began.", _CHANNEL)
ENDED = Counter("rxsse_streams_ended", "Streams that ended.", _CHANNEL)


class Metrics(Probe):
    """Every call is a few increments, each under a lock of prometheus_client's own."""

    def announced(self, phase: str, delivered: bool) -> None:
        ANNOUNCEMENTS.labels(phase, "delivered" if delivered else "failed").inc()

    def derived(self, topic: Topic, seconds: float, whole: bool) -> None:
        DERIVE_SECONDS.labels(topic.channel, "whole" if whole else "rows").observe(seconds)

    def appended(self, topic: Topic, cursor: Cursor, size: int) -> None:
        PATCHES.labels(topic.channel).inc()
        PATCH_BYTES.labels(topic.channel).inc(size)

    def began(self, topic: Topic, cursor: Cursor) -> None:
        EPOCHS.labels(topic.channel).inc()

    def failed(self, topic: Topic, error: str) -> None:
        FAILURES.labels(topic.channel, error).inc()

    def audited(self, topic: Topic, cursor: Cursor, operations: int) -> None:
        AUDITS.labels(topic.channel).inc()
        if operations:
            DRIFTS.labels(topic.channel).inc()
            DRIFT_OPERATIONS.labels(topic.channel).inc(operations)

    def offered(self, topic: Topic, streams: int) -> None:
        OFFERS.labels(topic.channel).inc(streams)

    def opened(self, topic: Topic) -> None:
        OPENED.labels(topic.channel).inc()

    def ended(self, topic: Topic) -> None:
        ENDED.labels(topic.channel).inc()


class HoldingsCollector(Collector):
    """What this process holds at the moment it is asked: nothing is counted in between."""

    holdings: Holdings | None = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        topics = GaugeMetricFamily("rxsse_hot_topics", "Hot topics in this process.", labels=("channel", "role"))
        streams = GaugeMetricFamily("rxsse_streams", "Open streams.", labels=_CHANNEL)
        blocked = GaugeMetricFamily("rxsse_streams_blocked", "Streams whose client does not read.", labels=_CHANNEL)
        stale = GaugeMetricFamily("rxsse_stale_topics", "Topics that can't be derived at present.", labels=_CHANNEL)
        lag = GaugeMetricFamily("rxsse_lag_revisions", "Revisions that the slowest stream is behind.", labels=_CHANNEL)
        found = None if self.holdings is None else self.holdings()
        held = () if found is None else found["topics"]
        roles: dict[tuple[str, str], int] = {}
        sums: dict[str, list[int]] = {}
        for topic in held:
            channel = Topic.parse(topic["topic"]).channel
            roles[channel, topic["role"]] = roles.get((channel, topic["role"]), 0) + 1
            sum_ = sums.setdefault(channel, [0, 0, 0, 0])
            sum_[0] += topic["streams"]
            sum_[1] += topic["blocked"]
            sum_[2] += topic["stale"]
            sum_[3] = max(sum_[3], topic["lag"])
        for labels, count in roles.items():
            topics.add_metric(labels, count)
        for channel, values in sums.items():
            for family, value in zip((streams, blocked, stale, lag), values, strict=True):
                family.add_metric([channel], value)
        return [topics, streams, blocked, stale, lag]


_collector = HoldingsCollector()
REGISTRY.register(_collector)


def ask(holdings: Holdings) -> None:
    """Ask ``holdings`` from now on, instead of what was asked before."""
    _collector.holdings = holdings

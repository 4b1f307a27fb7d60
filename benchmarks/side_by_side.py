"""Compares things in one run: interleaved rounds, medians, ratios, and what machine it was."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """One line: date, processor, versions, and how busy the machine is with other things."""
    import django

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = names[0].split(":", 1)[1].strip() if names else platform.processor()
    return (
        f"{datetime.now(UTC).date()}, {len(os.sched_getaffinity(0))} cores of {processor}, "
        f"Python {platform.python_version()}, Django {django.get_version()}, load {os.getloadavg()[0]:.1f}"
    )


def interleave(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every case once a round, so that a busy machine is unfair to all alike; what each gave."""
    results: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds):
        names = list(cases)
        for name in names if number % 2 else reversed(names):
            results[name].append(cases[name]())
    return results


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """How many times ``base`` are ``values``, by their medians."""
    return statistics.median(values) / statistics.median(base)


def milliseconds(values: Sequence[float]) -> str:
    """Median and 90 % quantile of seconds, as two columns of milliseconds."""
    return f"{statistics.median(values) * 1e3:9.2f} {quantile(values, 0.9) * 1e3:9.2f}"

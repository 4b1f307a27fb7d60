"""Channels that a test declares are forgotten after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rxsse.channels import registry


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)

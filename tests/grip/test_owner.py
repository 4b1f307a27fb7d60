"""What an owner says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from rxsse import runtime
from rxsse.grip import owner
from tests.waiting import until


def test_it_leads_no_longer_than_others_wait_for_it(
    redis_url: str, prefix: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that stands still, or can't reach Redis: what it then hears, another one sends."""
    settings.RXSSE = {"REDIS_URL": redis_url, "PREFIX": prefix, "GRIP_URL": "http://127.0.0.1:9/"}
    monkeypatch.setattr(owner, "ALIVE_SECONDS", 0.2)
    monkeypatch.setattr(owner, "TICK_SECONDS", 60.0)
    runtime.reset()
    try:
        runtime.current().publish_held()
        one = runtime.current()._owner
        assert one is not None
        until(lambda: one._said_at, "it has said what it publishes")
        until(lambda: not one.leads, "its word counts no more")
    finally:
        runtime.reset()

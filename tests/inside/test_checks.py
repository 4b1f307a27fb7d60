"""What the system checks say of packages that aren't installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
from django.core import checks

from rxsse.inside import measuring

NUMBER = "E030"


@pytest.mark.parametrize(("key", "package"), list(measuring.NEEDED.items()))
def test_a_setting_needs_its_package(settings: Any, monkeypatch: pytest.MonkeyPatch, key: str, package: str) -> None:
    def found() -> list[str]:
        return [message.msg for message in checks.run_checks() if message.id == f"rxsse.{NUMBER}"]

    settings.RXSSE = {key: True}
    assert found() == []
    monkeypatch.setattr(measuring, "find_spec", lambda name: None if name == package else find_spec(name))
    assert found() == [f"RXSSE[{key!r}] is set, but the package {package} is not installed."]
    settings.RXSSE = {key: False}
    assert found() == []

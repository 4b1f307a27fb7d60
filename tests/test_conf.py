from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from rxsse.conf import Settings, get_settings, read
from rxsse.exceptions import DeclarationError


def test_without_a_setting_the_defaults_hold() -> None:
    assert read({}) == Settings()


def test_settings_are_read_once_and_again_when_they_change() -> None:
    with override_settings(RXSSE={"PREFIX": "one"}):
        assert get_settings().PREFIX == "one"
        assert get_settings() is get_settings()
        with override_settings(RXSSE={"PREFIX": "two"}):
            assert get_settings().PREFIX == "two"
        assert get_settings().PREFIX == "one"
        with override_settings(SOMETHING_ELSE=1):
            assert get_settings().PREFIX == "one"


@pytest.mark.parametrize("values", [None, [], "redis://localhost", ("REDIS_URL",)])
def test_settings_are_a_dict(values: Any) -> None:
    with pytest.raises(DeclarationError, match="make it a dict"):
        read(values)


@pytest.mark.parametrize("key", ["REDIS", "redis_url", "", 7])
def test_unknown_keys_are_named_with_the_known_ones(key: Any) -> None:
    with pytest.raises(DeclarationError, match=r"is not a setting; known are .*REDIS_URL"):
        read({key: "x"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("REDIS_URL", ""),
        ("REDIS_URL", 7),
        ("REDIS_URL", b"redis://"),
        ("PREFIX", None),
        ("PREFIX", Path("rxsse")),
        ("FRONTEND_DIR", ""),
        ("FRONTEND_DIR", 7),
        ("PREFIX", ""),
        ("FEED_LENGTH", 1.5),
        ("FEED_LENGTH", -1),
        ("FEED_LENGTH", True),
        ("FEED_LENGTH", "10"),
        ("FEED_LENGTH", None),
        ("MARK_SECONDS", "15"),
        ("MARK_SECONDS", -0.1),
        ("MARK_SECONDS", True),
        ("MARK_SECONDS", float("nan")),
        ("MARK_SECONDS", float("inf")),
    ],
)
def test_a_wrong_value_is_named_with_the_rule(key: str, value: Any) -> None:
    with pytest.raises(DeclarationError, match=rf"RXSSE\['{key}'\] is .*; give a non-"):
        read({key: value})


@pytest.mark.parametrize("key", ["STREAMS_PER_USER", "STREAMS_PER_ADDRESS", "REFUSALS_PER_ADDRESS"])
def test_a_limit_is_none_or_lets_somebody_in(key: str) -> None:
    assert getattr(read({key: 1}), key) == 1
    assert getattr(read({key: None}), key) is None
    for value in (0, -1, 1.5, True, "10"):
        with pytest.raises(DeclarationError, match=rf"RXSSE\['{key}'\] is .*; give None or a whole number from 1 on"):
            read({key: value})


def test_a_whole_number_will_do_for_seconds() -> None:
    assert read({"MARK_SECONDS": 15, "REDIS_URL": None}).MARK_SECONDS == 15


@pytest.mark.parametrize("folder", [None, "client/src/rx", Path("client", "src", "rx")])
def test_a_folder_may_be_a_path(folder: str | Path | None) -> None:
    found = read({"FRONTEND_DIR": folder}).FRONTEND_DIR
    assert found == folder


def test_every_setting_can_be_given_its_default() -> None:
    defaults = Settings()
    assert read({field.name: getattr(defaults, field.name) for field in fields(Settings)}) == defaults

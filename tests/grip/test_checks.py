"""GRIP_URL: where it is read from, and what is said of one that can't be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rxsse import runtime
from rxsse.checks.deployment import check_processes
from rxsse.checks.settings import check_settings
from rxsse.conf import get_settings
from rxsse.grip.proxies import Proxies, configs_of


def test_djangos_own_setting_is_read_where_there_is_no_other(settings: Any) -> None:
    settings.GRIP_URL = "http://127.0.0.1:5561"
    settings.RXSSE = {}
    assert get_settings().GRIP_URL == "http://127.0.0.1:5561"
    settings.RXSSE = {"GRIP_URL": "http://127.0.0.1:1"}
    assert get_settings().GRIP_URL == "http://127.0.0.1:1"
    del settings.GRIP_URL
    settings.RXSSE = {}
    assert get_settings().GRIP_URL is None


def test_several_proxies_are_separated_by_spaces() -> None:
    first, second = configs_of("http://a:1/?iss=realm&key=base64:c2VjcmV0 http://b:2/x/")
    assert first == {"control_uri": "http://a:1", "control_iss": "realm", "key": b"secret"}
    assert second == {"control_uri": "http://b:2/x"}


@pytest.mark.parametrize("url", ["127.0.0.1:5561", "http://a:1 ftp://s3cr3t", "http://a/?key=base64:s3cr3t"])
def test_what_can_not_be_read_is_said_without_its_key(settings: Any, url: str) -> None:
    settings.RXSSE = {"GRIP_URL": url}
    (problem,) = check_settings()
    assert problem.id.removeprefix("rxsse.") == "E050"
    assert "s3cr3t" not in str(problem)


def test_several_processes_need_redis(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    settings.RXSSE = {"GRIP_URL": "http://a:1", "OUTBOX": True}
    (problem,) = check_processes()
    assert (problem.id, "rxsse_owner" in str(problem.hint)) == ("rxsse.E014", True)


def test_only_signed_requests_are_held(settings: Any) -> None:
    settings.RXSSE = {"GRIP_URL": f"http://a:1/?verify-key={'k' * 32}"}
    assert not Proxies(get_settings()).sent({})
    assert not Proxies(get_settings()).sent({"Grip-Sig": "forged"})
    settings.RXSSE = {"GRIP_URL": "http://a:1"}  # no key: the signature can't be checked
    assert Proxies(get_settings()).sent({"Grip-Sig": "any"})
    assert not Proxies(get_settings()).sent({})


@pytest.mark.parametrize(("values", "said"), [({}, "GRIP_URL"), ({"GRIP_URL": "http://a:1"}, "REDIS_URL")])
def test_the_owner_says_what_it_lacks(settings: Any, values: dict[str, Any], said: str) -> None:
    settings.RXSSE = values
    runtime.reset()
    with pytest.raises(CommandError, match=said):
        call_command("rxsse_owner", skip_checks=True)
    runtime.reset()

"""Whose address is whose: what `STREAMS_PER_ADDRESS` and `REFUSALS_PER_ADDRESS` count together."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from rxsse.limits import address_of


def of(remote: str, forwarded: str = "") -> tuple[str, bytes]:
    headers: dict[str, Any] = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    return address_of(Request(APIRequestFactory().get("/", REMOTE_ADDR=remote, **headers)))


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no address", "no address", True),
        ("", "no address", False),
    ],
)
def test_addresses_that_count_together(one: str, other: str, together: bool) -> None:
    assert (of(one) == of(other)) is together


def test_behind_a_proxy_it_is_what_the_proxy_says(settings: Any) -> None:
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 1}
    assert of("127.0.0.1", "forged, 2001:db8::1") == of("127.0.0.1", "2001:db8::2")
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}
    assert of("127.0.0.1", "forged") == of("127.0.0.1")

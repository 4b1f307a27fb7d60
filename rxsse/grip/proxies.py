"""The GRIP proxies of ``GRIP_URL``: which requests come from one, and how one is published to. Knows no topics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from gripcontrol import GripPubControl, HttpStreamFormat, parse_grip_uri, validate_sig
from pubcontrol import Item
from requests.adapters import HTTPAdapter

from rxsse.conf import Settings
from rxsse.exceptions import Unavailable


class _Bounded(HTTPAdapter):
    """pubcontrol waits for ever for a proxy that hangs."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        options["timeout"] = self._seconds
        return super().send(request, *args, **options)


class Proxy:
    """One proxy's control port. Used from one thread."""

    def __init__(self, config: Mapping[str, Any], seconds: float) -> None:
        self.address: str = config["control_uri"]
        self._client: Any = GripPubControl(dict(config)).clients[0]
        for scheme in ("http://", "https://"):
            self._client.requests_session.mount(scheme, _Bounded(seconds))

    def publish(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Publish, in this order. Raises `Unavailable`; then any number of them may have been published."""
        body = json.dumps({"items": items}, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            self._client.http_call("/publish/", body, {"Content-Type": "application/json"})
        except ValueError as error:
            raise Unavailable(f"the GRIP proxy at {self.address} took nothing: {error}") from error

    def close(self) -> None:
        self._client.requests_session.close()


class Proxies:
    """All proxies of an installation."""

    def __init__(self, settings: Settings) -> None:
        self._configs = configs_of(settings.GRIP_URL)
        self._seconds = settings.BACKEND_TIMEOUT

    def connect(self) -> list[Proxy]:
        """A connection to each, for one thread each."""
        return [Proxy(config, self._seconds) for config in self._configs]

    def sent(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these ``headers`` came through one of them."""
        signature = headers.get("Grip-Sig")
        return bool(signature) and any(_signed(config, signature) for config in self._configs)


def configs_of(urls: str | None) -> list[dict[str, Any]]:
    """What ``GRIP_URL`` says of each proxy. Raises ValueError where one is no such URL."""
    configs = [parse_grip_uri(url) for url in (urls or "").split()]
    for config in configs:
        if not config["control_uri"].startswith(("http://", "https://")):
            raise ValueError("a GRIP URL begins with http:// or https://")
    return configs


def _signed(config: Mapping[str, Any], signature: str | None) -> bool:
    key = config.get("verify_key") or config.get("key")
    return key is None or bool(validate_sig(signature, key, config.get("verify_iss")))


def state_channel(prefix: str, topic_name: str) -> str:
    """Where a topic's history is published: each item names the one before it."""
    return _channel("s", prefix, topic_name)


def live_channel(prefix: str, topic_name: str) -> str:
    """Where marks and an application's events are published, which follow on nothing."""
    return _channel("l", prefix, topic_name)


def reader_channel(prefix: str, reader: str) -> str:
    """Where one held stream is told what concerns its reader alone."""
    return _channel("r", prefix, reader)


def _channel(kind: str, prefix: str, name: str) -> str:
    # A digest: short, as a proxy keeps it for every connection, and of characters that a header may have.
    return f"rxsse-{kind}-{blake2b(f'{prefix} {name}'.encode(), digest_size=15).hexdigest()}"


def content(channel: str, body: bytes, id_: str | None = None, previous: str | None = None) -> dict[str, Any]:
    """An item that sends ``body`` (whole events); with ``previous`` only to streams that stand there."""
    return _item(channel, HttpStreamFormat(body), id_, previous)


def close(channel: str, id_: str | None = None, previous: str | None = None) -> dict[str, Any]:
    """An item that ends streams."""
    return _item(channel, HttpStreamFormat(close=True), id_, previous)


def hint(channel: str) -> dict[str, Any]:
    """An item after which streams are asked for again at once."""
    return _item(channel, HttpStreamFormat(action="hint"), None, None)


def _item(channel: str, form: Any, id_: str | None, previous: str | None) -> dict[str, Any]:
    item: dict[str, Any] = Item(form, id=id_, prev_id=previous).export()
    item["channel"] = channel
    return item

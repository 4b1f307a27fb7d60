"""Who is answered 429: too many open streams of a user or an address, too many refused requests of an address.

Per process: each counts what it serves itself, so that nothing is left behind by one that is killed. DRF's throttles
come after the reader is known; what is here looks at an address before anything is read for it. Knows neither channels
nor states.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from rxsse.conf import Settings
from rxsse.guarding.identity import Identity
from rxsse.streaming.places import Full, Place, Places

AGAIN_SECONDS = 15
"""``Retry-After`` where streams are full: nobody knows when one ends; marks find out in that time who is gone."""

WINDOW_SECONDS = 60.0
"""How long refused requests are counted together, from the first on."""

ADDRESSES = 10_000
"""Addresses whose refusals are remembered, some 2 MB: whoever has more of them is stopped by no limit per address."""

REFUSED = frozenset({401, 403, 404})
"""What a guess is answered with: a token, a ticket, an anchor. Each costs a look into the database."""


class TooMany(Throttled):
    """429, with ``Retry-After``."""

    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class Refusals:
    """Counts refused requests by address. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()
        """By address: when the window ends (in `time.monotonic`), refusals in it. The oldest window first."""

    def note(self, address: Hashable) -> None:
        """``address`` was refused something."""
        now = time.monotonic()
        with self._lock:
            ends, count = self._seen.get(address, (0.0, 0))
            if ends <= now:
                self._seen.pop(address, None)
                ends, count = now + WINDOW_SECONDS, 0
            self._seen[address] = (ends, count + 1)
            while self._seen and (len(self._seen) > ADDRESSES or next(iter(self._seen.values()))[0] <= now):
                self._seen.popitem(last=False)

    def wait(self, address: Hashable, limit: int) -> float:
        """Seconds until ``address`` is listened to again; 0: now."""
        with self._lock:
            ends, count = self._seen.get(address, (0.0, 0))
        return max(0.0, ends - time.monotonic()) if count >= limit else 0.0


class Limits:
    """The limits of this process, for one value of ``settings.RXSSE``."""

    def __init__(self, settings: Settings) -> None:
        self.places = Places()
        self.refusals = Refusals()
        self._per_user = settings.STREAMS_PER_USER
        self._per_address = settings.STREAMS_PER_ADDRESS
        self._refusals = settings.REFUSALS_PER_ADDRESS

    def check_address(self, request: Request, *, stream: bool) -> None:
        """Raise 429 where an address may have nothing more; before anything is read for its request."""
        if self._refusals is not None:
            wait = self.refusals.wait(address_of(request), self._refusals)
            if wait:
                raise TooMany(ceil(wait), "Too many requests of this address were refused.")
        if stream and self._per_address is not None:
            key = address_of(request)
            if self.places.count(key) >= self._per_address:
                raise _full(key)

    def note_answer(self, request: Request, status: int) -> None:
        """Count an answer that refuses something."""
        if self._refusals is not None and status in REFUSED:
            self.refusals.note(address_of(request))

    def place_for(self, request: Request, reader: Identity) -> Place | None:
        """The place of one more stream (None: none is counted). Raises 429 where there is none left."""
        limits: dict[Hashable, int] = {}
        if self._per_address is not None:
            limits[address_of(request)] = self._per_address
        if self._per_user is not None and reader.user:
            limits["user", reader.known, reader.user] = self._per_user
        if not limits:
            return None
        try:
            return self.places.take(limits)
        except Full as full:
            raise _full(full.key) from full


def address_of(request: Request) -> tuple[str, bytes]:
    """Stands for where ``request`` comes from, found as by DRF's throttles (``NUM_PROXIES``).

    IPv6 counts by its first 64 bits: who has one of those addresses has all of them (RFC 4291, 2.5.4).
    """
    ident: str | None = BaseThrottle().get_ident(request)
    # A digest, because a client may write into X-Forwarded-For what it likes, as long as it likes.
    return "address", blake2b(_network_of(ident or "").encode(errors="replace"), digest_size=12).digest()


def _network_of(ident: str) -> str:
    try:
        address = ip_address(ident)
    except ValueError:  # several addresses, or no address at all
        return ident
    if not isinstance(address, IPv6Address):
        return ident
    return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))


def _full(key: Hashable) -> TooMany:
    whose = "this user" if isinstance(key, tuple) and key[0] == "user" else "this address"
    return TooMany(AGAIN_SECONDS, f"Too many streams of {whose} are open.")

"""Real HTTP clients, HTTP/1.1 and HTTP/2, that read streams through a door; know the protocol, no proxy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from tests.proxies.serving import Application, Certificate, Door
from tests.streaming.support import DEADLINE, NaiveClient

NAMES = (f"reader {number}" for number in itertools.count())


class Note(NamedTuple):
    """What one test shows, at one application; its topic is shared with no other test."""

    application: Application
    pk: int
    token: str

    @classmethod
    def make(cls, application: Application, bio: str = "0") -> Note:
        found = application.ask("/make/", name=next(NAMES), bio=bio)
        return cls(application, found["pk"], found["token"])

    def write(self, bio: object, times: int = 1) -> None:
        self.application.ask(f"/write/{self.pk}/", bio=bio, times=times)

    def revoke(self) -> None:
        self.application.ask(f"/revoke/{self.pk}/")

    def streams(self) -> int:
        """How many are open, as the application knows it."""
        return int(self.application.ask(f"/streams/{self.pk}/"))

    @property
    def path(self) -> str:
        return f"/notes/{self.pk}/"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}


class Browser(httpx.Client):
    """One client; over HTTP/2 one connection, whatever it reads."""

    def __init__(
        self, door: Door, certificate: Certificate, *, brisk: bool = False, address: str | None = None
    ) -> None:
        kind = {"http2": door.http2, "http1": not door.http2}
        transport = httpx.HTTPTransport(verify=certificate.trust, local_address=address, **kind)
        # What it doesn't ask for, nobody may compress.
        headers = {"Accept-Encoding": "identity"}
        super().__init__(
            base_url=door.brisk if brisk else door.calm,
            transport=transport,
            timeout=DEADLINE,
            headers=headers,
            trust_env=False,
        )

    def stream_of(
        self, note: Note, client: NaiveClient | None = None, *, in_query: bool = False, **headers: str
    ) -> Reading:
        """Open a stream of ``note``; with ``client`` from where that one stands."""
        query = {}
        if client is not None and client.last_id and in_query:
            query["last_event_id"] = client.last_id
        elif client is not None and client.last_id:
            headers["Last-Event-ID"] = client.last_id
        headers = {"Accept": "text/event-stream", **note.headers, **headers}
        request = self.build_request("GET", note.path, headers=headers, params=query)
        return Reading(self.send(request, stream=True), client or NaiveClient())

    def connections(self) -> list[Any]:
        """Those that are open."""
        return list(self._transport._pool.connections)  # type: ignore[attr-defined]


class Reading:
    """A response that is read piece by piece."""

    def __init__(self, response: httpx.Response, client: NaiveClient) -> None:
        self.response = response
        self.client = client
        self.complete = False
        """Whether the response has ended as responses do; otherwise the connection was cut."""
        self._pieces = response.iter_bytes()

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()

    def receive(self) -> bool:
        """Read once; False at the end. Raises `httpx.ReadTimeout` where nothing comes."""
        try:
            self.client.feed(next(self._pieces))
        except StopIteration:
            self.complete = True
            return False
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return False
        return True

    def until(self, condition: Callable[[NaiveClient], Any]) -> NaiveClient:
        """Read until ``condition`` holds for the client."""
        while not condition(self.client):
            status = self.response.status_code
            assert self.receive(), f"a response of {status} has ended after {self.client.events[-3:]}"
        return self.client

    def until_shows(self, bio: object) -> NaiveClient:
        return self.until(lambda client: client.state is not None and client.state["bio"] == str(bio))

    def rest(self) -> bytes:
        """All that is still to come, undispatched: of a stream that was cut."""
        pieces = []
        with suppress(httpx.RemoteProtocolError, httpx.ReadError):
            pieces.extend(self._pieces)
        return b"".join(pieces)

    def until_end(self) -> NaiveClient:
        while self.receive():
            pass
        return self.client

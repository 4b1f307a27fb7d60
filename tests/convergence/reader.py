"""A client over real HTTP: connects, applies, is disturbed, comes back; notes every broken promise."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Sequence
from random import Random
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

from django.db import connection

from tests.conformance.client import Action, Client, Event, Parser
from tests.convergence.subjects import Subject

# Marks come every second: silence for this long means that the server has forgotten us.
SILENCE = 15.0
SECRET = re.compile(r"SECRET<(\d+)>")


class Reader(Thread):
    """One subject, watched through one of several servers at a time."""

    def __init__(
        self,
        subject: Subject,
        token: str,
        ports: Callable[[], list[int]],
        seed: int,
        hosts: Sequence[str] = (),
    ) -> None:
        """``hosts``: by these names a proxy tells servers apart."""
        super().__init__(daemon=True, name=f"{subject.name}-{seed}")
        self.subject = subject
        self.client = Client()
        self.complaints: list[str] = []
        self.gone = False
        self.applied = self.connects = self.snapshots = 0
        self.port: int | None = None
        """Where it has a stream now."""
        self._hosts = hosts
        self._token, self._ports, self._rng = token, ports, Random(seed)
        self._disturbed, self._stopping = Flag(), Flag()
        self._lock = Lock()

    def disturb(self) -> None:
        """Drop the connection at the next event and come back with the cursor."""
        self._disturbed.set()

    def stop(self) -> None:
        self._stopping.set()
        self._disturbed.set()

    @property
    def shown(self) -> Any:
        """Cursor and state as of one event."""
        with self._lock:
            return self.client.cursor, self.client.state

    def run(self) -> None:
        while not self._stopping.is_set() and not self.gone:
            if self._disturbed.is_set():  # at times for so long that it falls out of the ring
                self._stopping.wait(self._rng.choice((0.0, 0.2, 0.5)))
            try:
                self._connect()
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, TimeoutError):
                    self.complaints.append(f"nothing was heard for {SILENCE} s")
                self._stopping.wait(0.05)
            finally:
                connection.close()

    def _connect(self) -> None:
        self._disturbed.clear()
        url = self.subject.url()
        connection.close()
        if url is None:
            self.gone = True
            return
        stream = http.client.HTTPConnection("127.0.0.1", self._rng.choice(self._ports()), timeout=SILENCE)
        try:
            headers = {"Accept": "text/event-stream", "Authorization": f"Token {self._token}"}
            if self._hosts:
                headers["Host"] = self._rng.choice(self._hosts)
            if self.client.cursor is not None:
                headers["Last-Event-ID"] = self.client.cursor
            stream.request("GET", url, headers=headers)
            response = stream.getresponse()
            if response.status == 200:
                self.connects += 1
                self.port = stream.port
                self._read(response)
            elif response.status == 502 and self._hosts:  # the proxy's own, for a server that was killed meanwhile
                self._stopping.wait(0.1)
            elif response.status != 404:  # renamed or deleted since we looked: look again
                self.complaints.append(f"{response.status} {response.read(500)!r}")
                self._stopping.wait(0.2)
        finally:
            self.port = None
            stream.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        parser = Parser()
        self.client.connected()
        while not self._disturbed.is_set():
            chunk = response.read1(65_536)
            if not chunk:
                return
            for event in parser.feed(chunk):
                action = self._take(event)
                if action is Action.STOP:
                    self.gone = True
                if action in (Action.STOP, Action.RECONNECT):
                    return

    def _take(self, event: Event) -> Action:
        for owner in SECRET.findall(event.data):
            if int(owner) != self.subject.user_id:
                self.complaints.append(f"user {self.subject.user_id} was sent a row of user {owner}: {event}")
        held, before = self.shown
        with self._lock:
            action = self.client.receive(event)
        if event.name == "patch" and action is not Action.APPLY:
            self.complaints.append(f"at {held}: {action.value} {event} on {before}")
        if event.name == "revoked":
            self.complaints.append(f"{event}")
        if action is Action.APPLY:
            self.applied += event.name == "patch"
            self.snapshots += event.name == "snapshot"
            self._check_sum()
        return action

    def _check_sum(self) -> None:
        """Money only moves: a state with another sum is half a transaction."""
        if "ledger" not in self.subject.name:
            return
        _, state = self.shown
        if sum(account["amount"] for account in state["accounts"]) != 1000 or state["total"] != 1000:
            self.complaints.append(f"half a transaction at {self.client.cursor}: {state}")

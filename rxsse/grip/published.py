"""One topic whose readers proxies hold: turns what the source says of it into items; knows no threads and no readers.

Each item names its place and the one before it. A proxy gives it to the streams that stand there; any other asks
for what it missed. A place is a cursor, or what comes right after it without moving it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from rxsse import wire
from rxsse.cursors import Cursor
from rxsse.grip import proxies
from rxsse.grip.holding import PROMISED
from rxsse.messages import Topic

if TYPE_CHECKING:
    from rxsse.grip.owner import Owner

LARGEST = 300_000
"""Bytes of an item's content at most: Pushpin takes 1 MB in a request, and JSON's escapes may triple what is sent."""

NOWHERE = "?"
"""The place that no stream stands at: whoever is sent what follows on it asks for what he missed."""


class Published:
    """The `Sink` of its topic. The methods of `Sink` may be called from any thread, all others from the owner's."""

    def __init__(self, owner: Owner, topic: Topic, prefix: str, most: int) -> None:
        self.topic = topic
        self.closed = False
        self.readers = 0
        self.held = 0
        """How many of them are in doubt: as all of a topic hear the same, nothing is published meanwhile."""
        self.cursor: Cursor | None = None
        """None until the activation has been answered."""
        self.quiet_since = 0.0
        self._owner = owner
        self._place = ""
        self._states = proxies.state_channel(prefix, topic.name)
        self._live = proxies.live_channel(prefix, topic.name)
        self._loading = False
        self._waiting: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._most = most

    # --- Sink: any thread ----------------------------------------------------------------

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        self._owner.post(self._take, self._patch, cursor, patch)

    def began(self, topic: Topic, cursor: Cursor, reason: str) -> None:
        self._owner.post(self._take, self._begin, cursor, reason)

    def stale(self, topic: Topic, reason: str) -> None:
        self._owner.post(self._take, self._stale, reason)

    def gone(self, topic: Topic) -> None:
        self._owner.post(self._take, self._end)

    def message(self, topic: Topic, event: str, body: bytes) -> None:
        self._owner.post(self._take, self._tell, wire.message(event, body))

    # --- the owner's thread --------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return self.cursor is not None

    def open(self, cursor: Cursor) -> None:
        """The source tells all that follows ``cursor``."""
        self.cursor, self._place = cursor, str(cursor)
        self._waiting.appendleft((self._have_those_elsewhere_ask, ()))
        self.resume()

    def resume(self) -> None:
        """Go on where nobody is in doubt any more."""
        while self._waiting and not (self.closed or self.held or self._loading or self.cursor is None):
            act, given = self._waiting.popleft()
            act(*given)

    def mark(self) -> None:
        """Say where the topic stands: a client that stands elsewhere knows that it has missed something.

        The log is asked first. A server may have heard of a patch before this process, and its clients are right.
        """
        self.quiet_since = self._owner.now
        if self._is_up_to_date():
            cursor = self.cursor
            assert cursor is not None
            future = self._owner.source.since(self.topic, cursor)
            future.add_done_callback(lambda done: self._owner.post(self._mark, cursor, done))

    def _mark(self, cursor: Cursor, future: Future[Sequence[bytes] | None]) -> None:
        if cursor != self.cursor or not self._is_up_to_date():
            return
        try:
            missing = future.result()
        except Exception:  # the log is out of reach: the owner is there, more can't be said
            missing = None
        if missing:
            return
        event = wire.mark(None if missing is None or self._place.endswith(PROMISED) else cursor)
        self._send(proxies.content(self._live, event), len(event))

    def _is_up_to_date(self) -> bool:
        return not (self.closed or self.cursor is None or self._waiting or self._loading or self.held)

    def _take(self, act: Callable[..., None], *given: Any) -> None:
        if self.closed:
            return
        self._waiting.append((act, given))
        if len(self._waiting) > self._most:
            # As many as a ring has; whoever misses the oldest asks for it.
            self._waiting.popleft()
        self.resume()

    def _patch(self, cursor: Cursor, patch: bytes) -> None:
        assert self.cursor is not None
        if cursor.epoch == self.cursor.epoch and cursor.revision <= self.cursor.revision:
            return  # came with the snapshot
        if self._place.endswith(PROMISED):
            self._load(cursor, b"")
            return
        follows = cursor == self.cursor.next() and len(patch) <= LARGEST
        self.cursor = cursor
        if follows:
            self._append(str(cursor), wire.patch(cursor, patch))
        else:
            self._have_all_ask()

    def _begin(self, cursor: Cursor, reason: str) -> None:
        self._load(cursor, b"" if self._place.endswith(PROMISED) else wire.reset(reason))

    def _load(self, cursor: Cursor, before: bytes) -> None:
        self._loading = True
        self.cursor = cursor
        future = self._owner.source.snapshot(self.topic)
        future.add_done_callback(lambda done: self._owner.post(self._loaded, before, done))

    def _loaded(self, before: bytes, future: Future[tuple[Cursor, bytes]]) -> None:
        if self.closed:
            return
        self._loading = False
        try:
            self.cursor, state = future.result()
        except Exception:  # whoever asked has logged it; each stream is told by itself
            self._have_all_ask()
        else:
            if self.held:
                # The state may be a later one than that which the reader in doubt may see.
                self._waiting.appendleft((self._have_all_ask, ()))
            elif len(state) <= LARGEST:
                self._append(str(self.cursor), before + wire.snapshot(self.cursor, state))
            else:
                self._have_all_ask()
        self.resume()

    def _stale(self, reason: str) -> None:
        if not self._place.endswith(PROMISED):
            self._append(self._place + PROMISED, wire.reset(reason))

    def _tell(self, event: bytes) -> None:
        if self._owner.leads:  # no place says that a stream has it already
            self._send(proxies.content(self._live, event), len(event))

    def _end(self) -> None:
        before, self._place = self._place, f"{self._place}~"
        event = wire.gone()
        self._send(proxies.content(self._states, event, self._place, before), len(event))
        self._send(proxies.close(self._states, f"{self._place}~", self._place), 0)
        self._owner.ended(self)

    def _append(self, place: str, event: bytes) -> None:
        before, self._place = self._place, place
        self._send(proxies.content(self._states, event, place, before), len(event))

    def _have_those_elsewhere_ask(self) -> None:
        """Who doesn't stand here missed what was published before: by an owner that is dead, by nobody."""
        self._send(proxies.content(self._states, b"", self._place, self._place), 0)

    def _have_all_ask(self) -> None:
        self._place = str(self.cursor)
        self._send(proxies.content(self._states, b"", self._place, NOWHERE), 0)

    def _send(self, item: Any, size: int) -> None:
        self.quiet_since = self._owner.now
        self._owner.publish([item], size)

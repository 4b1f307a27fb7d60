"""The bytes of every Server-Sent Event on the wire; knows neither connections nor where states come from.

Every function returns one whole event. JSON is given as text in bytes, and passes through as
it is. Only ``snapshot`` and ``patch`` carry an ``id``, so only they move a client's cursor
(PROTOCOL, "The wire").
"""

from __future__ import annotations

import json

from rxsse.cursors import Cursor

CONTENT_TYPE = "text/event-stream"

HEADERS = {
    "Content-Type": CONTENT_TYPE,
    # no-transform: a proxy that compresses holds events back until its window is full.
    "Cache-Control": "no-cache, no-transform",
    # Many compress all the same (nginx, Caddy 2.6, Django's GZipMiddleware), but nothing that is encoded. HTTP has
    # no use for the word here [rfc9110 §8.4.1], and no client minds it.
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",  # nginx
    "Vary": "Authorization, Cookie, Accept",
}
"""Headers of a stream's response."""

RESERVED = frozenset({"snapshot", "patch", "mark", "reset", "revoked", "bye", "gone"})
"""Event names that have a meaning of their own, so that an application can't send them."""

FIRED_BY_BROWSERS = frozenset({"open", "error"})
"""What an EventSource calls events of its own [sse]: one from the server would be taken for a broken connection."""


def retry(milliseconds: int) -> bytes:
    """Tell an EventSource how long to wait before it reconnects; dispatches no event [sse]."""
    return b"retry: %d\n\n" % milliseconds


def snapshot(cursor: Cursor, state: bytes) -> bytes:
    """The whole ``state``, standing at ``cursor``."""
    return _event(b"snapshot", state, cursor)


def patch(cursor: Cursor, document: bytes) -> bytes:
    """The RFC 6902 ``document`` which leads from the revision before ``cursor`` to it."""
    return _event(b"patch", document, cursor)


def mark(cursor: Cursor | None) -> bytes:
    """A sign of life. ``cursor`` is where the client stands, None while it has been given no state to stand on."""
    return _event(b"mark", _json({"cursor": None if cursor is None else str(cursor)}))


def reset(reason: str) -> bytes:
    """What the client holds can't be continued: keep showing it until the snapshot that follows."""
    return _event(b"reset", _json({"reason": reason}))


def revoked(reason: str) -> bytes:
    """The reader may not read any more. Final, and reconnecting is pointless."""
    return _event(b"revoked", _json({"reason": reason}))


def bye(milliseconds: int) -> bytes:
    """A planned end: come back after ``milliseconds``. Final.

    Says it twice, because a native EventSource obeys the ``retry`` field and nothing else [sse].
    """
    return b"retry: %d\n" % milliseconds + _event(b"bye", _json({"retry": milliseconds}))


def gone() -> bytes:
    """The anchor was deleted. Final."""
    return _event(b"gone", b"{}")


def message(event: str, body: bytes) -> bytes:
    """An application's own event with JSON ``body``; moves no cursor.

    Raises ValueError where the name belongs to the protocol or would break the framing.
    """
    taken = RESERVED | FIRED_BY_BROWSERS
    if event in taken or not event or not event.isprintable():
        raise ValueError(
            f"{event!r} can't be the name of an application's event: use one line of printable text that is "
            f"none of {', '.join(sorted(taken))}"
        )
    return _event(event.encode(), body)


def _event(name: bytes, body: bytes, cursor: Cursor | None = None) -> bytes:
    # A line break between JSON tokens would end the field [sse]. JSON allows a space wherever it allows one.
    if b"\n" in body or b"\r" in body:
        body = body.replace(b"\n", b" ").replace(b"\r", b" ")
    if cursor is None:
        return b"event: %b\ndata: %b\n\n" % (name, body)
    return b"event: %b\nid: %b\ndata: %b\n\n" % (name, str(cursor).encode(), body)


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

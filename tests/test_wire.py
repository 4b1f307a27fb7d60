"""The bytes on the wire, as PROTOCOL.md gives them."""

from __future__ import annotations

import pytest

from rxsse import wire
from rxsse.cursors import Cursor

HERE = Cursor("Kq3v", 41)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (wire.retry(2000), b"retry: 2000\n\n"),
        (wire.snapshot(HERE, b'{"id":7}'), b'event: snapshot\nid: Kq3v.41\ndata: {"id":7}\n\n'),
        (wire.patch(HERE, b"[]"), b"event: patch\nid: Kq3v.41\ndata: []\n\n"),
        (wire.mark(HERE), b'event: mark\ndata: {"cursor":"Kq3v.41"}\n\n'),
        (wire.mark(None), b'event: mark\ndata: {"cursor":null}\n\n'),
        (wire.reset("expired"), b'event: reset\ndata: {"reason":"expired"}\n\n'),
        (wire.revoked("token"), b'event: revoked\ndata: {"reason":"token"}\n\n'),
        (wire.bye(3100), b'retry: 3100\nevent: bye\ndata: {"retry":3100}\n\n'),
        (wire.gone(), b"event: gone\ndata: {}\n\n"),
        (wire.message("runtime", b"[1]"), b"event: runtime\ndata: [1]\n\n"),
    ],
)
def test_events(event: bytes, expected: bytes) -> None:
    assert event == expected


@pytest.mark.parametrize("body", [b'{\n "a":\r\n 1}', b'{\r"a": 1}', b'{"a": 1}\n\n'])
def test_line_breaks_between_tokens_do_not_break_the_framing(body: bytes) -> None:
    event = wire.snapshot(HERE, body)
    assert event.count(b"\n") == 4
    assert b"\r" not in event


@pytest.mark.parametrize("name", ["", "patch", "gone", "open", "error", "a\nevent: gone", "a\r", "a\0"])
def test_names_that_an_application_cannot_send(name: str) -> None:
    with pytest.raises(ValueError, match="can't be the name"):
        wire.message(name, b"{}")


def test_reasons_are_json() -> None:
    assert wire.reset('a"\n') == b'event: reset\ndata: {"reason":"a\\"\\n"}\n\n'


def test_no_header_lets_a_proxy_keep_or_change_the_stream() -> None:
    assert wire.HEADERS["Content-Type"] == "text/event-stream"
    assert "no-transform" in wire.HEADERS["Cache-Control"]
    assert wire.HEADERS["X-Accel-Buffering"] == "no"

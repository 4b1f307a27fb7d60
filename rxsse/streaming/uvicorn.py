"""What the serving side knows of uvicorn beyond ASGI; everything else works without it.

Recognises uvicorn's own ``send``, by shape as well as by name, so that an unknown version is
served on the plain path instead of wrongly.
"""

from __future__ import annotations

import signal
import socket
from contextlib import suppress
from typing import Any

_MODULES = ("uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.http.h11_impl")
_NEEDED = ("transport", "flow", "disconnected", "response_complete", "keep_alive")


def recognise(send: Any) -> Any | None:
    """The HTTP/1.1 request cycle behind ``send``, None where it is another server's or a middleware's."""
    cycle = getattr(send, "__self__", None)
    if type(cycle).__module__ not in _MODULES or not all(hasattr(cycle, name) for name in _NEEDED):
        return None
    return cycle


def bound(cycle: Any, size: int, seconds: float) -> None:
    """Let the kernel hold about ``size`` bytes for a client that does not read, instead of megabytes.

    And have it end a connection whose client has not taken in what was sent for ``seconds`` (where it can: Linux):
    left alone, it tries for a quarter of an hour to reach one that has vanished without a word.
    """
    sock = cycle.transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        # ValueError is uvloop's. The connection is gone already; its disconnect is on the way.
        with suppress(OSError, ValueError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


def abort(cycle: Any) -> None:
    """Close now, without waiting for a client that does not read what is buffered."""
    cycle.transport.abort()


def is_closed(cycle: Any) -> bool:
    """Whether the connection is gone; a pipelined request keeps uvicorn from saying so."""
    return bool(cycle.transport.is_closing())


def find_server() -> Any | None:
    """The uvicorn server of this process, found through the signal handler that it has installed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server = getattr(signal.getsignal(number), "__self__", None)
        if type(server).__module__.startswith("uvicorn.") and hasattr(server, "should_exit"):
            return server
    return None


def is_stopping(server: Any) -> bool:
    """Whether ``server`` has been told to exit, or has stopped to listen on its own (a maximum of requests)."""
    listening = getattr(server, "servers", ())
    return bool(server.should_exit) or any(not each.is_serving() for each in listening)

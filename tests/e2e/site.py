"""The example as it is, beside it what only tests ask for: a count of open streams, and the page of ``page/``.

For ``uvicorn tests.e2e.site:application``. Knows the example by its ASGI application only.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from mimetypes import guess_type
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "board.settings"  # before the application is imported

from board.asgi import application as board
from rxsse import runtime

PAGES = Path(os.environ["RXSSE_E2E_PAGES"])


async def application(scope: Any, receive: Any, send: Any) -> None:
    path = scope.get("path", "")
    if path == "/e2e/streams":
        await _answer(send, 200, "application/json", json.dumps(_streams()).encode())
    elif path.startswith("/e2e/"):
        file = PAGES / path.removeprefix("/e2e/")
        kind = guess_type(file.name)[0] or "application/octet-stream"
        found = file.is_file()
        await _answer(send, 200 if found else 404, kind if found else "text/plain", file.read_bytes() if found else b"")
    else:
        await board(scope, receive, send)


def _streams() -> dict[str, int]:
    """How many streams this process has open, by the key of what they show."""
    hubs = runtime.current().hubs._hubs
    return Counter(stream.topic.anchor for hub in hubs for stream in hub.streams)


async def _answer(send: Any, status: int, kind: str, body: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

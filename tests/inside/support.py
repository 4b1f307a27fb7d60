"""Runs management commands as a person would, and reads what they print."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import call_command

from tests.streaming.support import Connection


def printed(*command: str) -> str:
    output = StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("rxsse_status", "--json"))
    return found


def reader(port: int, url: str) -> Connection:
    """A stream that shows its state."""
    stream = Connection(port, url)
    try:
        stream.until(lambda client: client.state is not None, "the snapshot")
    except BaseException:
        stream.close()
        raise
    return stream


def only(found: dict[str, Any]) -> dict[str, Any]:
    """The one topic of a status."""
    (topic,) = found["topics"]
    assert isinstance(topic, dict)
    return topic

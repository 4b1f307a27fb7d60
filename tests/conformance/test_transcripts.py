"""The transcripts and the smallest client agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.client import Client, Parser

TRANSCRIPTS = json.loads((Path(__file__).parent / "transcripts.json").read_text())


def strict(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["name"])
def test_transcript(transcript: dict[str, Any]) -> None:
    client, parser = Client(), Parser()
    if transcript["held"] is not None:
        client.cursor, client.state = transcript["held"]["cursor"], transcript["held"]["state"]
    client.connected()
    for step in transcript["steps"]:
        done = [client.receive(event).value for event in parser.feed(step["send"].encode())]
        assert done == step["do"]
        assert client.cursor == step["cursor"]
        assert strict(client.state) == strict(step["state"])


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["name"])
def test_transcript_byte_by_byte(transcript: dict[str, Any]) -> None:
    client, parser = Client(), Parser()
    if transcript["held"] is not None:
        client.cursor, client.state = transcript["held"]["cursor"], transcript["held"]["state"]
    client.connected()
    sent = "".join(step["send"] for step in transcript["steps"]).encode()
    done = [client.receive(event).value for byte in sent for event in parser.feed(bytes([byte]))]
    assert done == [action for step in transcript["steps"] for action in step["do"]]
    assert client.cursor == transcript["steps"][-1]["cursor"]
    assert strict(client.state) == strict(transcript["steps"][-1]["state"])


def test_names_are_told_apart() -> None:
    names = [transcript["name"] for transcript in TRANSCRIPTS]
    assert len(set(names)) == len(names)

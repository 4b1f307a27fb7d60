"""PROTOCOL.md names tests that exist, and no event or reason that the code does not send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rxsse import wire

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "PROTOCOL.md").read_text()
INVARIANTS = dict(re.findall(r"^\*\*(I[0-9]) [^*]+\*\*(.*?)(?=^\*\*I|\Z)", TEXT, re.MULTILINE | re.DOTALL))
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)


def test_there_are_eight_invariants() -> None:
    assert list(INVARIANTS) == [f"I{number}" for number in range(1, 9)]


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_every_invariant_names_its_test(invariant: str) -> None:
    assert re.search(r"Held by\s+`tests/", INVARIANTS[invariant])


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_named_tests_exist(path: str, name: str) -> None:
    assert re.search(rf"^\s*(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("event", sorted(wire.RESERVED))
def test_every_event_of_the_wire_is_described(event: str) -> None:
    assert re.search(rf"^\| `{event}` \|", TEXT, re.MULTILINE)


def test_every_reset_reason_is_described() -> None:
    """The reasons are literals, wherever they are given to `wire.reset`, a ring, or fan-out."""
    given = re.compile(r"""(?:wire\.reset\(|restart\(|Kind\.STALE, body=b|\.revision, b|ahead else )"([a-z-]+)\"""")
    code = "\n".join(path.read_text() for path in (ROOT / "rxsse").rglob("*.py"))
    reasons = set(given.findall(code)) | set(re.findall(r'"([a-z]+)" if ahead', code))
    table = TEXT[TEXT.index("| `reset` reason") : TEXT.index("## Errors at connect")]
    assert reasons == set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE))


def test_every_reason_of_a_revocation_is_described() -> None:
    """The reasons are literals where the database is asked."""
    code = (ROOT / "rxsse" / "guarding" / "verdicts.py").read_text()
    reasons = set(re.findall(r"""(?:return \(?|reasons\[identity\] = |\(left, )"([a-z]+)\"""", code))
    table = TEXT[TEXT.index("| `revoked` reason") : TEXT.index("An application's events are not part")]
    assert reasons == set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE))


@pytest.mark.parametrize(("name", "value"), sorted(wire.HEADERS.items()))
def test_every_header_is_described(name: str, value: str) -> None:
    row = re.search(rf"^\| `{name}` \| (.*?) \|", TEXT, re.MULTILINE)
    assert row is not None
    assert all(part.strip() in row[1] for part in value.split(","))

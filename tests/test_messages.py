from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxsse.exceptions import ProtocolError
from rxsse.messages import Announcement, Change, Fanout, Kind, Operation, Phase, Topic

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
CHANGES = st.builds(
    Change,
    model=TEXT,
    operation=st.sampled_from(Operation),
    keys=st.none() | st.lists(TEXT, max_size=3).map(tuple),
    fields=st.none() | st.frozensets(TEXT, max_size=3),
    relations=st.dictionaries(TEXT, st.lists(st.none() | TEXT, max_size=3).map(tuple), max_size=2),
)
ANNOUNCEMENTS = st.builds(
    Announcement,
    id=TEXT,
    phase=st.sampled_from(Phase),
    database=TEXT,
    changes=st.lists(CHANGES, max_size=3).map(tuple),
)
EPOCHS = st.from_regex(r"[A-Za-z0-9_-]{0,32}", fullmatch=True)
FANOUTS = st.builds(
    Fanout, kind=st.sampled_from(Kind), epoch=EPOCHS, revision=st.integers(0, 2**53), body=st.binary(max_size=50)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("mokfr"), inner, max_size=5),
)


@given(ANNOUNCEMENTS)
def test_an_announcement_reads_what_it_writes(announcement: Announcement) -> None:
    assert Announcement.decode(announcement.encode()) == announcement


@given(FANOUTS)
def test_a_fanout_reads_what_it_writes(fanout: Fanout) -> None:
    assert Fanout.decode(fanout.encode()) == fanout


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_refused(message: bytes) -> None:
    for decode in (Announcement.decode, Fanout.decode):
        try:
            decode(message)
        except ProtocolError:
            continue
        assert message.startswith(tuple(kind.encode() for kind in Kind))


@given(JSON)
def test_arbitrary_json_is_refused(value: object) -> None:
    for body in (value, ["id", "prepared", "default", [value]]):
        try:
            announcement = Announcement.decode(json.dumps(body).encode())
        except ProtocolError:
            continue
        assert Announcement.decode(announcement.encode()) == announcement


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"patch e 1",
        b"patch e one\n",
        b"patch e\n",
        b"patch e 1 2\n",
        b"other e 1\n",
        b"patch \xff 1\n",
        b"patch e -1\n",
        b"patch e 1_0\n",
        b"patch e +1\n",
        b"patch e 01\n",
    ],
)
def test_malformed_fanouts_are_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError, match="kind epoch revision"):
        Fanout.decode(message)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        b'["id","prepared","default",[{}]]',
        b'["id","other","default",[]]',
        b'["id","prepared","default",[[]]]',
        b'[1,"prepared","default",[]]',
        b"[" * 100000,
        b'["id","prepared","default",[{"m":"a","o":"update","k":"12","f":null,"r":{}}]]',
        b'["id","prepared","default",[{"m":"a","o":"update","k":[{}],"f":null,"r":{}}]]',
        b'["id","prepared","default",[{"m":"a","o":"update","k":null,"f":null,"r":[]}]]',
    ],
)
def test_malformed_announcements_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="id, phase, database, changes"):
        Announcement.decode(body)


PARTS = st.text(st.characters(codec="utf-8") | st.sampled_from("/%"), max_size=5)


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_different_topics_have_different_names(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (Topic(*one).name == Topic(*other).name) == (one == other)
    assert Topic(*one).name.isascii()


def test_how_a_topic_was_addressed_does_not_make_another_topic() -> None:
    assert Topic("c", "1", kwargs={"pk": 1}) == Topic("c", "1", kwargs={"slug": "one"})
    assert len({Topic("c", "1", kwargs={"pk": 1}), Topic("c", "1")}) == 1


@given(st.text(min_size=1), st.text(), st.text())
def test_a_topic_is_found_again_by_its_name(channel: str, anchor: str, audience: str) -> None:
    assert Topic.parse(Topic(channel, anchor, audience).name) == Topic(channel, anchor, audience)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_topic_is_found_again_by_its_event_channel(channel: str, anchor: str, audience: str) -> None:
    topic = Topic(channel, anchor, audience)
    assert Topic.parse_event_channel(topic.event_channel) == topic


@pytest.mark.parametrize("name", ["", "a", "a/", "a/1/", "a/1/2/3", "a/ /b", "a/1/%7a"])
def test_a_topic_has_one_event_channel(name: str) -> None:
    try:
        found = Topic.parse_event_channel(name)
    except ProtocolError:
        return
    assert found.event_channel == name


def test_what_is_no_event_channel_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no anchor's event channel"):
        Topic.parse_event_channel("a/1/")


def test_an_application_s_event_is_a_fanout() -> None:
    fanout = Fanout.message("typing", b'{"user":"ada"}')
    assert (fanout.kind, fanout.body) == (Kind.MESSAGE, b'typing\n{"user":"ada"}')


def test_a_list_is_found_again_with_its_arguments() -> None:
    assert Topic.parse(Topic("app.Tasks", "done=&year=2026", "7").name).kwargs == {"done": "", "year": "2026"}


@pytest.mark.parametrize("name", ["", "a", "a/b", "a/b/c/d", "/b/c"])
def test_what_is_no_name_of_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match="no topic's name"):
        Topic.parse(name)


TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize("trace", ["", TRACE])
def test_a_trace_goes_with_what_processes_tell_each_other(trace: str) -> None:
    told = Announcement("a", Phase.PREPARED, "default", (), trace)
    assert Announcement.decode(told.encode()) == told
    fanout = Fanout(Kind.PATCH, "e", 1, b"[]", trace)
    assert Fanout.decode(fanout.encode()) == fanout


@pytest.mark.parametrize("trace", ["", TRACE[:-1], TRACE + "0", TRACE.upper(), f"{TRACE} {TRACE}"])
def test_what_is_no_trace_is_refused(trace: str) -> None:
    with pytest.raises(ProtocolError):
        Announcement.decode(json.dumps(["a", "prepared", "default", [], trace]).encode())
    with pytest.raises(ProtocolError):
        Fanout.decode(f"patch e 1 {trace}\n[]".encode())

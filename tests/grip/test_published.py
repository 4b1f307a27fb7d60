"""What an owner publishes of a topic: places that follow on one another, resets, doubts, states that are too large."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rxsse.conf import Settings
from rxsse.grip import proxies, published
from rxsse.grip.published import NOWHERE, Published
from rxsse.messages import Topic
from tests.streaming.support import Log, LogSource


class Recorder:
    """Stands where the owner does: runs what is posted at once, and keeps what is published."""

    def __init__(self, source: LogSource) -> None:
        self.source = source
        self.now = 0.0
        self.leads = True
        self.items: list[dict[str, Any]] = []
        self.over: list[Published] = []

    def post(self, happened: Any, *given: Any) -> None:
        happened(*given)

    def publish(self, items: list[dict[str, Any]], size: int) -> None:
        self.items += items

    def ended(self, topic: Published) -> None:
        self.over.append(topic)

    def take(self) -> list[tuple[str, str | None, str | None, str]]:
        """Channel, place, the place before, and the names of the events of all that was published since."""
        items, self.items = self.items, []
        kinds = {proxies.state_channel("p", "tests/a/"): "state", proxies.live_channel("p", "tests/a/"): "live"}
        return [
            (kinds[each["channel"]], each.get("id"), each.get("prev-id"), _names(each["http-stream"])) for each in items
        ]


def _names(content: dict[str, Any]) -> str:
    if "action" in content:
        return str(content["action"])
    return " ".join(line[7:] for line in content["content"].split("\n") if line.startswith("event: "))


@pytest.fixture
def source() -> LogSource:
    return LogSource(a=Log())


@pytest.fixture
def owner(source: LogSource) -> Recorder:
    return Recorder(source)


@pytest.fixture
def topic(owner: Recorder, source: LogSource) -> Published:
    """An open one, which has said where it stands."""
    made = Published(owner, Topic("tests", "a"), "p", Settings().RING_LENGTH)  # type: ignore[arg-type]
    made.open(source.activate(made.topic, made).result())
    place = str(made.cursor)
    assert owner.take() == [("state", place, place, "")]
    return made


def test_patches_follow_on_one_another(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.set("a", 1)
    source.set("a", 2)
    assert owner.take() == [("state", "e1.1", "e1.0", "patch"), ("state", "e1.2", "e1.1", "patch")]


def test_an_application_s_event_is_published_by_one_of_several_owners(owner: Recorder, topic: Published) -> None:
    topic.message(topic.topic, "typing", b"1")
    assert owner.take() == [("live", None, None, "typing")]
    owner.leads = False
    topic.message(topic.topic, "typing", b"2")
    assert owner.take() == []


def test_a_new_epoch_is_one_item(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.begin("a", "e2")
    source.set("a", 3)
    assert owner.take() == [("state", "e2.10", "e1.0", "reset snapshot"), ("state", "e2.11", "e2.10", "patch")]


def test_after_a_reset_comes_a_snapshot_and_marks_name_no_cursor(
    source: LogSource, owner: Recorder, topic: Published
) -> None:
    source.tell("a", "stale", "unavailable")
    source.tell("a", "stale", "unavailable")
    topic.mark()
    assert json.loads(owner.items[-1]["http-stream"]["content"].split("data: ")[1]) == {"cursor": None}
    assert owner.take() == [("state", "e1.0!", "e1.0", "reset"), ("live", None, None, "mark")]
    source.begin("a", "e2", "recovered")
    assert owner.take() == [("state", "e2.10", "e1.0!", "snapshot")]


def test_a_patch_after_a_reset_is_never_sent_as_such(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.tell("a", "stale", "unavailable")
    source.set("a", 1)
    assert owner.take() == [("state", "e1.0!", "e1.0", "reset"), ("state", "e1.1", "e1.0!", "snapshot")]


def test_what_came_while_a_snapshot_was_read_is_in_it(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.held = []
    source.begin("a", "e2")
    source.set("a", 1)
    assert owner.take() == []
    source.release()
    source.set("a", 2)
    # The snapshot is as old as the asking, so the first patch comes after it and once.
    assert owner.take() == [
        ("state", "e2.10", "e1.0", "reset snapshot"),
        ("state", "e2.11", "e2.10", "patch"),
        ("state", "e2.12", "e2.11", "patch"),
    ]


def test_a_state_or_patch_that_is_too_large_is_asked_for(
    source: LogSource, owner: Recorder, topic: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "LARGEST", 100)
    source.set("a", "x" * 200)
    source.begin("a", "e2")
    source.set("a", 1)
    assert owner.take() == [
        ("state", "e1.1", NOWHERE, ""),
        ("state", "e2.10", NOWHERE, ""),
        ("state", "e2.11", "e2.10", "patch"),
    ]


def test_a_state_that_can_not_be_read_is_asked_for(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.failing["snapshot"] = RuntimeError("quotes a row")
    source.begin("a", "e2")
    assert owner.take() == [("state", "e2.10", NOWHERE, "")]


def test_nothing_is_published_while_a_reader_is_in_doubt(source: LogSource, owner: Recorder, topic: Published) -> None:
    topic.held = 1
    source.set("a", 1)
    source.tell("a", "message", "hello", b"{}")
    topic.mark()
    assert owner.take() == []
    topic.held = 0
    topic.resume()
    assert owner.take() == [("state", "e1.1", "e1.0", "patch"), ("live", None, None, "hello")]


def test_a_snapshot_that_came_during_a_doubt_is_not_published(
    source: LogSource, owner: Recorder, topic: Published
) -> None:
    source.held = []
    source.begin("a", "e2")
    topic.held = 1
    source.release()
    assert owner.take() == []
    topic.held = 0
    topic.resume()
    assert owner.take() == [("state", "e2.10", NOWHERE, "")]


def test_a_long_doubt_is_bounded(source: LogSource, owner: Recorder) -> None:
    topic = Published(owner, Topic("tests", "a"), "p", 3)  # type: ignore[arg-type]
    topic.open(source.activate(topic.topic, topic).result())
    owner.take()
    topic.held = 1
    for n in range(9):
        source.set("a", n)
    topic.held = 0
    topic.resume()
    assert owner.take() == [
        ("state", "e1.7", NOWHERE, ""),
        ("state", "e1.8", "e1.7", "patch"),
        ("state", "e1.9", "e1.8", "patch"),
    ]


def test_a_deleted_anchor_ends_streams(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.delete("a")
    assert owner.take() == [("state", "e1.0~", "e1.0", "gone"), ("state", "e1.0~~", "e1.0~", "close")]
    assert owner.over == [topic]


def test_a_mark_is_not_published_where_the_log_is_ahead(source: LogSource, owner: Recorder, topic: Published) -> None:
    source.held = []
    topic.mark()
    source.set("a", 1)
    source.release()
    assert owner.take() == [("state", "e1.1", "e1.0", "patch")]
    sinks, source.sinks = source.sinks, {}
    source.set("a", 2)  # it has not been heard of here yet
    source.sinks = sinks
    topic.mark()
    assert owner.take() == []


def test_a_mark_says_nothing_where_the_log_can_not_be_asked(
    source: LogSource, owner: Recorder, topic: Published
) -> None:
    source.failing["since"] = RuntimeError("quotes a row")
    topic.mark()
    assert json.loads(owner.items[0]["http-stream"]["content"].split("data: ")[1]) == {"cursor": None}

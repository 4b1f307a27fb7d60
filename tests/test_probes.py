"""What a log record is told of a topic."""

from __future__ import annotations

from rxsse.cursors import Cursor
from rxsse.messages import Topic
from rxsse.probes import Probe, about

TOPIC = Topic("shop.OrderChannel", "7", "")


def test_a_record_names_the_topic_and_where_it_stands() -> None:
    assert about(TOPIC) == {"topic": TOPIC.name, "channel": "shop.OrderChannel"}
    assert about(TOPIC, Cursor("Kq3v", 41)) == {**about(TOPIC), "epoch": "Kq3v", "revision": 41}


def test_who_does_not_measure_is_in_nobodys_way() -> None:
    probe = Probe()
    with probe.span("anything", TOPIC):
        assert probe.carried() == ""

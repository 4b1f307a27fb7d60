"""What every broker keeps, each backend against its real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from rxsse import brokers
from rxsse.brokers.base import BaseBroker
from rxsse.conf import Settings
from rxsse.messages import Fanout, Kind, Topic
from tests.brokers.recording import Recorder
from tests.waiting import until

Open = Callable[[], BaseBroker]
TOPIC = Topic("app.Channel", "7", "user é/☃")
OTHER = Topic("app.Channel", "8")


def patch(revision: int) -> Fanout:
    return Fanout(Kind.PATCH, "epoch", revision, b'[{"op":"test"}]')


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def open_broker(backend: str, request: pytest.FixtureRequest, prefix: str) -> Iterator[Open]:
    """Opens one more end of the same broker; in memory there is one end only."""
    url = request.getfixturevalue("redis_url") if backend == "redis" else None
    settings = Settings(REDIS_URL=url, MONGO_URL=url and "mongodb://127.0.0.1/unused", PREFIX=prefix)
    opened: list[BaseBroker] = []

    def open_() -> BaseBroker:
        if backend == "memory" and opened:
            return opened[0]
        opened.append(brokers.create(settings))
        return opened[-1]

    yield open_
    for broker in opened:
        broker.close()


@pytest.fixture
def broker(open_broker: Open) -> BaseBroker:
    return open_broker()


@pytest.fixture
def recorder(broker: BaseBroker) -> Recorder:
    recorder = Recorder()
    broker.listen(recorder)
    return recorder


def test_a_message_reaches_who_subscribed(broker: BaseBroker, recorder: Recorder, open_broker: Open) -> None:
    broker.subscribe(TOPIC)
    open_broker().publish(TOPIC, patch(1))
    until(lambda: recorder.told)
    assert recorder.told == [(TOPIC.name, patch(1))]


def test_a_publisher_hears_itself(broker: BaseBroker, recorder: Recorder) -> None:
    broker.subscribe(TOPIC)
    broker.publish(TOPIC, patch(1))
    until(lambda: recorder.told)


def test_bodies_are_any_bytes(broker: BaseBroker, recorder: Recorder) -> None:
    broker.subscribe(TOPIC)
    bodies = [b"", b"\n", bytes(range(256)), b"\xff\n\x00" * 100_000]
    for body in bodies:
        broker.publish(TOPIC, Fanout(Kind.MESSAGE, "", 0, body))
    until(lambda: len(recorder.told) == len(bodies))
    assert [fanout.body for _, fanout in recorder.told] == bodies


def test_other_topics_are_not_delivered(broker: BaseBroker, recorder: Recorder) -> None:
    broker.subscribe(TOPIC)
    broker.publish(OTHER, patch(1))
    broker.publish(TOPIC, patch(2))
    until(lambda: recorder.told)
    assert recorder.told == [(TOPIC.name, patch(2))]


def test_nothing_is_delivered_after_unsubscribing(broker: BaseBroker, recorder: Recorder) -> None:
    broker.subscribe(TOPIC)
    broker.subscribe(OTHER)
    broker.unsubscribe(TOPIC)
    broker.unsubscribe(TOPIC)
    broker.publish(TOPIC, patch(1))
    broker.publish(OTHER, patch(2))
    until(lambda: recorder.told)
    assert recorder.revisions == [2]


def test_subscribing_again_delivers_again_and_once(broker: BaseBroker, recorder: Recorder) -> None:
    for revision in range(20):
        broker.subscribe(TOPIC)
        broker.subscribe(TOPIC)
        broker.publish(TOPIC, patch(revision))
        until(lambda revision=revision: len(recorder.told) > revision)
        broker.unsubscribe(TOPIC)
    assert recorder.revisions == list(range(20))


def test_messages_of_one_publisher_keep_their_order(broker: BaseBroker, recorder: Recorder, open_broker: Open) -> None:
    broker.subscribe(TOPIC)
    publisher = open_broker()
    for revision in range(300):
        publisher.publish(TOPIC, patch(revision))
    until(lambda: len(recorder.told) == 300)
    assert recorder.revisions == list(range(300))
    assert recorder.gaps == []


def test_many_threads_subscribe_and_publish(broker: BaseBroker, recorder: Recorder) -> None:
    def work(number: int) -> None:
        for count in range(20):
            topic = Topic("c", f"{number}.{count}")
            broker.subscribe(topic)
            broker.publish(topic, patch(count))

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(recorder.told) == 120)
    assert {name for name, _ in recorder.told} == {
        Topic("c", f"{number}.{count}").name for number in range(6) for count in range(20)
    }


def test_a_listener_that_raises_misses_nothing_that_follows(broker: BaseBroker) -> None:
    class Fragile(Recorder):
        def fanned_out(self, topic_name: str, fanout: Fanout) -> None:
            super().fanned_out(topic_name, fanout)
            raise ValueError("as a bug would")

    fragile = Fragile()
    broker.listen(fragile)
    broker.subscribe(TOPIC)
    broker.publish(TOPIC, patch(1))
    broker.publish(TOPIC, patch(2))
    until(lambda: len(fragile.told) == 2)


def test_without_a_listener_messages_are_dropped(broker: BaseBroker) -> None:
    broker.subscribe(TOPIC)
    broker.publish(TOPIC, patch(1))


def test_nothing_is_delivered_after_close(broker: BaseBroker, recorder: Recorder, open_broker: Open) -> None:
    broker.subscribe(TOPIC)
    broker.close()
    broker.unsubscribe(TOPIC)
    open_broker().publish(TOPIC, patch(1))
    broker.close()
    assert recorder.told == []


def test_ping(broker: BaseBroker) -> None:
    broker.ping()


def test_processes_without_a_common_log_are_kept_apart() -> None:
    """Each has epochs of its own: what another one fans out would look like a history that broke."""
    broker = brokers.create(Settings(REDIS_URL="redis://127.0.0.1:1/0"))
    assert type(broker).__name__ == "MemoryBroker"

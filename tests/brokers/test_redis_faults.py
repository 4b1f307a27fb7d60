"""The Redis broker when Redis dies, hangs or talks nonsense, with real servers and processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import redis

from rxsse.brokers.redis import RedisBroker
from rxsse.conf import Settings
from rxsse.exceptions import Unavailable
from rxsse.messages import Fanout, Kind, Topic
from tests.brokers.recording import Recorder
from tests.services import Server
from tests.waiting import until

Open = Callable[..., RedisBroker]
TOPIC = Topic("app.Channel", "7")
OTHER = Topic("app.Channel", "8")


def patch(revision: int) -> Fanout:
    return Fanout(Kind.PATCH, "epoch", revision, b"[]")


@pytest.fixture
def open_broker(prefix: str) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_(url: str) -> RedisBroker:
            broker = RedisBroker(Settings(REDIS_URL=url, PREFIX=prefix, BACKEND_TIMEOUT=0.5))
            stack.callback(broker.close)
            return broker

        yield open_


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def published(broker: RedisBroker, topic: Topic, revision: int) -> bool:
    with suppress(Unavailable):
        broker.publish(topic, patch(revision))
        return True
    return False


@pytest.mark.parametrize("fault", ["stop", "pause"])
def test_after_an_outage_everything_is_subscribed_again_and_a_gap_told(
    own_redis: Server, open_broker: Open, recorder: Recorder, fault: str
) -> None:
    broker = open_broker(own_redis.url)
    broker.listen(recorder)
    broker.subscribe(TOPIC)
    broker.subscribe(OTHER)
    broker.publish(TOPIC, patch(1))
    until(lambda: recorder.told)
    getattr(own_redis, fault)()
    with pytest.raises(Unavailable):
        broker.publish(TOPIC, patch(2))
    with pytest.raises(Unavailable):
        broker.ping()
    if fault == "pause":
        late = Topic("app.Channel", "late")
        with pytest.raises(Unavailable):
            broker.subscribe(late)
        until(lambda: not broker._subscriber or broker._subscriber._link is None)  # it has noticed the silence
        own_redis.resume()
    else:
        own_redis.start()
    until(lambda: recorder.gaps)
    assert recorder.revisions[:1] == [1]
    for revision, topic in ((3, TOPIC), (4, OTHER)):
        until(lambda revision=revision, topic=topic: published(broker, topic, revision))
        until(lambda revision=revision: revision in recorder.revisions)


def test_subscribing_while_redis_is_down(own_redis: Server, open_broker: Open, recorder: Recorder) -> None:
    own_redis.stop()
    broker = open_broker(own_redis.url)
    broker.listen(recorder)
    with pytest.raises(Unavailable):
        broker.subscribe(TOPIC)
    own_redis.start()

    def subscribed() -> bool:
        with suppress(Unavailable):
            broker.subscribe(OTHER)
            return True
        return False

    until(subscribed)
    broker.publish(TOPIC, patch(1))  # given up
    broker.publish(OTHER, patch(2))
    until(lambda: recorder.told)
    assert recorder.revisions == [2]


def test_who_holds_a_topic_keeps_it_when_another_gives_up(
    own_redis: Server, open_broker: Open, recorder: Recorder
) -> None:
    broker = open_broker(own_redis.url)
    broker.listen(recorder)
    broker.subscribe(TOPIC)
    own_redis.stop()
    subscriber = broker._subscriber
    assert subscriber is not None
    until(lambda: subscriber._link is None)
    with pytest.raises(Unavailable):
        broker.subscribe(TOPIC)
    own_redis.start()
    until(lambda: recorder.gaps)
    until(lambda: published(broker, TOPIC, 1))
    until(lambda: recorder.told)


def test_closing_while_redis_is_down(own_redis: Server, open_broker: Open) -> None:
    broker = open_broker(own_redis.url)
    broker.subscribe(TOPIC)
    own_redis.pause()
    closing = threading.Thread(target=broker.close)
    closing.start()
    until(lambda: not closing.is_alive())


@pytest.mark.parametrize("message", [b"", b"nonsense", b"patch \xff 1\n", b"patch e 1"])
def test_nonsense_is_a_gap_and_the_rest_arrives(
    redis_url: str, prefix: str, open_broker: Open, recorder: Recorder, message: bytes
) -> None:
    broker = open_broker(redis_url)
    broker.listen(recorder)
    broker.subscribe(TOPIC)
    with redis.Redis.from_url(redis_url) as client:
        client.publish(f"{prefix}:topic:{TOPIC.name}", message)
    broker.publish(TOPIC, patch(1))
    until(lambda: recorder.told)
    assert len(recorder.gaps) == 1


def test_a_gap_listener_that_raises_misses_nothing_that_follows(redis_url: str, prefix: str, open_broker: Open) -> None:
    class Fragile(Recorder):
        def gap(self, reason: str) -> None:
            super().gap(reason)
            raise ValueError("as a bug would")

    fragile = Fragile()
    broker = open_broker(redis_url)
    with redis.Redis.from_url(redis_url) as client:
        broker.subscribe(TOPIC)
        client.publish(f"{prefix}:topic:{TOPIC.name}", b"nonsense")  # before anyone listens
        broker.listen(fragile)
        client.publish(f"{prefix}:topic:{TOPIC.name}", b"nonsense")
    broker.publish(TOPIC, patch(1))
    until(lambda: fragile.told)
    assert fragile.gaps


def test_a_connection_that_is_cut_is_replaced(redis_url: str, open_broker: Open, recorder: Recorder) -> None:
    broker = open_broker(redis_url)
    broker.listen(recorder)
    broker.subscribe(TOPIC)
    with redis.Redis.from_url(redis_url) as client:
        client.client_kill_filter(_type="pubsub")
    until(lambda: recorder.gaps)
    broker.publish(TOPIC, patch(1))
    until(lambda: recorder.told)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_both_sides_of_a_fork_publish_and_hear(redis_url: str, open_broker: Open, recorder: Recorder) -> None:
    broker = open_broker(redis_url)
    broker.listen(recorder)
    broker.subscribe(TOPIC)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            mine = Recorder()
            broker.listen(mine)
            broker.subscribe(TOPIC)
            broker.publish(TOPIC, patch(1))
            until(lambda: mine.told)
            broker.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    broker.publish(TOPIC, patch(2))
    until(lambda: recorder.revisions == [1, 2])


def test_nothing_happens_before_the_first_use(open_broker: Open) -> None:
    threads = threading.active_count()
    open_broker("redis://127.0.0.1:1/0")
    assert threading.active_count() == threads

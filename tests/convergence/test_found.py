"""What the convergence suite has found, each reduced to the least that shows it."""

from __future__ import annotations

from collections.abc import Sequence

from rxsse.brokers.memory import MemoryBroker
from rxsse.caches.memory import MemoryCache
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.deriving.inbox import Inbox
from rxsse.deriving.owning import Backends
from rxsse.deriving.topics import HotTopic
from rxsse.deriving.workers import Workers
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Fanout, Kind, Topic

TOPIC = Topic("tests.Channel", "1")
PATCH = b'[{"op":"remove","path":"/tasks/0"}]'


class OvertakenCache(MemoryCache):
    """While the log is read, fan-out delivers the very patch that the log will answer with."""

    overtaking: HotTopic

    def since(self, topic: Topic, cursor: Cursor) -> Sequence[bytes] | None:
        missing = super().since(topic, cursor)
        self.overtaking.deliver(Fanout(Kind.PATCH, cursor.epoch, cursor.revision + 1, PATCH))
        return missing


class RecordingSink:
    def __init__(self) -> None:
        self.seen: list[tuple[Cursor, bytes]] = []

    def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        self.seen.append((cursor, patch))


def test_a_patch_from_the_log_and_from_fan_out_at_once_is_one_revision() -> None:
    settings = Settings()
    cache = OvertakenCache(settings)
    backends = Backends(
        settings, MemoryFeed(settings), cache, MemoryBroker(settings), Inbox(), lambda topic, labels: 0.0
    )
    workers = Workers(1)
    hot = cache.overtaking = HotTopic(TOPIC, backends, workers, "owner")
    start = Cursor("epoch", 2)
    cache.begin(TOPIC, start, b"{}", replacing=None)
    cache.append(TOPIC, start.next(), PATCH)
    sink = RecordingSink()
    hot._outlet.open(start)
    hot._outlet.add(sink)  # type: ignore[arg-type]
    try:
        hot._catch_up()
    finally:
        workers.close(1)
    assert sink.seen == [(start.next(), PATCH)]

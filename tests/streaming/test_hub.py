"""The hub on one event loop, with streams that are pulled: single flights, faults, cooling, revocation."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from rxsse import probes
from rxsse.conf import Settings
from rxsse.cursors import Cursor
from rxsse.exceptions import DeriveError, Unavailable
from rxsse.streaming.hub import Hub, Hubs
from rxsse.streaming.streams import PulledStream
from tests.streaming.support import DEADLINE, Log, LogSource, NaiveClient


class Reader:
    """A client in the same loop, reading as fast as it can unless paused."""

    def __init__(
        self, hub: Hub, anchor: str = "a", cursor: str | None = None, state: Any = None, identity: object = None
    ) -> None:
        self.client = NaiveClient(cursor, state)
        self.stream = PulledStream(hub, LogSource.topic(anchor), cursor, identity)
        self.open = asyncio.Event()
        self.open.set()
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        chunks = self.stream.chunks()
        try:
            async for chunk in chunks:
                await self.open.wait()
                self.client.feed(chunk)
        finally:
            await chunks.aclose()

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0)


def hub_of(source: LogSource, **settings: Any) -> Hub:
    return Hub(source, Settings(**settings), asyncio.get_running_loop())


def run(test: Any) -> None:
    asyncio.run(test)


def test_many_clients_at_once_cost_one_activation_and_one_snapshot() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        source.held = []
        hub = hub_of(source)
        readers = [Reader(hub) for _ in range(200)]
        await until(lambda: len(hub.streams) == 200)
        source.release()
        await until(lambda: all(reader.client.state == {"n": 0} for reader in readers))
        assert source.calls == [("activate", "a"), ("snapshot", "a")]
        source.set("a", 1)
        await until(lambda: all(reader.client.state == {"n": 1} for reader in readers))

    run(test())


def test_patches_told_before_the_activation_is_answered_are_kept() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        source.held = []
        reader = Reader(hub_of(source), cursor="e1.0", state={"n": 0})
        await until(lambda: source.count("activate"))
        source.set("a", 1)
        source.tell("a", "message", "note", b"1")
        await asyncio.sleep(0)
        source.release()
        await until(lambda: reader.client.state == {"n": 1})
        assert source.count("since") == 0

    run(test())


def test_a_resumed_client_gets_what_it_missed() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        first = Reader(hub)
        await until(lambda: first.client.state)
        for n in range(1, 6):
            source.set("a", n)
        await until(lambda: first.client.state == {"n": 5})
        again = Reader(hub, cursor="e1.2", state={"n": 2})
        await until(lambda: again.client.state == {"n": 5})
        assert again.client.names == ["patch"] * 3
        current = Reader(hub, cursor="e1.5", state={"n": 5})
        await until(lambda: current.client.names == ["mark"])
        assert source.count("since") == 0

    run(test())


def test_a_resume_that_the_ring_does_not_hold_comes_from_the_log_once_for_all() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        for n in range(1, 9):
            source.set("a", n)
        source.held = []
        hub = hub_of(source)
        readers = [Reader(hub, cursor="e1.3", state={"n": 3}) for _ in range(50)]
        await until(lambda: len(hub.streams) == 50)
        source.release()
        await until(lambda: all(reader.client.state == {"n": 8} for reader in readers))
        assert all(reader.client.names == ["patch"] * 5 for reader in readers)
        assert source.count("since") == 1

    run(test())


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [("e1.1", "expired"), ("e1.77", "future"), ("e0.4", "unknown-epoch"), ("e1.x", "malformed"), ("💥", "malformed")],
)
def test_a_resume_that_nobody_can_answer_is_reset(cursor: str, reason: str) -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        for n in range(1, 5):
            source.set("a", n)
        source.trimmed["a"] = 3
        reader = Reader(hub_of(source), cursor=cursor, state={"n": 1})
        await until(lambda: reader.client.state == {"n": 4})
        assert reader.client.events == [("reset", {"reason": reason}), ("snapshot", {"n": 4})]

    run(test())


def test_too_much_to_replay_is_reset() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        for _ in range(4):
            source.set("a", "x" * 400_000)
        reader = Reader(hub_of(source), cursor="e1.0", state={"n": 0})
        await until(lambda: len(reader.client.events) == 2)
        assert reader.client.names == ["reset", "snapshot"]

    run(test())


def test_a_client_that_falls_out_of_the_ring_is_resumed_and_delays_nobody() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, RING_LENGTH=5)
        slow, fast = Reader(hub), Reader(hub)
        await until(lambda: slow.client.state and fast.client.state)
        slow.open.clear()
        for n in range(1, 101):
            source.set("a", n)
            await until(lambda n=n: fast.client.state == {"n": n})  # type: ignore[misc]
        hot = hub.topics[source.topic("a").name]
        assert hot.ring is not None
        assert len(hot.ring) == 5
        slow.open.set()
        await until(lambda: slow.client.state == {"n": 100})
        assert set(slow.client.names[1:]) == {"patch"}
        assert source.count("since") == 1

    run(test())


def test_a_client_that_falls_out_of_the_log_is_reset() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, RING_LENGTH=5)
        slow = Reader(hub)
        await until(lambda: slow.client.state)
        slow.open.clear()
        for n in range(1, 101):
            source.set("a", n)
            await asyncio.sleep(0)
        source.trimmed["a"] = 90
        slow.open.set()
        await until(lambda: slow.client.state == {"n": 100})
        assert slow.client.names[-2:] == ["reset", "snapshot"]

    run(test())


def test_a_new_epoch_resets_everybody_with_one_snapshot() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        readers = [Reader(hub) for _ in range(20)]
        await until(lambda: all(reader.client.state for reader in readers))
        source.set("a", 1)
        source.begin("a", "e2", "restart")
        source.set("a", 2)
        await until(lambda: all(reader.client.last_id == "e2.11" for reader in readers))
        for reader in readers:
            assert reader.client.events[-2:] == [("reset", {"reason": "restart"}), ("snapshot", {"n": 2})]
        assert source.count("snapshot") == 2

    run(test())


def test_a_stale_topic_keeps_its_connections_and_recovers_with_a_snapshot() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        reader = Reader(hub_of(source))
        await until(lambda: reader.client.state)
        source.tell("a", "stale", "error")
        await until(lambda: reader.client.lost)
        assert not reader.task.done()
        source.set("a", 1)
        await until(lambda: reader.client.state == {"n": 1})
        assert reader.client.names == ["snapshot", "reset", "snapshot"]

    run(test())


@pytest.mark.parametrize("error", [DeriveError("secret"), Unavailable("secret"), RuntimeError("secret")])
@pytest.mark.parametrize("call", ["activate", "snapshot"])
def test_a_failing_source_says_come_back_and_no_more(call: str, error: Exception) -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        source.failing[call] = error
        hub = hub_of(source, COOL_SECONDS=0, RETRY_MILLISECONDS=100)
        readers = [Reader(hub) for _ in range(3)]
        await asyncio.gather(*(reader.task for reader in readers))
        for reader in readers:
            assert reader.client.names == ["reset", "bye"]
            assert reader.client.events[0] == ("reset", {"reason": "unavailable"})
            assert 100 <= reader.client.events[1][1]["retry"] <= 300
            assert reader.client.retry == reader.client.events[1][1]["retry"]
        assert "secret" not in json.dumps(reader.client.events)
        del source.failing[call]
        recovered = Reader(hub)
        await until(lambda: recovered.client.state == {"n": 0})

    run(test())


def test_a_failing_replay_says_come_back() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        source.failing["since"] = Unavailable("log")
        reader = Reader(hub_of(source), cursor="e1.9", state={})
        await reader.task
        assert reader.client.names == ["reset", "bye"]

    run(test())


def test_a_source_that_raises_at_once_is_a_failing_source() -> None:
    async def test() -> None:
        source = LogSource(a=Log())

        def activate(*_: Any) -> Any:
            raise RuntimeError("at once")

        source.activate = activate  # type: ignore[method-assign]
        reader = Reader(hub_of(source))
        await reader.task
        assert reader.client.names == ["reset", "bye"]

    run(test())


def test_an_anchor_that_is_not_there() -> None:
    async def test() -> None:
        hub = hub_of(LogSource())
        reader = Reader(hub)
        await reader.task
        assert reader.client.events == [("gone", {})]
        assert not hub.topics

    run(test())


def test_an_anchor_that_is_deleted_ends_every_stream_after_what_came_before() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        readers = [Reader(hub) for _ in range(3)]
        await until(lambda: all(reader.client.state for reader in readers))
        source.held = []
        waiting = Reader(hub)
        await until(lambda: source.count("snapshot") == 2)
        source.set("a", 1)
        source.delete("a")
        await asyncio.gather(*(reader.task for reader in [*readers, waiting]))
        assert all(reader.client.names == ["snapshot", "gone"] for reader in readers)
        assert waiting.client.names == ["gone"]
        assert not hub.streams
        assert not hub.topics
        assert source.calls[-1] == ("deactivate", "a")

    run(test())


def test_an_applications_own_events() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        reader = Reader(hub_of(source))
        await until(lambda: reader.client.state)
        source.tell("a", "message", "note", b'{"text":"hi"}')
        await until(lambda: reader.client.events[-1] == ("note", {"text": "hi"}))
        with pytest.raises(ValueError, match="can't be the name"):
            source.tell("a", "message", "patch", b"[]")
        assert reader.client.last_id == "e1.0"

    run(test())


def test_revoking_ends_who_matches_and_nobody_else() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        ann, bob = Reader(hub, identity="ann"), Reader(hub, identity="bob")
        await until(lambda: ann.client.state and bob.client.state)
        assert hub.revoke(lambda identity: identity == "ann", "token") == 1
        source.set("a", 1)
        await ann.task
        await until(lambda: bob.client.state == {"n": 1})
        assert ann.client.events[1:] == [("revoked", {"reason": "token"})]

    run(test())


def test_revoking_takes_back_what_was_not_sent() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        source.held = []
        hub = hub_of(source)
        ann = Reader(hub, identity="ann")
        await until(lambda: hub.streams)
        ann.open.clear()
        source.release()
        hub.revoke(bool, "token")
        ann.open.set()
        await ann.task
        assert ann.client.names == ["revoked"]

    run(test())


def held(hub: Hub) -> bool:
    return any(stream.held for stream in hub.streams)


def test_a_stream_that_is_held_is_given_no_state_until_it_is_released() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        ann, bob = Reader(hub), Reader(hub)
        await until(lambda: ann.client.state and bob.client.state)
        hub.hold([ann.stream])
        source.set("a", 1)
        source.begin("a", "e2")
        source.set("a", 2)
        await until(lambda: bob.client.state == {"n": 2} and not bob.client.lost)
        assert ann.client.names == ["snapshot"]
        hub.release([ann.stream])
        await until(lambda: ann.client.state == {"n": 2})
        # What was behind in an epoch that is over is told as to everybody else.
        assert ann.client.names[:3] == ["snapshot", "patch", "reset"]

    run(test())


def test_a_stream_may_be_held_before_it_has_begun() -> None:
    """While the topic is being opened, while its snapshot is awaited, while it resumes."""

    async def test() -> None:
        source = LogSource(a=Log())
        source.held = []
        hub = hub_of(source)
        readers = [Reader(hub), Reader(hub, cursor="e1.0", state={"n": 0})]
        await until(lambda: len(hub.streams) == 2)
        hub.hold([reader.stream for reader in readers])
        await until(lambda: held(hub))
        source.release()
        source.set("a", 1)
        other = Reader(hub)
        await until(lambda: other.client.state == {"n": 1})
        assert [reader.client.names for reader in readers] == [[], []]
        hub.release([reader.stream for reader in readers])
        await until(lambda: all(reader.client.state == {"n": 1} for reader in readers))

    run(test())


def test_a_snapshot_that_comes_while_it_is_held_is_asked_for_again() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        warm = Reader(hub)
        await until(lambda: warm.client.state)
        source.set("a", 1)
        source.held = []
        ann = Reader(hub)
        await until(lambda: source.count("snapshot") == 2)
        hub.hold([ann.stream])
        await until(lambda: held(hub))
        source.release()
        await until(lambda: not ann.stream.waits)
        source.set("a", 2)
        assert ann.client.names == []
        hub.release([ann.stream])
        await until(lambda: ann.client.state == {"n": 2})
        assert source.count("snapshot") == 3
        assert ann.client.names == ["snapshot"]

    run(test())


def test_what_was_appended_after_a_hold_does_not_overtake_it() -> None:
    """Told from another thread while the loop has been woken already."""

    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        ann, bob = Reader(hub), Reader(hub)
        await until(lambda: ann.client.state and bob.client.state)
        source.set("a", 1)
        hub.hold([ann.stream])
        source.set("a", 2)
        await until(lambda: bob.client.state == {"n": 2})
        assert ann.client.state == {"n": 0}
        hub.end([ann.stream], "permission")
        await ann.task
        assert ann.client.names == ["snapshot", "revoked"]

    run(test())


def test_streams_are_ended_for_their_age_not_all_at_once() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, ROTATE_SECONDS=1, RETRY_MILLISECONDS=100)
        readers = [Reader(hub) for _ in range(100)]
        await until(lambda: len(hub.streams) == 100)
        ends = {round(stream.rotates - hub.now, 2) for stream in hub.streams}
        assert len(ends) > 10
        assert all(0.7 < end < 1.3 for end in ends)
        await until(lambda: all(reader.client.ended for reader in readers))
        assert {reader.client.events[-1][0] for reader in readers} == {"bye"}
        assert all(100 <= reader.client.events[-1][1]["retry"] <= 300 for reader in readers)
        lasting = Reader(hub_of(source))
        await until(lambda: lasting.client.state)
        assert lasting.stream.rotates == float("inf")

    run(test())


def test_a_topic_without_readers_cools_and_becomes_hot_again() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, COOL_SECONDS=0.05)
        first = Reader(hub)
        await until(lambda: first.client.state)
        await first.leave()
        second = Reader(hub)
        await until(lambda: second.client.state)
        assert source.count("activate") == 1
        await second.leave()
        await until(lambda: source.count("deactivate"))
        assert not hub.topics
        source.set("a", 1)
        third = Reader(hub)
        await until(lambda: third.client.state == {"n": 1})
        assert source.count("activate") == 2

    run(test())


def test_what_is_said_late_to_a_topic_that_cooled_harms_nobody() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, COOL_SECONDS=0)
        first = Reader(hub)
        await until(lambda: first.client.state)
        old = hub.topics[source.topic("a").name]
        await first.leave()
        await until(lambda: source.count("deactivate"))
        second = Reader(hub)
        await until(lambda: second.client.state)
        old.patched(source.topic("a"), Cursor("e1", 1), b"[]")
        source.set("a", 5)
        await until(lambda: second.client.state == {"n": 5})

    run(test())


def test_silence_is_broken_by_marks() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source, MARK_SECONDS=0.1)
        reader = Reader(hub)
        await until(lambda: reader.client.names.count("mark") == 2)
        assert reader.client.events[-1] == ("mark", {"cursor": "e1.0"})

    run(test())


def test_closing_says_bye_to_old_and_new() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hubs = Hubs(source, Settings())
        hub = hubs.here()
        assert hubs.here() is hub
        reader = Reader(hub)
        await until(lambda: reader.client.state)
        Hubs.close_here()
        late = Reader(hub)
        await asyncio.gather(reader.task, late.task)
        assert reader.client.names == ["snapshot", "bye"]
        assert late.client.names == ["bye"]
        assert source.calls[-1] == ("deactivate", "a")
        hub.close()

    run(test())


def test_an_event_loop_that_ended_is_forgotten() -> None:
    source = LogSource(a=Log())
    hubs = Hubs(source, Settings())

    async def test() -> None:
        reader = Reader(hubs.here())
        await until(lambda: reader.client.state)

    run(test())
    source.set("a", 1)
    hubs.revoke(bool, "token")
    run(test())
    assert source.count("deactivate") == 1


def test_a_client_that_left_is_forgotten() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        stays, leaves = Reader(hub, identity=1), Reader(hub, identity=2)
        await until(lambda: stays.client.state and leaves.client.state)
        stream = weakref.ref(leaves.stream)
        await leaves.leave()
        leaves = stays
        source.set("a", 1)
        await until(lambda: stays.client.state == {"n": 1})
        gc.collect()
        assert stream() is None
        assert len(hub.streams) == 1

    run(test())


def test_a_stream_in_trouble_does_not_trouble_others() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        good, bad = Reader(hub), Reader(hub)
        await until(lambda: good.client.state and bad.client.state)

        class Broken(Exception): ...

        class BrokenStream(PulledStream):
            def wake(self) -> None:
                raise Broken

        broken = BrokenStream(hub, source.topic("a"), None, None)
        hot = hub.topics[source.topic("a").name]
        hot.streams = {broken: None, **hot.streams}
        source.set("a", 1)
        await until(lambda: good.client.state == {"n": 1} and bad.client.state == {"n": 1})

    run(test())


def test_told_from_many_threads_at_once_nothing_is_lost() -> None:
    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        readers = [Reader(hub) for _ in range(5)]
        await until(lambda: all(reader.client.state for reader in readers))

        def write() -> None:
            for n in range(300):
                source.set("a", n)

        await asyncio.gather(*(asyncio.to_thread(write) for _ in range(4)))
        await until(lambda: all(reader.client.last_id == "e1.1200" for reader in readers))
        assert all(set(reader.client.names[1:]) == {"patch"} for reader in readers)

    run(test())


def test_a_patch_that_is_offered_at_once_is_offered_with_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop may be faster than the thread that has brought the patch, and offer it before that says more."""
    offers: list[list[str]] = []

    class Traced(probes.Probe):
        def carried(self) -> str:
            return "trace"

        def span(self, name: str, topic: Any = None, traces: Sequence[str] = ()) -> AbstractContextManager[object]:
            offers.append(list(traces))
            return nullcontext()

    async def test() -> None:
        source = LogSource(a=Log())
        hub = hub_of(source)
        reader = Reader(hub)
        await until(lambda: reader.client.state)
        posted = hub.post

        def post_and_drain(*given: Any) -> None:
            posted(*given)
            hub._drain()

        monkeypatch.setattr(hub, "post", post_and_drain)
        monkeypatch.setattr(probes, "to", Traced())
        source.set("a", 1)
        await until(lambda: reader.client.state == {"n": 1})

    run(test())
    assert offers == [["trace"]]

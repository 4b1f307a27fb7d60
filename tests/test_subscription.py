"""The state machine of one connection: its table, its rules, and any sequence of inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rxsse import wire
from rxsse.cursors import Cursor
from rxsse.streaming.ring import Ring
from rxsse.subscription import TRANSITIONS, Input, State, Subscription
from tests.streaming.support import NaiveClient


def ring(revision: int = 0, *, length: int = 100, size: int = 1_000_000) -> Ring:
    return Ring(Cursor("e1", revision), length=length, size=size)


def add(history: Ring, *revisions: int, epoch: str = "e1") -> None:
    for revision in revisions:
        history.patched(Cursor(epoch, revision), b'[{"op":"replace","path":"/n","value":%d}]' % revision)


def live(history: Ring) -> Subscription:
    subscription = Subscription()
    subscription.start(history)
    subscription.loaded(history.cursor, b"", history.position)
    return subscription


def names(chunk: bytes) -> list[str]:
    client = NaiveClient(state={})
    client._dispatch = lambda name, body, previous: client.events.append((name, body))  # type: ignore[method-assign]
    client.feed(chunk)
    return client.names


class TestTable:
    def test_every_state_has_a_row(self) -> None:
        assert set(TRANSITIONS) == set(State)

    def test_every_state_but_the_last_can_end(self) -> None:
        assert all(row[Input.FINAL] is State.ENDED for state, row in TRANSITIONS.items() if state is not State.ENDED)
        assert not TRANSITIONS[State.ENDED]

    @pytest.mark.parametrize("state", list(State))
    def test_what_is_not_in_the_table_is_an_error_of_the_driver(self, state: State) -> None:
        for happened in set(Input) - set(TRANSITIONS[state]):
            subscription = Subscription()
            subscription.state = state
            with pytest.raises(RuntimeError, match="can't happen"):
                subscription._enter(happened)
            assert subscription.state is state


class TestStart:
    @pytest.mark.parametrize("wanted", [None, ""])
    def test_a_client_without_a_cursor_needs_a_snapshot(self, wanted: str | None) -> None:
        subscription = Subscription(wanted)
        assert subscription.start(ring()) == b""
        assert subscription.state is State.LOADING

    @pytest.mark.parametrize(
        ("wanted", "reason"), [("nonsense", "malformed"), ("e1.01", "malformed"), ("other.3", "unknown-epoch")]
    )
    def test_a_cursor_that_means_nothing_here_is_reset(self, wanted: str, reason: str) -> None:
        subscription = Subscription(wanted)
        assert subscription.start(ring()) == wire.reset(reason)
        assert subscription.state is State.LOADING

    def test_a_client_that_missed_nothing_is_told_so(self) -> None:
        subscription = Subscription("e1.7")
        assert subscription.start(ring(7)) == wire.mark(Cursor("e1", 7))
        assert subscription.state is State.LIVE

    def test_a_client_gets_exactly_what_it_missed(self) -> None:
        history = ring()
        add(history, 1, 2, 3)
        subscription = Subscription("e1.1")
        assert names(subscription.start(history)) == ["patch", "patch"]
        assert subscription.cursor == Cursor("e1", 3)
        add(history, 4)
        assert names(subscription.read(history)) == ["patch"]

    @pytest.mark.parametrize(("wanted", "reason"), [("e1.1", "expired"), ("e1.99", "future")])
    def test_a_cursor_that_is_not_kept_is_looked_up_in_the_log(self, wanted: str, reason: str) -> None:
        history = ring(10)
        subscription = Subscription(wanted)
        assert subscription.start(history) == b""
        assert subscription.state is State.REPLAYING
        assert subscription.replayed(None, 0, history) == wire.reset(reason)
        assert subscription.state is State.LOADING

    def test_messages_from_before_are_not_repeated(self) -> None:
        history = ring()
        history.told(wire.message("note", b"1"))
        subscription = Subscription("e1.0")
        assert names(subscription.start(history)) == ["mark"]
        history.told(wire.message("note", b"2"))
        assert names(subscription.read(history)) == ["note"]

    def test_messages_from_before_are_not_shared_with_one_who_is_behind(self) -> None:
        history = ring()
        behind = live(history)
        history.told(wire.message("note", b"1"))
        add(history, 1)
        assert names(behind.read(history)) == ["note", "patch"]
        assert names(Subscription("e1.0").start(history)) == ["patch"]

    def test_a_client_of_a_stale_topic_is_told(self) -> None:
        history = ring()
        history.became_stale("error")
        subscription = Subscription("e1.0")
        assert subscription.start(history) == wire.reset("error")
        assert subscription.state is State.STALE


class TestReading:
    def test_a_client_whose_process_lags_behind_it_skips_what_it_has(self) -> None:
        history = ring(5)
        subscription = Subscription("e1.7")
        subscription.start(history)
        assert names(subscription.replayed([], history.position, history)) == ["mark"]
        add(history, 6, 7, 8)
        assert names(subscription.read(history)) == ["patch"]
        assert subscription.cursor == Cursor("e1", 8)

    def test_a_snapshot_that_is_ahead_of_the_news(self) -> None:
        history = ring(5)
        subscription = Subscription()
        subscription.start(history)
        subscription.loaded(Cursor("e2", 0), b"", history.position)
        history.began(Cursor("e2", 0), "restart")
        add(history, 1, epoch="e2")
        assert names(subscription.read(history)) == ["patch"]

    def test_an_old_patch_after_a_newer_epoch_is_looked_up_in_the_log(self) -> None:
        history = ring(5)
        subscription = Subscription()
        subscription.start(history)
        subscription.loaded(Cursor("e2", 0), b"", history.position)
        add(history, 6)
        assert subscription.read(history) == b""
        assert subscription.state is State.REPLAYING
        assert names(subscription.replayed([], history.position, history)) == ["mark"]
        assert subscription.state is State.LIVE

    def test_a_hole_is_looked_up_in_the_log(self) -> None:
        history = ring()
        subscription = live(history)
        add(history, 1, 3)
        assert subscription.read(history) == b""
        assert subscription.state is State.REPLAYING
        assert subscription.cursor == Cursor("e1", 0)

    def test_a_client_that_fell_out_of_the_ring_asks_the_log(self) -> None:
        history = ring(length=3)
        subscription = live(history)
        add(history, 1, 2, 3, 4)
        assert subscription.read(history) == b""
        assert subscription.state is State.REPLAYING
        events = [wire.patch(Cursor("e1", n), b"[]") for n in (1, 2, 3, 4)]
        assert names(subscription.replayed(events, history.position, history)) == ["patch"] * 4
        add(history, 5)
        assert names(subscription.read(history)) == ["patch"]

    def test_after_stale_comes_a_snapshot_and_no_patch(self) -> None:
        history = ring()
        subscription = live(history)
        history.became_stale("error")
        assert names(subscription.read(history)) == ["reset"]
        history.told(wire.message("note", b"1"))
        history.became_stale("again")
        assert names(subscription.read(history)) == ["note", "reset"]
        add(history, 1)
        assert subscription.read(history) == b""
        assert subscription.state is State.LOADING

    @pytest.mark.parametrize("revision", [1, 60])
    def test_a_stale_client_hears_of_a_recovery_in_the_same_epoch(self, revision: int) -> None:
        """Another process has gone on with the log meanwhile, or nothing has changed at all."""
        history = ring(1)
        subscription = live(history)
        history.became_stale("unavailable")
        assert names(subscription.read(history)) == ["reset"]
        history.began(Cursor("e1", revision), "recovered")
        assert names(subscription.read(history)) == ["reset"]
        assert subscription.state is State.LOADING

    def test_a_gap_in_the_same_epoch_that_the_log_cannot_fill_is_said(self) -> None:
        """No patch may follow for hours: what is shown until then would be wrong, and nothing would say so."""
        history = ring(1)
        subscription = live(history)
        history.began(Cursor("e1", 60), "expired")
        assert names(subscription.read(history)) == ["reset"]
        assert subscription.state is State.LOADING

    def test_a_beginning_that_the_snapshot_was_ahead_of_is_no_news(self) -> None:
        history = ring(1)
        subscription = live(history)
        subscription.cursor = Cursor("e2", 3)
        history.began(Cursor("e2", 0), "expired")
        add(history, 1, 2, 3, epoch="e2")
        assert subscription.read(history) == b""
        assert subscription.state is State.LIVE

    def test_a_stale_topic_that_recovered_meanwhile_is_no_news(self) -> None:
        history = ring()
        subscription = live(history)
        history.became_stale("error")
        add(history, 1)
        assert names(subscription.read(history)) == ["patch"]

    def test_a_stale_client_that_fell_out_of_the_ring_needs_a_snapshot(self) -> None:
        history = ring(length=2)
        subscription = live(history)
        history.became_stale("error")
        subscription.read(history)
        add(history, 1, 2, 3)
        assert subscription.read(history) == b""
        assert subscription.state is State.LOADING

    def test_a_new_epoch_resets(self) -> None:
        history = ring()
        subscription = live(history)
        history.began(Cursor("e2", 0), "restart")
        add(history, 1, epoch="e2")
        assert names(subscription.read(history)) == ["reset"]
        assert subscription.read(history) == b""
        assert names(subscription.loaded(Cursor("e2", 1), wire.gone(), history.position)) == ["gone"]

    def test_far_behind_is_given_piece_by_piece(self) -> None:
        history = ring(size=10_000_000)
        subscription = live(history)
        for revision in range(1, 11):
            history.patched(Cursor("e1", revision), b'["%s"]' % (b"x" * 30_000))
        chunks = []
        while chunk := subscription.read(history):
            chunks.append(chunk)
        assert len(chunks) == 4
        assert sum(len(names(chunk)) for chunk in chunks) == 10

    def test_clients_that_stand_at_the_same_place_share_the_bytes(self) -> None:
        history = ring()
        one, two = live(history), live(history)
        assert one.cursor == two.cursor
        add(history, 1)
        assert one.read(history) is two.read(history)
        assert one.cursor is two.cursor

    def test_what_others_read_is_not_given_to_one_who_stands_elsewhere(self) -> None:
        history = ring(5)
        ahead = Subscription("e1.6")
        ahead.start(history)
        ahead.replayed([], history.position, history)
        other = live(history)
        add(history, 6)
        assert names(other.read(history)) == ["patch"]
        assert ahead.read(history) == b""


class TestEnd:
    def test_nothing_after_the_last_event(self) -> None:
        history = ring()
        subscription = live(history)
        assert subscription.finish(wire.gone()) == wire.gone()
        add(history, 1)
        assert subscription.read(history) == b""
        assert subscription.mark() == b""
        assert subscription.finish(wire.bye(1)) == b""

    def test_a_mark_says_where_the_client_stands(self) -> None:
        history = ring()
        subscription = Subscription()
        assert subscription.mark() == wire.mark(None)
        subscription.start(history)
        assert subscription.mark() == wire.mark(None)
        subscription.loaded(history.cursor, b"", 0)
        assert subscription.mark() == wire.mark(history.cursor)
        history.became_stale("error")
        subscription.read(history)
        assert subscription.mark() == wire.mark(None)


class Machine(RuleBasedStateMachine):
    """A topic with a true log, a ring that trims, forgets and lags, and clients that come and go.

    Whatever happens, each client's state is the log's at the client's cursor, and it ends up
    at the newest.
    """

    @initialize()
    def begin(self) -> None:
        self.number = 0
        self.epoch = 0
        self.states: dict[str, Any] = {"e0.0": {"n": 0}}
        self.log: list[bytes] = []
        self.base = 0
        self.unsaid: list[Any] = []
        self.ring = Ring(Cursor("e0", 0), length=4, size=1_000)
        self.clients: list[tuple[Subscription, NaiveClient, list[int]]] = []

    @property
    def head(self) -> Cursor:
        return Cursor(f"e{self.epoch}", self.base + len(self.log))

    @rule(wide=st.booleans())
    def patch(self, wide: bool) -> None:
        self.number += 1
        state = {"n": "x" * 400 + str(self.number) if wide else self.number}
        body = json.dumps([{"op": "replace", "path": "/n", "value": state["n"]}]).encode()
        self.log.append(body)
        self.states[str(self.head)] = state
        self.unsaid.append(("patched", self.head, body))

    @rule()
    def restart(self) -> None:
        state = self.states[str(self.head)]
        self.epoch += 1
        self.log, self.base = [], 0
        self.states[str(self.head)] = state
        self.unsaid.append(("began", self.head, "restart"))

    @rule()
    def trim(self) -> None:
        if self.log:
            self.base += 1
            self.log.pop(0)

    @rule()
    def fall_silent(self) -> None:
        self.unsaid.append(("became_stale", "error"))

    @rule()
    def message(self) -> None:
        self.unsaid.append(("told", wire.message("note", b"1")))

    @rule(count=st.integers(1, 6))
    def tell(self, count: int) -> None:
        """The ring hears of things later than they are in the log, always in order."""
        for method, *given in self.unsaid[:count]:
            getattr(self.ring, method)(*given)
        del self.unsaid[:count]

    @rule(wanted=st.sampled_from([None, "nonsense", "e0.0", "e1.1", "e0.99999"]))
    def connect(self, wanted: str | None) -> None:
        state = self.states.get(wanted or "")
        self._open(Subscription(wanted), NaiveClient(wanted, state))

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 3))
    def reconnect(self, which: int) -> None:
        _, client, _ = self.clients.pop(which % len(self.clients))
        again = NaiveClient(client.last_id, client.state)
        self._open(Subscription(client.last_id), again)

    def _open(self, subscription: Subscription, client: NaiveClient) -> None:
        client.feed(subscription.start(self.ring))
        self.clients.append((subscription, client, [self.ring.position]))

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 3))
    def read(self, which: int) -> None:
        subscription, client, asked = self.clients[which % len(self.clients)]
        client.feed(subscription.read(self.ring))
        asked[0] = min(asked[0], self.ring.position) if self._waits(subscription) else self.ring.position

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 3))
    def answer(self, which: int) -> None:
        subscription, client, asked = self.clients[which % len(self.clients)]
        self._answer(subscription, client, asked[0])
        asked[0] = self.ring.position

    @rule()
    def everybody_goes_on(self) -> None:
        for which in range(len(self.clients)):
            self.answer(which)
            self.read(which)

    def _waits(self, subscription: Subscription) -> bool:
        return subscription.state in (State.LOADING, State.REPLAYING)

    def _answer(self, subscription: Subscription, client: NaiveClient, position: int) -> None:
        if subscription.state is State.LOADING:
            body = json.dumps(self.states[str(self.head)]).encode()
            client.feed(subscription.loaded(self.head, wire.snapshot(self.head, body), position))
        elif subscription.state is State.REPLAYING:
            cursor = subscription.cursor
            assert cursor is not None
            events = None
            if cursor.epoch == self.head.epoch and self.base <= cursor.revision <= self.head.revision:
                patches = self.log[cursor.revision - self.base :]
                first = cursor.revision + 1
                events = [wire.patch(Cursor(cursor.epoch, first + n), body) for n, body in enumerate(patches)]
            client.feed(subscription.replayed(events, position, self.ring))

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 3))
    def mark(self, which: int) -> None:
        subscription, client, _ = self.clients[which % len(self.clients)]
        client.feed(subscription.mark())

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 3))
    def revoke(self, which: int) -> None:
        subscription, client, _ = self.clients.pop(which % len(self.clients))
        client.feed(subscription.finish(wire.revoked("token")))
        client.feed(subscription.read(self.ring) + subscription.mark() + subscription.finish(wire.bye(1)))
        assert client.names[-1] == "revoked"

    @invariant()
    def every_client_has_the_state_of_its_cursor(self) -> None:
        for subscription, client, _ in getattr(self, "clients", []):
            if not client.lost:
                assert client.state == self.states[client.last_id]
            if subscription.state is State.LIVE:
                assert str(subscription.cursor) == client.last_id

    def teardown(self) -> None:
        """When all is said, everybody who was not told that the topic is stale is at the newest."""
        self.tell(len(self.unsaid))
        for subscription, client, asked in self.clients:
            for _ in range(1_000):
                self._answer(subscription, client, asked[0])
                asked[0] = self.ring.position
                chunk = subscription.read(self.ring)
                client.feed(chunk)
                if not chunk and not self._waits(subscription):
                    break
            if subscription.state is State.LIVE:
                assert client.last_id == str(self.head)
                assert client.state == self.states[str(self.head)]
            else:
                assert subscription.state is State.STALE
                assert self.ring.stale is not None


Machine.TestCase.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
TestEverySequence = Machine.TestCase

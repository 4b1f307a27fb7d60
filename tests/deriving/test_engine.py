"""Topics of one and of two processes, through everything that can befall them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import jsonpatch
import pytest
from django.db import connection, transaction
from django.db.models import F
from rest_framework import serializers

from rxsse import patches
from rxsse.caches.base import BaseCache
from rxsse.cursors import Cursor
from rxsse.deriving.owning import Owned
from rxsse.exceptions import DeriveError, Gone, Unavailable
from rxsse.messages import Fanout, Topic
from tests.deriving.processes import Client, LeasedCache, SharedBroker, World, world
from tests.deriving.support import channel_of
from tests.domain.models import Account, Ledger, Team
from tests.domain.serializers import LedgerSerializer
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


class MoodySerializer(serializers.ModelSerializer[Team]):
    """Raises for a row called "bad", waits for ``gate`` where one is set."""

    mood: Any = serializers.SerializerMethodField()
    gate: threading.Event | None = None
    reached = threading.Event()

    class Meta:
        model = Team
        fields = ("id", "name", "mood")

    def get_mood(self, team: Team) -> str:
        gate = type(self).gate
        if gate is not None:
            type(self).reached.set()
            assert gate.wait(20)
        if team.name == "bad":
            raise RuntimeError("secret")
        return f"{team.name}?"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    MoodySerializer.gate, MoodySerializer.reached = threading.Event(), threading.Event()
    yield MoodySerializer.gate
    MoodySerializer.gate.set()
    MoodySerializer.gate = None


@pytest.fixture
def alone() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def shared() -> Iterator[World]:
    with world(LeasedCache) as made:
        yield made


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="one")


@pytest.fixture
def topic(team: Team) -> Topic:
    return channel_of(MoodySerializer()).topic(None, {"pk": team.pk})


def rename(team: Team, name: str) -> None:
    team.name = name
    team.save()


def name_of(client: Client) -> str:
    name: str = client.see()["name"]
    return name


# --- one process -------------------------------------------------------------------------


def test_a_write_reaches_every_sink_once_and_in_order(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    first = Client(engine, topic).start()
    rename(team, "two")
    first.wait("patched")
    second = Client(engine, topic).start()
    assert second.cursor == first.cursor
    rename(team, "three")
    assert first.wait("patched", 2)[1] == second.wait("patched")[0]
    assert name_of(first) == name_of(second) == "three"
    assert not first.events("hole")


def test_a_transaction_is_one_revision_and_a_rollback_none(alone: World) -> None:
    ledger = Ledger.objects.create(name="l")
    one, two = (ledger.accounts.create(amount=10) for _ in range(2))
    client = Client(alone.engine(), channel_of(LedgerSerializer()).topic(None, {"pk": ledger.pk})).start()
    with transaction.atomic():
        one.amount, two.amount = 3, 17
        one.save()
        two.save()
    (patch,) = client.wait("patched")
    assert {operation["path"] for operation in patch} == {"/accounts/0/amount", "/accounts/1/amount"}
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ledger.accounts.all().delete()
        raise ZeroDivisionError
    one.amount = 4
    one.save()
    client.wait("patched", 2)
    assert client.see()["total"] == 21


def test_nothing_is_told_after_deactivation_and_nothing_stays(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    client, other = Client(engine, topic).start(), Client(engine, topic).start()
    client.stop()
    rename(team, "two")
    other.wait("patched")
    assert client.told == []
    other.stop()
    until(lambda: alone.quiet)
    assert not alone.feed.is_watched("domain.team")


def test_leaving_before_the_first_state_is_there_leaves_nothing(
    alone: World, topic: Topic, gate: threading.Event
) -> None:
    engine = alone.engine()
    client = Client(engine, topic)
    future = engine.activate(topic, client)
    assert MoodySerializer.reached.wait(20)
    client.stop()
    with pytest.raises(Gone):
        future.result(20)
    gate.set()
    until(lambda: alone.quiet)


def test_a_caller_that_no_longer_waits_harms_nobody(alone: World, topic: Topic, gate: threading.Event) -> None:
    engine = alone.engine()
    impatient, patient = Client(engine, topic), Client(engine, topic)
    futures = [engine.activate(topic, impatient), engine.snapshot(topic), engine.since(topic, Cursor("e", 1))]
    assert MoodySerializer.reached.wait(20)
    for future in futures:
        future.cancel()
    answer = engine.snapshot(topic)
    gate.set()
    patient.start()
    assert json.loads(answer.result(20)[1])["name"] == "one"


def test_a_sink_that_raises_harms_no_other(alone: World, team: Team, topic: Topic) -> None:
    class Broken(Client):
        def patched(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
            raise RuntimeError("closed loop")

    engine = alone.engine()
    Broken(engine, topic).start()
    client = Client(engine, topic).start()
    for count, name in enumerate(("two", "three"), 1):
        rename(team, name)
        client.wait("patched", count)
    assert not client.events("hole")


def test_a_topic_that_comes_back_is_followed_again(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    for count in range(20):
        client = Client(engine, topic).start()
        rename(team, f"name{count}")
        client.wait("patched")
        client.stop()
    until(lambda: alone.quiet)


def test_one_that_closes_does_not_deafen_another_of_the_same_topic(alone: World, team: Team, topic: Topic) -> None:
    backends = alone.backends()
    older = Owned(topic, backends, lambda: None, lambda fanout: None)
    older.open()
    younger = Owned(topic, backends, lambda: None, lambda fanout: None)
    younger.open()
    older.close()
    rename(team, "two")
    assert younger.waiting
    younger.close()
    assert alone.quiet


def test_coming_and_going_at_once_never_says_gone(alone: World, topic: Topic) -> None:
    engine = alone.engine()
    errors: list[BaseException] = []

    def come_and_go() -> None:
        try:
            for _ in range(40):
                client = Client(engine, topic).start()
                engine.snapshot(topic).result(20)
                client.stop()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    until(lambda: alone.quiet)


def test_a_conflict_is_followed_and_then_corrected(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    client = Client(engine, topic).start()
    assert client.cursor is not None
    # Somebody else who believes to own the topic.
    alone.cache.append(topic, client.cursor.next(), patches.encode([patches.replace("/name", b'"forged"')]))
    rename(team, "two")
    client.wait("patched", 2)
    assert client.events("patched")[0] == [{"op": "replace", "path": "/name", "value": "forged"}]
    assert client.events("hole") == []
    assert client.events("began") == []
    assert name_of(client) == "two"
    assert list(engine.since(topic, Cursor(client.cursor.epoch, 0)).result(20) or ()) == list(client.patches.values())


def test_a_cache_that_was_emptied_means_a_new_epoch(alone: World, team: Team, topic: Topic) -> None:
    client = Client(alone.engine(), topic).start()
    before = client.cursor
    alone.cache.clear()
    rename(team, "two")
    client.wait("began")
    assert before is not None
    assert client.cursor is not None
    assert client.cursor.epoch != before.epoch
    assert name_of(client) == "two"
    assert client.engine.since(topic, before).result(20) is None
    rename(team, "three")
    client.wait("patched")


def test_a_serializer_that_fails_is_stale_until_it_works_again(
    alone: World, team: Team, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(alone.engine(), topic).start()
    rename(team, "bad")
    client.wait("stale")
    with pytest.raises(DeriveError):
        client.engine.snapshot(topic).result(20)
    rename(team, "good")
    client.wait("began")
    assert name_of(client) == "good"
    assert client.events("stale") == ["unavailable"]
    rename(team, "better")
    client.wait("patched")
    assert "secret" in caplog.text


def test_a_serializer_that_fails_at_once(alone: World, team: Team, topic: Topic) -> None:
    rename(team, "bad")
    engine = alone.engine()
    with pytest.raises(DeriveError):
        engine.activate(topic, Client(engine, topic)).result(20)
    with pytest.raises(DeriveError):
        engine.snapshot(topic).result(20)
    rename(team, "good")
    until(lambda: alone.quiet)
    assert name_of(Client(engine, topic).start()) == "good"


def test_a_deleted_anchor_is_gone(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    client = Client(engine, topic).start()
    team.delete()
    client.wait("gone")
    for future in (engine.snapshot(topic), engine.activate(topic, client)):
        with pytest.raises(Gone):
            future.result(20)
    assert alone.cache.head(topic) is None
    until(lambda: alone.quiet)


def test_a_feed_with_a_gap_means_comparing(alone: World, team: Team, topic: Topic) -> None:
    client = Client(alone.engine(), topic).start()
    alone.feed.listen(type(alone.listeners)())
    rename(team, "unheard")
    alone.feed.listen(alone.listeners)
    alone.listeners.gap("a test")
    client.wait("patched")
    assert name_of(client) == "unheard"


def test_an_audit_finds_what_nobody_announced(team: Team, topic: Topic) -> None:
    with world(AUDIT_SECONDS=0.2) as made:
        client = Client(made.engine(), topic).start()
        made.feed.listen(type(made.listeners)())
        rename(team, "unheard")
        client.wait("patched")
        assert name_of(client) == "unheard"


def test_a_message_reaches_every_sink(alone: World, topic: Topic) -> None:
    engine = alone.engine()
    clients = [Client(engine, topic).start() for _ in range(2)]
    alone.ends[0].publish(topic, Fanout.message("typing", b"{}"))
    assert [client.events("message") for client in clients] == [[b"{}"], [b"{}"]]


def test_a_topic_without_sinks_stays_hot_for_a_while(team: Team, topic: Topic) -> None:
    with world(COOL_SECONDS=0.3) as made:
        engine = made.engine()
        engine.snapshot(topic).result(20)
        assert made.mailboxes == 1
        until(lambda: made.quiet)


def test_long_logs_get_checkpoints(team: Team, topic: Topic) -> None:
    with world(LOG_LENGTH=4) as made:
        client = Client(made.engine(), topic).start()
        for count in range(12):
            rename(team, f"n{count}")
            client.wait("patched", count + 1)
        stored = made.cache.load(topic)
        assert stored is not None
        assert stored.cursor.revision > 0
        assert len(stored.patches) <= 4
        assert name_of(client) == "n11"


class Flaky(LeasedCache):
    """A cache that can be put out of reach."""

    down = False

    def append(self, topic: Topic, cursor: Cursor, patch: bytes) -> None:
        if self.down:
            raise Unavailable("a test")
        super().append(topic, cursor, patch)


def test_a_cache_out_of_reach_delays_and_loses_nothing(team: Team, topic: Topic) -> None:
    with world(Flaky) as made:
        client = Client(made.engine(), topic).start()
        assert isinstance(made.cache, Flaky)
        made.cache.down = True
        rename(team, "two")
        client.wait("stale")
        with pytest.raises(Unavailable):
            client.engine.snapshot(topic).result(20)
        made.cache.down = False
        client.wait("began")
        assert name_of(client) == "two"
        assert not client.events("hole")


def test_a_closed_engine_tells_nothing(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    client = Client(engine, topic).start()
    engine.close()
    assert alone.quiet
    rename(team, "two")
    assert client.told == []


# --- two processes -----------------------------------------------------------------------


def owners(made: World, topic: Topic) -> list[bool]:
    roles = [engine._topics[topic.name]._role for engine in made.engines if topic.name in engine._topics]
    return [isinstance(role, Owned) for role in roles]


def test_of_two_processes_one_owns_and_both_tell_the_same(shared: World, team: Team, topic: Topic) -> None:
    clients = [Client(shared.engine(), topic) for _ in range(2)]
    threads = [threading.Thread(target=client.start) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(owners(shared, topic)) == [False, True]
    for count in range(10):
        rename(team, f"n{count}")
    until(lambda: [name_of(client) for client in clients] == ["n9", "n9"])
    assert clients[0].cursor == clients[1].cursor
    assert not any(client.events("hole") for client in clients)


def test_when_the_owner_closes_the_other_takes_over(shared: World, team: Team, topic: Topic) -> None:
    first, second = (Client(shared.engine(), topic).start() for _ in range(2))
    rename(team, "two")
    first.wait("patched")
    second.wait("patched")
    shared.engines[0].close()
    until(lambda: owners(shared, topic) == [True])
    rename(team, "three")
    second.wait("patched", 2)
    assert not second.events("hole")
    assert not second.events("began")
    assert name_of(second) == "three"


def test_when_the_owner_dies_its_lease_runs_out(shared: World, team: Team, topic: Topic) -> None:
    cache: BaseCache = shared.cache
    assert isinstance(cache, LeasedCache)
    assert cache.acquire(topic, "dead", 0.5)
    cache.begin(
        topic, Cursor("old", 7), json.dumps({"id": team.pk, "name": "old", "mood": ""}).encode(), replacing=None
    )
    client = Client(shared.engine(), topic).start()
    client.wait("patched")
    assert client.cursor is not None
    assert client.cursor.epoch == "old"
    assert name_of(client) == "one"


def test_an_owner_that_lost_its_lease_follows(shared: World, team: Team, topic: Topic) -> None:
    first = Client(shared.engine(), topic).start()
    cache: BaseCache = shared.cache
    assert isinstance(cache, LeasedCache)
    cache.leases.clear()
    second = Client(shared.engine(), topic).start()
    until(lambda: sorted(owners(shared, topic)) == [False, True])
    for count in range(10):
        rename(team, f"n{count}")
    until(lambda: [name_of(client) for client in (first, second)] == ["n9", "n9"])
    assert not first.events("hole")
    assert not second.events("hole")
    assert first.cursor == second.cursor


def test_a_follower_finds_what_fan_out_lost(shared: World, team: Team, topic: Topic) -> None:
    first, second = (Client(shared.engine(), topic).start() for _ in range(2))
    lost = shared.ends.pop()
    rename(team, "two")
    first.wait("patched")
    assert second.told == []
    shared.ends.append(lost)
    shared.engines[1].gap("a test")
    second.wait("patched")
    assert name_of(second) == "two"


def test_a_follower_hears_of_failures_and_of_the_end(shared: World, team: Team, topic: Topic) -> None:
    first, second = (Client(shared.engine(), topic).start() for _ in range(2))
    rename(team, "bad")
    second.wait("stale")
    rename(team, "good")
    second.wait("began")
    until(lambda: name_of(second) == "good")
    assert first.cursor == second.cursor
    team.delete()
    second.wait("gone")
    until(lambda: shared.quiet)


def test_a_follower_without_a_log_waits_for_one(shared: World, team: Team, topic: Topic) -> None:
    cache = shared.cache
    assert isinstance(cache, LeasedCache)
    assert cache.acquire(topic, "slow", 20)
    engine = shared.engine()
    client = Client(engine, topic)
    future = engine.activate(topic, client)
    state = json.dumps({"id": team.pk, "name": "one", "mood": "one?"}).encode()
    cache.begin(topic, Cursor("slow", 0), state, replacing=None)
    assert future.result(20) == Cursor("slow", 0)
    assert name_of(client) == "one"


def test_an_emptied_cache_is_found_by_followers_too(shared: World, team: Team, topic: Topic) -> None:
    clients = [Client(shared.engine(), topic).start() for _ in range(2)]
    shared.cache.clear()
    rename(team, "two")
    for client in clients:
        client.wait("began")
    until(lambda: [name_of(client) for client in clients] == ["two", "two"])


def test_leases_that_are_lost_all_the_time_lose_nothing_else(shared: World, team: Team, topic: Topic) -> None:
    cache = shared.cache
    assert isinstance(cache, LeasedCache)
    clients = [Client(shared.engine(), topic).start() for _ in range(3)]
    stop = threading.Event()

    def rob() -> None:
        while not stop.wait(0.003):
            cache.leases.clear()
            for engine in shared.engines:
                for hot in tuple(engine._topics.values()):
                    hot.contend()

    robber = threading.Thread(target=rob)
    robber.start()
    try:
        for count in range(60):
            rename(team, f"n{count}")
    finally:
        stop.set()
        robber.join(20)

    def settled() -> bool:
        try:
            return [name_of(client) for client in clients] == ["n59"] * 3
        except Unavailable:  # one that lost five races in a row pauses before it tries again
            return False

    until(settled)
    until(lambda: len({client.cursor for client in clients}) == 1)
    assert not any(client.events("hole") for client in clients)


class Mute(SharedBroker):
    """A broker that is out of reach."""

    def publish(self, topic: Topic, fanout: Fanout) -> None:
        raise Unavailable("a test")


def test_without_a_broker_this_process_is_served(alone: World, team: Team, topic: Topic) -> None:
    engine = alone.engine()
    alone.ends[0].__class__ = Mute
    client = Client(engine, topic).start()
    rename(team, "bad")
    client.wait("stale")
    rename(team, "two")
    client.wait("began")
    rename(team, "three")
    client.wait("patched")
    assert name_of(client) == "three"
    team.delete()
    client.wait("gone")


def test_a_change_of_nearly_everything_is_the_new_state(alone: World) -> None:
    ledger = Ledger.objects.create(name="l")
    ledger.accounts.bulk_create([Account(ledger=ledger) for _ in range(3_000)])
    client = Client(alone.engine(), channel_of(LedgerSerializer()).topic(None, {"pk": ledger.pk})).start()
    Account.objects.update(amount=7)
    (patch,) = client.wait("patched")
    assert [(operation["op"], operation["path"]) for operation in patch] == [("replace", "")]
    assert client.see()["total"] == 21_000
    stored = alone.cache.load(client.topic)
    assert stored is not None
    assert len(stored.patches) <= 1


def test_what_a_serializer_turns_out_to_read_is_watched(alone: World, team: Team) -> None:
    class Counting(MoodySerializer):
        def get_mood(self, team: Team) -> str:
            return f"{Ledger.objects.count()}"

    client = Client(alone.engine(), channel_of(Counting()).topic(None, {"pk": team.pk})).start()
    until(lambda: alone.feed.is_watched("domain.ledger"))
    Ledger.objects.create(name="l")
    client.wait("patched")
    assert client.see()["mood"] == "1"


def test_writers_at_once_leave_the_last_state(alone: World) -> None:
    ledger = Ledger.objects.create(name="l")
    accounts = [ledger.accounts.create(amount=100) for _ in range(4)]
    client = Client(alone.engine(), channel_of(LedgerSerializer()).topic(None, {"pk": ledger.pk})).start()
    initial = client.see()

    def transfer(seed: int) -> None:
        try:
            for step in range(15):
                source, target = accounts[(seed + step) % 4], accounts[(seed + 2 * step + 1) % 4]
                amounts = {source.pk: -1, target.pk: 1} if source != target else {}
                with transaction.atomic():
                    for pk, amount in sorted(amounts.items()):  # in one order, or writers wait for each other
                        Account.objects.filter(pk=pk).update(amount=F("amount") + amount)
        finally:
            connection.close()

    threads = [threading.Thread(target=transfer, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    amounts = list(ledger.accounts.values_list("amount", flat=True))
    until(lambda: [row["amount"] for row in client.see()["accounts"]] == amounts)
    # I3: money only moves. No revision shows half of a transaction.
    state = initial
    for patch in client.events("patched"):
        state = jsonpatch.apply_patch(state, patch)
        assert sum(row["amount"] for row in state["accounts"]) == state["total"] == 400
    assert not client.events("hole")

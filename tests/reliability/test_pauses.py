"""What clients notice of a server's end: a pause of about a lease, or a ``bye`` and a time to come back."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.support import Bystanders, Site, make_profile, site
from tests.streaming.support import Connection, NaiveClient
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LEASE = 2.0


def test_owner_killed(redis_url: str, mongo_url: str, prefix: str) -> None:
    """Its topics are taken over when its lease is over: readers elsewhere see a pause, and no hole nor a snapshot."""
    ann = make_profile("ann")
    shared = {"REDIS_URL": redis_url, "MONGO_URL": mongo_url, "PREFIX": prefix, "LEASE_SECONDS": LEASE}
    with site(**shared) as owner, site(**shared) as other:
        with Connection(owner.port, f"/open/{ann.pk}/") as first:
            first.until(lambda client: client.state is not None, "the snapshot of who owns")
            with Bystanders(other.port, ann) as readers:
                readers.wait_for_writes(10)
                os.kill(owner.pid, signal.SIGKILL)
                killed = len(readers.written)
                until(lambda: readers.seen_by_all > killed, "a patch of who has taken over")
            for stream in readers.streams:
                assert stream.client.names.count("snapshot") == 1
    # Renewed three times in a lease: what is left of it at the kill is at least about two thirds.
    assert LEASE / 3 < readers.worst < 3 * LEASE


def test_sigterm() -> None:
    """``bye`` is the last event that everybody gets, and the times to come back are spread."""
    ann = make_profile("ann")
    with site(RETRY_MILLISECONDS=1_000) as server:
        readers = open_streams(server, ann.pk, 60)
        os.kill(server.pid, signal.SIGTERM)
        retries = [farewell(reader) for reader in readers]
        until(lambda: has_ended(server.pid), "the server's end")
    assert min(retries) >= 1_000
    assert max(retries) <= 3_000
    # Of 60 that are spread evenly, none in the lowest or none in the highest third: once in ten billion runs.
    assert min(retries) < 1_667
    assert max(retries) > 2_333
    assert len(set(retries)) > 30


def test_rotation() -> None:
    """Streams end at about the configured age, not all at once, and go on where they were."""
    ann = make_profile("ann")
    age = 1.2
    with site(ROTATE_SECONDS=age, RETRY_MILLISECONDS=100) as server:
        began = time.monotonic()
        readers = open_streams(server, ann.pk, 20)
        opened = time.monotonic()

        def lived(reader: Connection) -> float:
            farewell(reader)
            return time.monotonic()

        with ThreadPoolExecutor(len(readers)) as pool:
            ended = list(pool.map(lived, readers))
        assert min(ended) - opened > 0.8 * age - (opened - began) - 0.2
        assert max(ended) - min(ended) > 0.05 * age
        before = readers[0].client
        with Connection(server.port, f"/open/{ann.pk}/", headers=f"Last-Event-ID: {before.last_id}\r\n") as again:
            again.client = NaiveClient(before.last_id, before.state)
            assert {*again.until_end().names} <= {"mark", "bye"}


def open_streams(server: Site, key: int, number: int) -> list[Connection]:
    readers = [Connection(server.port, f"/open/{key}/") for _ in range(number)]
    for reader in readers:
        reader.until(lambda client: client.state is not None, "the snapshot")
    return readers


def farewell(reader: Connection) -> int:
    """Read to the end of the stream, whose last event has to be ``bye``: milliseconds until the client may return."""
    client = reader.until_end()
    reader.close()
    name, body = client.events[-1]
    assert name == "bye"
    retry: int = body["retry"]
    return retry


def has_ended(pid: int) -> bool:
    """Whether a child of this process is a zombie or gone."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "Z"

"""The run over HTTP: writers write, clients come and go, servers die; then everybody agrees."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from difflib import unified_diff
from http.client import HTTPConnection
from random import Random
from typing import Any

from tests.convergence.fleet import Fleet, own_database

SERVERS = {"processes": 3, "embedded": 1, "outbox": 2, "durable": 3, "grip": 3}
WRITERS = 3
BATCH = 8  # transactions of each writer between two quiet points
PROGRESS = 500  # transactions after which a long run says how far it is
QUIET_SECONDS = 30.0  # until a client that lags behind has failed


@dataclass(slots=True)
class Report:
    """What a run did."""

    transactions: int = 0
    lost: int = 0
    comparisons: int = 0
    patches: int = 0
    snapshots: int = 0
    connects: int = 0
    killed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.transactions} transactions ({self.lost} rolled back by conflicts), {self.connects} connects, "
            f"{self.snapshots} snapshots, {self.patches} patches, {self.killed} servers killed, "
            f"{self.comparisons} comparisons, all equal"
        )


def run(steps: int, seed: int, *, flavour: str, vendor: str, readers: int = 16, money: bool = False) -> Report:
    """Run until ``steps`` transactions were written; raises AssertionError at the first broken promise.

    ``flavour``: "processes" (over Redis and MongoDB), "grip" (the same, behind a Pushpin that holds the streams, with
    an owner that may be killed as well), "durable" (announced in the database), "embedded" (one server with nothing
    beside it, in which the writers are threads) or "outbox" (two such servers and writers outside them, with a
    database in common).
    ``vendor``: "sqlite" or "postgresql". With ``money`` writers only move money between accounts, and all clients
    watch its sum.
    """
    import django

    with own_database(flavour, vendor):
        django.setup()
        from django.core.management import call_command

        from tests.convergence import writes

        call_command("migrate", run_syncdb=True, verbosity=0)
        writes.populate()
        with closing(_Run(seed, readers, money, flavour)) as course:
            while course.report.transactions < steps:
                before = course.report.transactions
                course.round()
                if course.report.transactions // PROGRESS > before // PROGRESS:
                    print(f"so far: {course.report}", flush=True)
            return course.report


class _Run:
    def __init__(self, seed: int, readers: int, money: bool, flavour: str) -> None:
        from rest_framework.authtoken.models import Token

        from tests.convergence.writes import readers as users

        self.report = Report()
        self._rng = Random(seed)
        self._tokens = {user.pk: Token.objects.create(user=user).key for user in users()}
        self._count = readers
        self._money = money
        self._readers: list[Any] = []
        self._fleet = Fleet(SERVERS[flavour], WRITERS, embedded=flavour == "embedded", proxied=flavour == "grip")

    def close(self) -> None:
        from django.db import connections

        for reader in self._readers:
            reader.stop()
        try:
            self._fleet.stop()
        finally:
            for reader in self._readers:
                reader.join(20)
            connections.close_all()

    def round(self) -> None:
        """Clients arrive, everybody writes, clients are disturbed, a server may die; then silence."""
        rng = self._rng
        self._recruit()
        self._fleet.write(BATCH, rng, self._money)
        for reader in rng.sample(self._readers, len(self._readers) // 3):
            reader.disturb()
        if rng.random() < 0.15:
            self._fleet.replace_a_server(rng)
            self.report.killed += 1
        self.report.lost += self._fleet.wait()
        self.report.transactions += BATCH * WRITERS
        for reader in list(self._readers):
            self._settle(reader)
        self._fleet.check_held()
        for reader in rng.sample(self._readers, len(self._readers) // 4):
            self._dismiss(reader)

    def _recruit(self) -> None:
        from tests.convergence.reader import Reader
        from tests.convergence.subjects import any_subject

        while len(self._readers) < self._count:
            subject = any_subject(self._rng, "ledger" if self._money else None)
            if subject is not None:
                token = self._tokens[subject.user_id]
                seed = self._rng.randint(0, 2**32)
                reader = Reader(subject, token, lambda: self._fleet.entrances, seed, self._fleet.hosts)
                reader.start()
                self._readers.append(reader)

    def _settle(self, reader: Any) -> None:
        """Wait until the client shows what the serializer returns."""
        from tests.convergence.subjects import ABSENT, LASTING, comparable, out_of_order

        subject = reader.subject
        expected = comparable(subject, subject.expected())
        deadline = time.monotonic() + QUIET_SECONDS
        while not reader.gone:
            cursor, state = reader.shown
            if cursor is not None and comparable(subject, state) == expected:
                assert not list(out_of_order(state)), f"{subject} at {cursor}: {state}"
                break
            assert time.monotonic() < deadline, (
                f"{subject} at {cursor} differs, after {reader.connects} connects; {reader.complaints}\n"
                f"{self._ask_each_server(subject, expected)}\n"
                + "\n".join(unified_diff(comparable(subject, state).split("\n"), expected.split("\n"), n=12))
            )
            time.sleep(0.02)
        assert not reader.complaints, f"{subject}: {reader.complaints}"
        self.report.comparisons += 1
        if reader.gone:
            # Gone is right where the anchor has been away, even if it is back by now.
            assert subject.key is not None, f"{subject} can't be gone"
            assert expected == repr(ABSENT) or subject.name not in LASTING, (
                f"{subject} is said to be gone, and is there"
            )
            self._dismiss(reader)

    def _ask_each_server(self, subject: Any, expected: str) -> str:
        """Whether a server's own state is wrong, or only what reached the client."""
        from tests.convergence.subjects import comparable

        answers = []
        for port in self._fleet.ports:
            connection = HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {"Accept": "application/json", "Authorization": f"Token {self._tokens[subject.user_id]}"}
            connection.request("GET", subject.url() or "", headers=headers)
            response = connection.getresponse()
            body = response.read()
            right = response.status == 200 and comparable(subject, json.loads(body)) == expected
            answers.append(f"{port}: {response.status} {response.headers['ETag']} {'right' if right else 'wrong'}")
            connection.close()
        return "; ".join(answers)

    def _dismiss(self, reader: Any) -> None:
        reader.stop()
        self._readers.remove(reader)
        reader.join(20)
        self.report.patches += reader.applied
        self.report.snapshots += reader.snapshots
        self.report.connects += reader.connects

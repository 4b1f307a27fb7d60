"""Hostile clients and bystanders at one server: who reads as he should notices nothing, and memory stays bounded."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.domain.models import Profile
from tests.hostile.site import SECRET
from tests.hostile.support import HERE, THERE, Bystanders, Raw, by_token, dial, fetch, make_profile, site
from tests.waiting import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PROMPT = 3.0
"""Seconds within which bystanders see a write, on a machine that is busy with others; alone it takes 0.05."""

MEGABYTE = 1_000_000

PROTOCOLS = pytest.mark.parametrize("protocol", ["httptools", "h11"])


class TestSlowReaders:
    """What is kept for one is its kernel buffer, its transport's and a piece: some 300 KB, whatever it misses."""

    CROWD = 40
    SIZE = 30_000
    REQUEST = "GET /open/{}/ HTTP/1.1\r\nHost: t\r\n\r\n"

    @pytest.mark.parametrize("reads", [0, 1], ids=["nothing", "a byte"])
    def test_they_are_cut_off_and_keep_little(self, reads: int) -> None:
        profile = make_profile("ann")
        with site(WRITE_TIMEOUT=2, RING_BYTES=500_000) as server:
            with Bystanders(server.port, profile, size=self.SIZE) as others:
                others.wait_for_writes(30)
                before, open_before = server.resident(), server.sockets()
                slow = [dial(server.port, THERE, 4096) for _ in range(self.CROWD)]
                for each in slow:
                    each.sendall(self.REQUEST.format(profile.pk).encode())
                highest = 0
                until(lambda: server.sockets() > open_before, "the slow readers")
                while server.sockets() > open_before:
                    others.wait_for_writes(5)
                    highest = max(highest, server.resident() - before)
                    assert len(others.written) < 2_000, "they are still there"
                    for each in slow if reads else ():
                        each.recv(1)
            assert highest < self.CROWD * 400_000, highest
            assert others.worst < PROMPT
            for each in slow:
                each.close()


class TestCrowds:
    def test_an_address_has_so_many_streams_and_others_have_theirs(self) -> None:
        """Several hundred attempts, sixteen at a time; what is open counts, not what was tried."""
        profile = make_profile("ann")
        with site(STREAMS_PER_ADDRESS=50) as server, Bystanders(server.port, profile) as others:
            others.wait_for_writes(10)
            before = server.resident()
            with ThreadPoolExecutor(16) as pool:
                crowd = list(pool.map(lambda _: opened(server.port, f"/open/{profile.pk}/"), range(400)))
            let_in = [raw for raw in crowd if raw.status == 200]
            refused = [raw for raw in crowd if raw.status != 200]
            assert len(let_in) == 50
            for raw in refused:
                assert_too_many(raw, "Too many streams of this address are open. Try again in 15 seconds.")
                raw.close()
            assert server.resident() - before < 30 * MEGABYTE
            assert fetch(server.port, f"/open/{profile.pk}/", HERE).status == 200
            assert fetch(server.port, f"/open/{profile.pk}/", headers="Accept: application/json\r\n").status == 200
            for raw in let_in:
                raw.close()
            until(lambda: fetch(server.port, f"/open/{profile.pk}/").status == 200, "a place again")
        assert others.worst < PROMPT

    def test_a_user_has_so_many_streams_wherever_they_come_from(self) -> None:
        ann, bob = make_profile("ann"), make_profile("bob")
        with site(STREAMS_PER_USER=3) as server:
            streams = [opened(server.port, f"/open/{bob.pk}/", f"127.0.1.{n}", by_token(ann)) for n in range(1, 4)]
            assert {raw.status for raw in streams} == {200}
            raw = fetch(server.port, f"/own/{ann.pk}/", "127.0.2.1", by_token(ann))
            assert_too_many(raw, "Too many streams of this user are open. Try again in 15 seconds.")
            assert fetch(server.port, f"/own/{ann.pk}/", "127.0.2.1", by_token(ann), "HEAD").status == 200
            assert fetch(server.port, f"/own/{bob.pk}/", headers=by_token(bob)).status == 200
            nobody = [opened(server.port, f"/open/{bob.pk}/") for _ in range(5)]  # no user, so not one user's
            assert {each.status for each in nobody} == {200}
            streams.pop().close()
            until(lambda: fetch(server.port, f"/own/{ann.pk}/", headers=by_token(ann)).status == 200, "a place again")
            for each in streams + nobody:
                each.close()

    def test_a_ticket_is_not_used_up_by_a_stream_that_there_is_no_place_for(self) -> None:
        ann = make_profile("ann")
        with site(STREAMS_PER_USER=1) as server:
            first = opened(server.port, f"/own/{ann.pk}/", headers=by_token(ann))
            assert first.status == 200
            target = f"/own/{ann.pk}/?ticket={ticket(server.port, ann)}"
            assert fetch(server.port, target).status == 429
            first.close()
            until(lambda: fetch(server.port, target).status == 200, "a place again")
            for _ in range(3):  # and one that is used up takes no place
                assert fetch(server.port, target).status in (401, 429)
            until(lambda: fetch(server.port, f"/own/{ann.pk}/", headers=by_token(ann)).status == 200, "a place again")


class TestLargeRequests:
    @PROTOCOLS
    def test_headers_of_a_megabyte(self, protocol: str) -> None:
        ann = make_profile("ann")
        long = "x" * MEGABYTE
        requests = [
            (f"/own/{ann.pk}/", f"Authorization: Token {long}\r\n"),
            (f"/own/{ann.pk}/", f"Cookie: sessionid={long}\r\n"),
            (f"/open/{ann.pk}/", f"Last-Event-ID: {long}\r\n"),
            (f"/open/{ann.pk}/", f"X-Forwarded-For: {long}\r\n"),
            (f"/open/{ann.pk}/", f"Accept: {long}\r\n"),
            (f"/own/{ann.pk}/?ticket={long}", ""),
            (f"/open/{ann.pk}/?last_event_id={long}", ""),
            (f"/open/{long}/", ""),
        ]
        with site("--http", protocol, STREAMS_PER_ADDRESS=1_000, REFUSALS_PER_ADDRESS=1_000_000) as server:
            with Bystanders(server.port, ann) as others:
                others.wait_for_writes(10)
                before = server.resident()
                for _ in range(5):
                    with ThreadPoolExecutor(8) as pool:
                        answers = list(pool.map(lambda each: fetch(server.port, each[0], THERE, each[1]), requests))
                    for (target, headers), raw in zip(requests, answers, strict=True):
                        # A server may close at once: h11 reads 64 KB of headers, httptools all of them.
                        assert raw.status in (0, 200, 400, 401, 404, 406, 431), (target[:20], headers[:20], raw.answer)
                        assert len(raw.answer) < 10_000
                assert server.resident() - before < 60 * MEGABYTE
            assert others.worst < PROMPT


class TestGuesses:
    def test_cursors(self) -> None:
        """A cursor is no secret and opens nothing: whoever may read gets the state, others an error without it."""
        ann, eve = make_profile("ann", f"0 {SECRET}"), make_profile("eve")
        longest = "A" * 32 + ".9999999999999999"
        cursors = ["0", ".", "a.b", "a.0", longest, "A" + longest, longest + "9", "a.-1", "a.01", "%00.1"]
        with site() as server, Bystanders(server.port, eve) as others:
            others.wait_for_writes(10)
            before = server.resident()
            for n in range(120):
                cursor = cursors[n % len(cursors)]
                query = f"?last_event_id={cursor}" if n % 2 else ""
                headers = "" if n % 2 else f"Last-Event-ID: {cursor}\r\n"
                if n % 3:
                    raw = fetch(server.port, f"/own/{ann.pk}/{query}", headers=headers + by_token(eve))
                    assert raw.status == 403
                else:
                    raw = Raw(server.port, f"/own/{ann.pk}/{query}", headers=headers + by_token(ann))
                    assert raw.status == 200
                    assert "event: reset" in raw.answer
                    assert SECRET in raw.answer
                    raw.close()
            assert server.resident() - before < 20 * MEGABYTE
        assert others.worst < PROMPT

    def test_an_address_is_refused_so_often_in_a_minute(self) -> None:
        ann, eve = make_profile("ann", f"0 {SECRET}"), make_profile("eve")
        with site(REFUSALS_PER_ADDRESS=20) as server, Bystanders(server.port, eve) as others:
            used = ticket(server.port, ann)
            first = Raw(server.port, f"/own/{ann.pk}/?ticket={used}", HERE)
            assert first.status == 200
            first.close()
            guesses = [
                (f"/own/{ann.pk}/?ticket={used[:-4]}{{:04}}", "", 401),
                (f"/own/{ann.pk}/?ticket={used}", "", 401),
                (f"/own/{ann.pk}/", "Authorization: Token {:040}\r\n", 401),
                ("/open/9{:04}/", by_token(eve), 404),
                (f"/own/{ann.pk}/", by_token(eve), 403),
            ]
            for number, (target, headers, status) in enumerate(guesses):
                there = f"127.0.3.{number}"
                for n in range(20):
                    raw = fetch(server.port, target.format(n), there, headers.format(n))
                    assert raw.status == status, raw.answer
                for url, credentials, method in (
                    (target.format(99), headers.format(99), "GET"),
                    (f"/open/{ann.pk}/", "Accept: application/json\r\n", "GET"),
                    (f"/own/{ann.pk}/?ticket", by_token(ann), "POST"),
                ):
                    raw = fetch(server.port, url, there, credentials, method)
                    assert_too_many(raw, r"Too many requests of this address were refused. Try again in \d+ seconds\.")
                    assert 0 < int(raw.header("Retry-After")) <= 60
            own = Raw(server.port, f"/own/{ann.pk}/", HERE, by_token(ann))
            assert own.status == 200
            own.close()
        assert others.worst < PROMPT

    def test_what_an_exception_says_reaches_nobody(self) -> None:
        ann = make_profile("ann")
        with site() as server:
            for accept in ("text/event-stream", "application/json", "*/*"):
                raw = fetch(server.port, f"/broken/{ann.pk}/", headers=by_token(ann) + f"Accept: {accept}\r\n")
                assert raw.status == 500  # and that its text isn't there is looked at for every answer


def opened(port: int, target: str, address: str = THERE, headers: str = "") -> Raw:
    """A request whose connection is left open; its answer has begun."""
    raw = Raw(port, target, address, headers)
    assert raw.status
    return raw


def ticket(port: int, profile: Profile) -> str:
    raw = fetch(port, f"/own/{profile.pk}/?ticket", HERE, by_token(profile), "POST")
    return str(json.loads(raw.body)["ticket"])


def assert_too_many(raw: Raw, detail: str) -> None:
    assert raw.status == 429, raw.answer
    assert int(raw.header("Retry-After")) > 0
    assert raw.header("Content-Type") == "application/json"
    body = json.loads(raw.body)
    assert body.keys() == {"detail"}
    assert re.fullmatch(detail, body["detail"])

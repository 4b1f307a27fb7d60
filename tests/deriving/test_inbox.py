"""No change is forgotten before a snapshot that surely holds it was read."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from rxsse.deriving import inbox as module
from rxsse.deriving.derivation import Dirt
from rxsse.deriving.inbox import Inbox, Mailbox
from rxsse.messages import Announcement, Change, Operation, Phase

TASK, TEAM = "domain.task", "domain.team"
LABELS = frozenset({TASK})


def change(key: str = "1", model: str = TASK) -> Change:
    return Change(model, Operation.UPDATE, (key,))


class Post:
    """One inbox with one mailbox, and writers who speak to it."""

    def __init__(self) -> None:
        self.woken = 0
        self.inbox = Inbox()
        self.mailbox: Mailbox = self.inbox.mailbox(LABELS, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def say(self, id_: str, phase: Phase, *changes: Change) -> None:
        self.inbox.announced(Announcement(id_, phase, "default", changes))

    def read(self, concerns: Any = lambda change: True) -> Dirt:
        """One refresh; what the snapshot has to look at."""
        settled = self.mailbox.open()
        more = self.mailbox.meanwhile()
        self.mailbox.close(concerns, LABELS)
        return Dirt((*settled.changes, *more.changes), settled.whole or more.whole)


@pytest.fixture
def post() -> Post:
    return Post()


def test_what_was_committed_before_is_read_once(post: Post) -> None:
    post.say("a", Phase.PREPARED, change())
    assert (post.woken, post.mailbox.waiting) == (0, False)
    post.say("a", Phase.COMMITTED)
    assert (post.woken, post.mailbox.waiting) == (1, True)
    assert post.read() == Dirt((change(),))
    assert post.read() == Dirt()
    assert not post.mailbox.waiting


def test_what_is_merely_prepared_is_read_now_and_again(post: Post) -> None:
    post.say("a", Phase.PREPARED, change())
    assert post.read() == Dirt((change(),))
    assert post.read() == Dirt((change(),))
    post.say("a", Phase.COMMITTED)
    assert post.read() == Dirt((change(),))
    assert post.read() == Dirt()


def test_what_is_committed_after_the_snapshot_is_read_again(post: Post) -> None:
    post.say("a", Phase.PREPARED, change())
    post.mailbox.open()
    post.say("a", Phase.COMMITTED)  # the snapshot may be older
    assert post.mailbox.meanwhile() == Dirt((change(),))
    post.mailbox.close(lambda change: True, LABELS)
    assert post.mailbox.waiting
    assert post.read() == Dirt((change(),))
    assert post.read() == Dirt()


def test_what_was_withdrawn_is_forgotten(post: Post) -> None:
    post.say("a", Phase.PREPARED, change())
    post.say("a", Phase.WITHDRAWN)
    assert post.read() == Dirt()
    assert not post.inbox._prepared


def test_what_is_committed_counts_more_than_what_was_prepared(post: Post) -> None:
    post.say("a", Phase.PREPARED, change("1"))
    post.say("a", Phase.COMMITTED, change("1"), change("2"))
    assert post.read() == Dirt((change("1"), change("2")))


def test_what_was_never_prepared_is_a_gap_unless_it_says_itself(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DOUBT", 0.0)
    post.say("a", Phase.COMMITTED, change())
    assert post.read() == Dirt((change(),))
    post.say("b", Phase.COMMITTED)
    assert post.read() == Dirt(whole=True)
    post.say("c", Phase.WITHDRAWN)
    assert post.read() == Dirt()


def test_only_what_matters_is_kept_once_that_is_known(post: Post) -> None:
    post.say("a", Phase.COMMITTED, change("1", TEAM))
    assert not post.mailbox.waiting
    post.read(lambda change: change.keys == ("2",))
    post.say("b", Phase.COMMITTED, change("1"))
    assert (post.mailbox.waiting, post.woken) == (False, 0)
    # A transaction is kept whole where some of it matters.
    post.say("c", Phase.COMMITTED, change("1"), change("2"), change("2", TEAM))
    assert post.read() == Dirt((change("1"), change("2")))


def test_during_a_refresh_everything_is_kept_and_sifted_after_it(post: Post) -> None:
    post.mailbox.open()
    post.say("a", Phase.COMMITTED, change("1"))
    post.say("b", Phase.COMMITTED, change("2"))
    post.mailbox.close(lambda change: change.keys == ("2",), LABELS)
    assert post.read() == Dirt((change("2"),))


def test_labels_that_were_learned_are_heard(post: Post) -> None:
    post.mailbox.open()
    post.mailbox.close(lambda change: True, frozenset({TASK, TEAM}))
    post.say("a", Phase.COMMITTED, change("1", TEAM))
    assert post.mailbox.waiting


def test_a_gap_means_everything_for_a_while(
    post: Post, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO, "rxsse.deriving"):
        post.inbox.gap("the test said so")
    assert "the test said so" in caplog.text
    assert (post.woken, post.read()) == (1, Dirt(whole=True))
    post.mailbox.open()
    post.inbox.gap("meanwhile")
    assert post.mailbox.meanwhile().whole
    post.mailbox.close(lambda change: True, LABELS)
    assert post.read() == Dirt(whole=True)
    assert not post.mailbox.waiting
    assert post.read() == Dirt(whole=True)  # a writer may not have found the feed again
    now[0] += module._DOUBT
    assert post.read() == Dirt()


def test_a_writer_that_fell_silent_is_read_once_more(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    post.say("a", Phase.PREPARED, change("1"))
    now[0] += 20
    post.say("b", Phase.PREPARED, change("2"))
    post.inbox.sweep()
    assert not post.mailbox.waiting
    now[0] += 11
    post.inbox.sweep()
    assert post.mailbox.waiting
    assert post.read().changes == (change("1"), change("1"), change("2"))
    # Whether "a" is dead or only slow is not known: its rows stay under suspicion, and wake nobody again.
    post.inbox.sweep()
    assert not post.mailbox.waiting
    assert post.read() == Dirt((change("1"), change("2")))
    post.say("a", Phase.COMMITTED)
    assert post.read() == Dirt((change("1"), change("2")))
    assert post.read() == Dirt((change("2"),))


def test_a_writer_that_was_silent_for_long_is_forgotten(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    post.say("a", Phase.PREPARED, change("1"))
    now[0] += 901
    post.inbox.sweep()
    assert post.read() == Dirt((change("1"),))
    assert post.read() == Dirt()
    assert not post.inbox._prepared
    assert not post.inbox._silent
    # It was alive after all, and anything may have happened.
    post.say("a", Phase.COMMITTED)
    assert post.read().whole


def test_a_mailbox_given_up_receives_nothing(post: Post) -> None:
    post.mailbox.discard()
    post.say("a", Phase.COMMITTED, change())
    post.inbox.gap("a test")
    assert not post.mailbox.waiting
    post.mailbox.discard()

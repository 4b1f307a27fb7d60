"""What only the feed in memory has to survive: a fork while an announcement is under way."""

from __future__ import annotations

import os

import pytest

from rxsse.conf import Settings
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Announcement
from tests.feeds.recording import Recorder, prepared


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_announcing_is_as_new() -> None:
    statuses: list[int] = []

    class Forking(Recorder):
        def announced(self, announcement: Announcement) -> None:
            child = os.fork()
            if child == 0:
                mine = Recorder()
                known = feed.is_watched("app.thing")
                feed.listen(mine)
                feed.prepare(announcement)
                os._exit(0 if mine.ids == ["1"] and not known else 1)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    feed = MemoryFeed(Settings())
    feed.watch(["app.thing"])
    feed.listen(Forking())
    feed.prepare(prepared("1"))
    assert statuses == [0]
    assert feed.is_watched("app.thing")

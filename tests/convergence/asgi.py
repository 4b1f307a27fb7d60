"""One of the servers of a run, whose writers at times are slow to say that they have committed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from rxsse.asgi import get_asgi_application
from rxsse.feeds.memory import MemoryFeed
from rxsse.messages import Announcement

Commit = Callable[[MemoryFeed, Announcement], None]


def drowsy(commit: Commit) -> Commit:
    """A thread may lose the processor between its commit and saying so; by itself that hardly ever happens (I3)."""

    def later(feed: MemoryFeed, announcement: Announcement) -> None:
        time.sleep(random.choice((0.0, 0.0, 0.01, 0.05)))
        commit(feed, announcement)

    return later


application = get_asgi_application()
MemoryFeed.commit = drowsy(MemoryFeed.commit)  # type: ignore[method-assign]

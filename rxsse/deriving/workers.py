"""A few threads that run jobs and close their database connections when they end; knows no jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from django.db import connections

logger = logging.getLogger("rxsse.deriving")


class Workers:
    """Runs submitted jobs on ``count`` daemon threads, started with the first job."""

    def __init__(self, count: int, name: str = "rxsse-derive") -> None:
        self._name = name
        self._count = count
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run ``job`` soon; what it raises is logged."""
        if len(self._threads) < self._count:
            self._start()
        self._jobs.put(job)

    @property
    def waiting(self) -> int:
        """About how many jobs have not begun."""
        return self._jobs.qsize()

    def close(self, timeout: float) -> None:
        """Finish what was submitted, within ``timeout`` seconds, and end the threads."""
        with self._lock:
            threads, self._threads = self._threads, []
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _start(self) -> None:
        with self._lock:
            while len(self._threads) < self._count:
                thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                try:
                    job()
                except Exception:
                    logger.exception("a job failed")
        finally:
            connections.close_all()

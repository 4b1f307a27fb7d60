"""``manage.py rxsse_owner``: publishes for every stream that a GRIP proxy holds, until it is told to stop."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rxsse import runtime


class Command(BaseCommand):
    help = "Publishes what changes for every stream that a GRIP proxy holds. Runs until SIGTERM or SIGINT."

    def handle(self, *args: Any, **options: Any) -> None:
        current = runtime.current()
        if current.settings.GRIP_URL is None:
            raise CommandError("RXSSE['GRIP_URL'] is not set: no proxy holds streams. Set it to its control port.")
        if current.settings.REDIS_URL is None:
            raise CommandError(
                "RXSSE['REDIS_URL'] is not set: without it a serving process publishes by itself, and another one "
                "can't know whom. Set it, or don't run rxsse_owner."
            )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        current.publish_held()
        self.stdout.write(f"Publishing to {len(current.settings.GRIP_URL.split())} GRIP proxies; stop with SIGTERM.")
        self.stdout.flush()
        stop.wait()
        runtime.reset()

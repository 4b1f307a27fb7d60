"""Says whether this process reaches what it depends on; knows no channels, and tells nothing of why not.

Mount it where a load balancer or a person looks: ``path("health/", rxsse.health.health)``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from django.db import Error, connections, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from rxsse import runtime
from rxsse.exceptions import Unavailable

logger = logging.getLogger(__name__)


@transaction.non_atomic_requests
@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 if everything answers, 503 if not: ``{"database": "ok", "feed": "ok", "cache": "unavailable", …}``.

    Open streams and ``save()`` go on through a 503: it says that what is shown may be late.
    Asked one after the other, each BACKEND_TIMEOUT at most. Nothing of an error's text is in the answer.
    """
    states = {name: _state(name, ping) for name, ping in _backends().items()}
    return JsonResponse(states, status=200 if all(state == "ok" for state in states.values()) else 503)


def _backends() -> dict[str, Callable[[], None]]:
    current = runtime.current()
    pings: dict[str, Callable[[], None]] = {
        "database": partial(_database.ping, current.settings.BACKEND_TIMEOUT),
        "feed": current.feed.ping,
    }
    return pings | current.pings


def _state(name: str, ping: Callable[[], None]) -> str:
    try:
        ping()
    except (Unavailable, Error) as error:
        logger.warning("health: the %s is unavailable: %s", name, error)
        return "unavailable"
    return "ok"


class _Database:
    """Asks on a thread, as no driver says within a bound that a server hangs; on one only, however long that takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: Future[None] | None = None

    def ping(self, seconds: float) -> None:
        """Raise `Unavailable`, or the database's own error, unless every database has answered within ``seconds``."""
        with self._lock:
            if self._asking is None or self._asking.done():
                self._asking = Future()
                threading.Thread(target=_ask, args=(self._asking,), name="rxsse-health", daemon=True).start()
            asking = self._asking
        try:
            asking.result(seconds)
        except TimeoutError:
            raise Unavailable(f"the database has not answered for {seconds} s") from None


def _ask(asking: Future[None]) -> None:
    try:
        for connection in connections.all():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
    except Exception as error:
        asking.set_exception(error)
    else:
        asking.set_result(None)
    finally:
        connections.close_all()  # the thread's own


_database = _Database()

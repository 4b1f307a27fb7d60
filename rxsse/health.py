"""Says whether this process reaches what it depends on; knows no channels, and tells nothing of why not.

Mount it where a load balancer or a person looks: ``path("health/", rxsse.health.health)``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

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
    Asked one after the other; feed, cache and broker wait BACKEND_TIMEOUT at most, the database as long as its
    driver is told to. Nothing of an error's text is in the answer.
    """
    states = {name: _state(name, ping) for name, ping in _backends().items()}
    return JsonResponse(states, status=200 if all(state == "ok" for state in states.values()) else 503)


def _backends() -> dict[str, Callable[[], None]]:
    current = runtime.current()
    return {"database": _ping_database, "feed": current.feed.ping} | current.pings


def _state(name: str, ping: Callable[[], None]) -> str:
    try:
        ping()
    except (Unavailable, Error) as error:
        logger.warning("health: the %s is unavailable: %s", name, error)
        return "unavailable"
    return "ok"


def _ping_database() -> None:
    for connection in connections.all():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

"""Routes of a run's servers: the channels of the test domain, and writes inside the serving process."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.urls import include, path

from rxsse.health import health
from tests.convergence import transactions


@transaction.non_atomic_requests
def write(request: HttpRequest) -> HttpResponse:
    """Run ``count`` transactions of ``kind`` with ``seed``; answers how many were rolled back because of others."""
    asked = request.GET
    return HttpResponse(str(transactions.course(int(asked["count"]), int(asked["seed"]), asked["kind"])))


def write_in_request(request: HttpRequest) -> HttpResponse:
    """One transaction, which is the request itself (ATOMIC_REQUESTS); an exception rolls it back."""
    rng = Random(int(request.GET["seed"]))
    for _ in range(rng.randint(1, 3)):
        transactions.run(rng, transactions.writes_of(request.GET["kind"]))
    if rng.random() < 0.25:
        raise PermissionDenied
    return HttpResponse("0")


class Refusals:
    """Middleware that answers 403 where another writer was there first, even if only the commit finds it out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return HttpResponseForbidden() if isinstance(exception, transactions.LOST) else None


urlpatterns = [
    path("health/", health),
    path("write/", write),
    path("write-in-request/", write_in_request),
    path("", include("tests.urls")),
]

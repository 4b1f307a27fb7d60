"""Routes of a run's servers: the channels of the test domain, and writes inside the serving process."""

from __future__ import annotations

from random import Random

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.convergence import transactions


@transaction.non_atomic_requests
def write(request: HttpRequest) -> HttpResponse:
    """Run ``count`` transactions of ``kind`` with ``seed``; answers how many were rolled back because of others."""
    asked = request.GET
    return HttpResponse(str(transactions.course(int(asked["count"]), int(asked["seed"]), asked["kind"])))


def write_in_request(request: HttpRequest) -> HttpResponse:
    """One transaction, which is the request itself (ATOMIC_REQUESTS); 403 rolls it back."""
    rng = Random(int(request.GET["seed"]))
    try:
        for _ in range(rng.randint(1, 3)):
            transactions.run(rng, transactions.writes_of(request.GET["kind"]))
    except transactions.LOST as error:
        raise PermissionDenied from error
    if rng.random() < 0.25:
        raise PermissionDenied
    return HttpResponse("0")


urlpatterns = [
    path("write/", write),
    path("write-in-request/", write_in_request),
    path("", include("tests.urls")),
]

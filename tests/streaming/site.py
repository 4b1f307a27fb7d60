"""A Django site with one view that streams, and the ASGI and WSGI applications that serve it."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path

from rxsse.streaming.hub import Hubs
from rxsse.streaming.response import StreamResponse
from tests.streaming.support import Log, LogSource

source = LogSource(a=Log())
hubs = Hubs(source)


def stream(request: HttpRequest, anchor: str) -> StreamResponse:
    wanted = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id")
    response = StreamResponse(request, hubs, source.topic(anchor), wanted, identity=request.GET.get("user"))
    response.set_cookie("seen", "yes")
    return response


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


def change(request: HttpRequest, anchor: str) -> HttpResponse:
    return HttpResponse(str(source.set(anchor, request.GET["n"])))


urlpatterns = [path("s/<anchor>/", stream), path("plain/", plain), path("change/<anchor>/", change)]


def application() -> Any:
    """For ``uvicorn --factory``: the site in a process of its own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.streaming.site_settings")
    from rxsse.asgi import get_asgi_application

    return get_asgi_application()

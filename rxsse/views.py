"""The endpoint of a channel: one URL that streams, answers JSON, or shows a page (PROTOCOL, "Request").

Everything that can refuse a reader happens here, in an ordinary DRF request; the stream
itself begins when that request is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NoAnswer
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connections, transaction
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from rxsse import runtime
from rxsse.auth import TicketAuthentication, authentication_classes, reader_of, ticket_for
from rxsse.channels import StateChannel
from rxsse.conf import get_settings
from rxsse.deriving.derivation import Derivation, Dirt
from rxsse.exceptions import DeriveError, Gone, Unavailable
from rxsse.messages import Topic
from rxsse.streaming.response import StreamResponse

logger = logging.getLogger("rxsse.views")


class StreamRenderer(BaseRenderer):
    """Lets DRF negotiate ``text/event-stream``; the stream renders itself."""

    media_type = "text/event-stream"
    format = "sse"
    charset = None


class PageRenderer(BaseRenderer):
    """Lets DRF negotiate ``text/html``."""

    media_type = "text/html"
    format = "html"


class ServerError(APIException):
    """500 that says nothing of its cause."""


class StateUnavailable(APIException):
    """503: the state can't be given at present."""

    status_code = 503
    wait = 5  # DRF makes it Retry-After, in seconds
    default_detail = "The state is not available at present."
    default_code = "unavailable"


class TicketUnavailable(StateUnavailable):
    """503: whether a ticket was used can't be told at present."""

    default_detail = "The ticket can't be checked at present."


class ChannelView(APIView):
    """Serves one channel; made by `view_for`."""

    channel: type[StateChannel]
    # The first is what `Accept: */*` gets: curl, and fetch() without headers.
    renderer_classes = (StreamRenderer, JSONRenderer, PageRenderer)
    permission_classes = ()
    position = -1
    http_method_names = ("get", "head", "options", "post")

    def get(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        """The state: a stream, a document or a page, as ``Accept`` says."""
        if isinstance(request.accepted_renderer, PageRenderer):
            return HttpResponse(_page())
        topic = self._topic(request, kwargs)
        if isinstance(request.accepted_renderer, JSONRenderer):
            return self._document(request, topic)
        cursor = request.headers.get("Last-Event-ID") or request.query_params.get("last_event_id")
        hubs = runtime.current().hubs
        reader = reader_of(request, self.channel, kwargs, self.position)
        grip = runtime.current().grip
        if grip is not None and grip.wants(request._request):
            _spend_ticket(request)
            return grip.begin(hubs, topic, request.path_info, cursor, reader)
        place = runtime.current().limits.place_for(request, reader) if request.method == "GET" else None
        try:
            _spend_ticket(request)  # last: a request that is refused uses no ticket up
        except Exception:
            if place is not None:
                place.leave()
            raise
        return StreamResponse(request._request, hubs, topic, cursor, reader, place)

    def post(self, request: Request, **kwargs: Any) -> Response:
        """A ticket for whoever may open the stream (PROTOCOL, "Tickets")."""
        self._answer_in_json()
        if not self._gives_tickets():
            self.http_method_not_allowed(request)
        self._topic(request, kwargs)
        ticket, seconds = ticket_for(request, self.channel, kwargs), runtime.current().settings.TICKET_SECONDS
        return Response({"ticket": ticket, "expires_in": seconds}, status=201, headers={"Cache-Control": "no-store"})

    @property
    def allowed_methods(self) -> list[str]:
        """Without ``?ticket`` there is nothing to post to."""
        methods = super().allowed_methods
        return methods if self._gives_tickets() else [method for method in methods if method != "POST"]

    def _gives_tickets(self) -> bool:
        return "ticket" in self.request.GET and get_settings().TICKET_SECONDS > 0

    # --- DRF's steps ---------------------------------------------------------------------

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Note what was heard before the reader is looked at: what comes later counts against him."""
        # Where a middleware has looked at him, nobody knows since when: he is looked at again.
        seen = getattr(request._request, "_cached_user", None) is not None
        self.position = -1 if seen else runtime.current().guard.position
        super().initial(request, *args, **kwargs)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's view and request know each other: by the view, a stream that is never served would keep its place."""
        grip = runtime.current().grip
        if grip is not None and grip.goes_on(request):
            return grip.go_on(runtime.current().hubs, request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        del self.response
        return response

    def perform_authentication(self, request: Request) -> None:
        """Look at where the request comes from first: that costs nothing, who sends it is asked the database."""
        if not isinstance(request.accepted_renderer, PageRenderer):
            streams = isinstance(request.accepted_renderer, StreamRenderer) and request.method == "GET"
            runtime.current().limits.check_address(request, stream=streams)
        super().perform_authentication(request)

    def get_authenticators(self) -> list[Any]:
        if TicketAuthentication.applies_to(self.request):
            return [TicketAuthentication()]
        return [kind() for kind in authentication_classes(self.channel)]

    def get_throttles(self) -> list[Any]:
        declared = self.channel.option("throttle_classes", api_settings.DEFAULT_THROTTLE_CLASSES)
        return [kind() for kind in declared]

    def check_permissions(self, request: Request) -> None:
        """Ask the channel. The page holds no state: it is for everybody, and asks for a token itself."""
        if isinstance(request.accepted_renderer, PageRenderer) and request.method in ("GET", "HEAD"):
            return
        try:
            permitted = self.channel.permits(request.user, self.kwargs)
        except (APIException, PermissionDenied, Http404):
            raise
        except Exception as error:
            if not getattr(request.user, "is_authenticated", False):
                # `user.memberships` of nobody: whoever asks has to say who he is first.
                self.permission_denied(request)
            logger.exception("%s.has_permission() raised", self.channel.label)
            raise ServerError from error
        if not permitted:
            self.permission_denied(request)

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """What the endpoint is, as DRF's metadata, in JSON."""
        self._answer_in_json()
        return super().options(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """DRF's error body, as JSON whatever was asked for: an event stream has no form for it."""
        self._answer_in_json()
        response = super().handle_exception(exc)
        runtime.current().limits.note_answer(self.request, response.status_code)
        return response

    def _answer_in_json(self) -> None:
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, ("Authorization", "Cookie", "Accept"))
        if "Cache-Control" not in response:
            response["Cache-Control"] = "no-cache"
        return response

    def get_view_name(self) -> str:
        return self.channel.__name__

    def get_view_description(self, html: bool = False) -> str:
        return (self.channel.__doc__ or "").strip()

    # --- answers -------------------------------------------------------------------------

    def _topic(self, request: Request, kwargs: Mapping[str, Any]) -> Topic:
        try:
            return self.channel.topic(request.user, kwargs)
        except (APIException, PermissionDenied, Http404):
            raise
        except Exception as error:
            logger.exception("%s could not look its anchor up", self.channel.label)
            raise ServerError from error

    def _document(self, request: Request, topic: Topic) -> HttpResponse:
        etag, state = self._state(topic)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if etag in known or "*" in known or f"W/{etag}" in known:
            response = HttpResponse(status=304)
        else:
            response = HttpResponse(state, content_type=JSONRenderer.media_type)
        response["ETag"] = etag
        return response

    def _state(self, topic: Topic) -> tuple[str, bytes]:
        """ETag and state. The ETag of a hot topic is its cursor, from which a stream can go on."""
        try:
            if any(connection.in_atomic_block for connection in connections.all(initialized_only=True)):
                return _read_here(topic)
            current = runtime.current()
            timeout = 5 * current.settings.BACKEND_TIMEOUT
            cursor, state = current.engine.snapshot(topic).result(timeout)
            return f'"{cursor}"', state
        except Gone as error:
            raise Http404 from error
        except DeriveError as error:
            logger.error("%s", error, exc_info=error)
            raise ServerError from error
        except (Unavailable, NoAnswer) as error:
            raise StateUnavailable from error


def _spend_ticket(request: Request) -> None:
    for authenticator in request.authenticators or ():
        if isinstance(authenticator, TicketAuthentication):
            try:
                authenticator.spend()
            except Unavailable as error:
                logger.warning("A ticket can't be checked, its reader has to come again: %s", error)
                raise TicketUnavailable from error


def _read_here(topic: Topic) -> tuple[str, bytes]:
    """The state as this thread's open transaction sees it: nobody else can (a test case)."""
    derivation = Derivation(topic)
    derivation.refresh(lambda: Dirt(whole=True))
    state = derivation.encode()
    return f'"{blake2b(state, digest_size=12).hexdigest()}"', state


def _page() -> str:
    return files("rxsse").joinpath("pages/channel.html").read_text(encoding="utf-8")


def view_for(channel: type[StateChannel]) -> Callable[..., HttpResponseBase]:
    """The Django view of ``channel``; not wrapped in ATOMIC_REQUESTS, its answers outlive any transaction."""
    kind = type(f"{channel.__name__}View", (ChannelView,), {"channel": channel, "__doc__": channel.__doc__})
    view: Callable[..., HttpResponseBase] = kind.as_view()  # type: ignore[attr-defined]
    view.channel = channel  # type: ignore[attr-defined]
    return transaction.non_atomic_requests(view)

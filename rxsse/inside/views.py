"""The status of an installation for staff, by URL: where only the serving process knows it. No state is in it."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from rxsse import runtime
from rxsse.inside.status import status


@never_cache
@require_safe
def status_view(request: HttpRequest) -> JsonResponse:
    """What ``rxsse_status --json`` prints; 403 for whoever isn't active staff."""
    user = getattr(request, "user", None)
    if not (user is not None and user.is_active and user.is_staff):
        return JsonResponse({"detail": "This is for staff."}, status=403)
    return JsonResponse(status(runtime.current()))

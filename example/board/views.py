"""Hands out the one page of the front end, as `npm run build` has made it; knows nothing of what it does."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

# Everything that the page needs comes from this server, so nothing else may be loaded into it.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

NOT_BUILT = """<!doctype html>
<html lang="en">
<title>rxsse board</title>
<h1>The front end is not built</h1>
<p>It needs Node 20 or newer: then <code>make demo</code> builds it. The <a href="/api/">API</a>,
the <a href="/admin/">admin</a> and the streams are here without it.</p>
</html>
"""


@require_safe
def page(request: HttpRequest, **route: int) -> HttpResponse:
    """The page for every route of the front end, which reads the URL itself."""
    try:
        html, status = (settings.FRONTEND / "index.html").read_bytes(), 200
    except FileNotFoundError:
        html, status = NOT_BUILT.encode(), 503
    # The scripts that it names change their names with their content; the page itself is asked for every time.
    return HttpResponse(html, status=status, headers={"Cache-Control": "no-cache", "Content-Security-Policy": POLICY})

"""One of the servers of a run with many processes."""

from __future__ import annotations

from rxsse.asgi import get_asgi_application

application = get_asgi_application()

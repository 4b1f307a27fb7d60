"""A WSGI server with a thread for each request, as ``runserver`` has: ``python -m tests.grip.wsgi PORT``."""

from __future__ import annotations

import sys

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A test looks at answers, not at lines."""


def main() -> None:
    server = ThreadedWSGIServer(("127.0.0.1", int(sys.argv[1])), Quiet)
    server.set_app(get_wsgi_application())
    server.serve_forever()


if __name__ == "__main__":
    main()

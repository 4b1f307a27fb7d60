"""A WSGI server with a thread for each request, as ``runserver`` has: ``python -m tests.grip.wsgi PORT``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A test looks at answers, not at lines."""


class Late:
    """Answers, where ``X-Late`` asks for it, so many seconds after everything was decided and read, which it says."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._application(environ, start_response)
        if "HTTP_X_LATE" in environ:
            sys.stdout.write("the answer is there\n")
            sys.stdout.flush()
            time.sleep(float(environ["HTTP_X_LATE"]))
        return answer


def main() -> None:
    server = ThreadedWSGIServer(("127.0.0.1", int(sys.argv[1])), Quiet)
    server.set_app(Late(get_wsgi_application()))
    server.serve_forever()


if __name__ == "__main__":
    main()

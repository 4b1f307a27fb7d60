"""Django system checks: what is wrong with settings, channels, routes or the deployment, each with an id.

They read no rows, and open no connection but for ``--deploy``. docs/checks.md lists the ids.
"""

from __future__ import annotations

from rxsse.checks import channels as channels
from rxsse.checks import deployment as deployment
from rxsse.checks import eventstream as eventstream
from rxsse.checks import frontend as frontend
from rxsse.checks import outbox as outbox
from rxsse.checks import routes as routes
from rxsse.checks import settings as settings

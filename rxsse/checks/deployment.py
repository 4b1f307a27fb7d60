"""Checks what serves: how many processes, by which handler, and whether the servers they need answer."""

from __future__ import annotations

import os
import re
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import PurePath
from types import CellType, FunctionType, MethodType
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.core import checks
from django.core.handlers.asgi import ASGIHandler

from rxsse import caches, feeds
from rxsse.asgi import StreamingHandler
from rxsse.checks.settings import mongo_problem, redis_problem
from rxsse.checks.words import TAG, Messages, error, valid_settings, warning
from rxsse.exceptions import Unavailable

_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian"})
_WORKERS = re.compile(r"(?:^|\s)(?:--workers|-w)[=\s]*(\d+)")


class Workers(NamedTuple):
    """More than one process serves, and ``source`` says so."""

    number: int
    source: str


@checks.register(TAG)
def check_processes(**_: Any) -> Messages:
    """E014 and W004: what several serving processes need to know of each other's writes and states."""
    settings = valid_settings()
    workers = worker_processes(os.environ, sys.argv)
    if settings is None or workers is None:
        return []
    several = f"{workers.source} asks for {workers.number} processes, but RXSSE"
    alone = settings.REDIS_URL is None
    if alone and settings.MONGO_URL is not None:
        problem = f"{several}['REDIS_URL'] is not set: a process doesn't hear what others add to their common log."
        return [error("E014", problem, "Set RXSSE['REDIS_URL'], or serve with one process.")]
    if alone and settings.GRIP_URL is not None:
        problem = f"{several}['REDIS_URL'] is not set: each publishes to the GRIP proxy for its own streams only."
        return [error("E014", problem, "Set RXSSE['REDIS_URL'] and run rxsse_owner, or serve with one process.")]
    if alone and not settings.OUTBOX:
        problem = f"{several}['REDIS_URL'] is not set: a process hears of the writes of its own only."
        return [error("E014", problem, "Set RXSSE['REDIS_URL'] or RXSSE['OUTBOX'], or serve with one process.")]
    if settings.MONGO_URL is None:
        problem = f"{several}['MONGO_URL'] is not set: each keeps states of its own."
        missing = "RXSSE['REDIS_URL'] and RXSSE['MONGO_URL']" if alone else "RXSSE['MONGO_URL']"
        hint = f"Set {missing}, or a client that returns to another process starts with a whole snapshot."
        return [warning("W004", problem, hint)]
    return []


def worker_processes(environment: Mapping[str, str], command: Sequence[str]) -> Workers | None:
    """How many processes serve, as far as the environment or a server's own command line says; None: one."""
    said = {name: environment.get(name, "") for name in ("WEB_CONCURRENCY", "UVICORN_WORKERS")}
    arguments = {"GUNICORN_CMD_ARGS": environment.get("GUNICORN_CMD_ARGS", "")}
    if command and _SERVERS.intersection(PurePath(command[0]).parts):
        arguments["The command line"] = " ".join(command[1:])
    for source, text in arguments.items():
        found = _WORKERS.findall(text)
        if found:
            said[source] = found[-1]
    for source, number in said.items():
        if number.isdecimal() and int(number) > 1:
            return Workers(int(number), source)
    return None


@checks.register(TAG, deploy=True)
def check_backends(**_: Any) -> Messages:
    """E015: whether Redis and MongoDB answer, asked once each, within ``BACKEND_TIMEOUT``."""
    settings = valid_settings()
    if settings is None:
        return []
    messages: Messages = []
    parts: list[tuple[str, Any]] = []
    if settings.REDIS_URL is not None and not redis_problem(settings.REDIS_URL):
        parts.append(("REDIS_URL", feeds.create(replace(settings, OUTBOX=False))))
    if settings.MONGO_URL is not None and not mongo_problem(settings.MONGO_URL):
        parts.append(("MONGO_URL", caches.create(settings)))
    for key, part in parts:
        try:
            part.ping()
        except Unavailable as raised:
            hint = "Start the server, or correct the URL. Until it answers, clients wait; writes are not held up."
            messages.append(error("E015", f"RXSSE[{key!r}] can't be reached from here: {raised}", hint))
        finally:
            part.close()
    return messages


@checks.register(TAG, deploy=True)
def check_asgi(**_: Any) -> Messages:
    """W005: Django's own ASGI handler keeps a thread and the whole request for each stream (docs/adr/0004)."""
    name, application = _asgi_application()
    handlers = list(_handlers(application))
    if not handlers or any(isinstance(handler, StreamingHandler) for handler in handlers):
        return []
    hint = "In asgi.py, import get_asgi_application from rxsse.asgi instead of django.core.asgi."
    problem = f"{name} is served by Django's own ASGI handler, which spends a thread on every stream."
    return [warning("W005", problem, hint)]


def _asgi_application() -> tuple[str, Any]:
    """The project's application and its name: as ``ASGI_APPLICATION`` says, or where ``startproject`` puts it."""
    name = getattr(django_settings, "ASGI_APPLICATION", None)
    if not name:
        wsgi, urls = (str(getattr(django_settings, key, None)) for key in ("WSGI_APPLICATION", "ROOT_URLCONF"))
        package = wsgi.rpartition(".wsgi.")[0] or urls.rpartition(".")[0]
        name = f"{package}.asgi.application"
    module, _, attribute = name.rpartition(".")
    try:
        found = find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    return name, getattr(import_module(module), attribute, None) if found else None


def _handlers(application: Any) -> Iterator[ASGIHandler]:
    """Django's handlers in ``application``, however other ASGI applications are wrapped around them."""
    waiting, seen = deque([application]), set[int]()
    for _ in range(1_000):  # middleware holds what it wraps; what it holds besides may be large
        if not waiting:
            return
        part = waiting.popleft()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, ASGIHandler):
            yield part  # and what it wraps: the one that serves static files is a handler itself
        waiting.extend(islice(_held(part), 100))


def _held(part: Any) -> Iterator[Any]:
    if isinstance(part, Mapping):
        yield from part.values()
    elif isinstance(part, (list, tuple)):
        yield from part
    elif isinstance(part, MethodType):
        yield part.__self__
    elif isinstance(part, FunctionType):
        yield from part.__closure__ or ()
    elif isinstance(part, CellType):
        with suppress(ValueError):  # a name that was never bound
            yield part.cell_contents
    elif not isinstance(part, type) and hasattr(part, "__dict__"):
        yield from vars(part).values()

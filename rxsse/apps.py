"""Tells Django about rxsse; starts capture and loads every app's channels."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class RxsseConfig(AppConfig):
    name = "rxsse"
    verbose_name = "rxsse"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rxsse import checks, runtime  # noqa: F401 (checks register themselves)

        runtime.install()
        post_migrate.connect(_keep_triggers, sender=self)
        autodiscover_modules("channels")
        if apps.is_installed("django_eventstream"):
            from rxsse.eventstream import bridge

            bridge.install()


def _keep_triggers(using: str, **_: Any) -> None:
    """Have the triggers fit the tables as they are now, where they are wanted or already there."""
    from rxsse import triggers
    from rxsse.conf import get_settings
    from rxsse.feeds import tables

    connection = connections[using]
    if connection.vendor not in triggers.VENDORS or not tables.exist(connection):
        return
    if get_settings().TRIGGERS or triggers.installed(using):
        triggers.create(using)

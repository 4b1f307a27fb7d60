"""Tells Django about rxsse; starts capture and loads every app's channels."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class RxsseConfig(AppConfig):
    name = "rxsse"
    verbose_name = "rxsse"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from rxsse import checks, runtime  # noqa: F401 (checks register themselves)

        runtime.install()
        autodiscover_modules("channels")

"""The Django app of the test domain."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class DomainConfig(AppConfig):
    name = "tests.domain"
    label = "domain"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_create_views, sender=self)


def _create_views(using: str, **_: Any) -> None:
    from tests.domain.models import SUMMARY

    with connections[using].cursor() as cursor:
        cursor.execute("DROP VIEW IF EXISTS domain_summary")
        cursor.execute(SUMMARY)

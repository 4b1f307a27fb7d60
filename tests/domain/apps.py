"""The Django app of the test domain."""

from __future__ import annotations

from django.apps import AppConfig


class DomainConfig(AppConfig):
    name = "tests.domain"
    label = "domain"
    default_auto_field = "django.db.models.BigAutoField"

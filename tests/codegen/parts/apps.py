"""The Django app of the parts."""

from django.apps import AppConfig


class PartsConfig(AppConfig):
    name = "tests.codegen.parts"
    default_auto_field = "django.db.models.BigAutoField"

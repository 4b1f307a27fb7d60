"""The Django app of the shop."""

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tests.codegen.shop"
    label = "shop"
    default_auto_field = "django.db.models.BigAutoField"

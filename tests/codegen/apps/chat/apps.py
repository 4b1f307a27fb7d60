"""The Django app of the chat: its label is the last part of its name."""

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "tests.codegen.apps.chat"
    default_auto_field = "django.db.models.BigAutoField"

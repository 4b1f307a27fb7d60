"""The project's own app: tells django-activity-stream what can act."""

from __future__ import annotations

from django.apps import AppConfig, apps


class ThirdPartyConfig(AppConfig):
    name = "tests.thirdparty"

    def ready(self) -> None:
        from actstream import registry

        registry.register(apps.get_model("auth.User"), apps.get_model("auth.Group"))

"""Routes of the test project."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("rx/", include("tests.domain.urls")),
]

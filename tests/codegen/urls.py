"""A URLconf of every kind of route."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, re_path, register_converter
from django.urls.converters import StringConverter

from tests.codegen.apps.chat import live as chat
from tests.codegen.shop import live as shop


class Year:
    regex = "[0-9]{4}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: Any) -> str:
        return str(value)


class Hexadecimal(Year):
    regex = "[0-9a-f]+"

    def to_python(self, value: str) -> int:
        return int(value, 16)


class Untold:
    regex = "[a-z/]+"

    def to_python(self, value: str):  # type: ignore[no-untyped-def]
        return value

    def to_url(self, value: Any) -> str:
        return str(value)


class Word(StringConverter):
    regex = "[a-z]+"


class Month:
    regex = "[a-z]{3}"

    def to_python(self, value: str) -> tuple[int, ...]:
        return (1,)

    def to_url(self, value: Any) -> str:
        return str(value)


register_converter(Year, "codegen-year")
register_converter(Hexadecimal, "codegen-hexadecimal")
register_converter(Untold, "codegen-untold")
register_converter(Word, "codegen-word")
register_converter(Month, "codegen-month")


def nothing(request: Any, **kwargs: Any) -> Any:
    """A view to link to."""
    raise NotImplementedError


inner = [
    path("columns/<int:pk>/", shop.ColumnsChannel.as_view()),
    path("raw/<slug:slug>/<uuid:pk>", shop.RawChannel.as_view(), {"constant": 1}),
    re_path(r"^relations/(?P<pk>[0-9]+)/(?:page-(?P<page>\w+)/)?$", shop.RelationsChannel.as_view()),
]

urlpatterns: list[Any] = [
    path("in/<str:shop_name>/", include((inner, "inner"), namespace="one"), {"kind": "x"}),
    path("linked/<path:pk>", shop.LinkedChannel.as_view()),
    path("a b/ü/`${x}`\\/100%/<codegen-year:the_year>/<codegen-hexadecimal:pk>/", shop.DeepChannel.as_view()),
    path("ways/<codegen-untold:pk>/<codegen-word:class>/", shop.WaysChannel.as_view()),
    path("first/<int:pk>/", shop.FieldsChannel.as_view(), name="first"),
    path("second/<str:token>/", shop.FieldsChannel.as_view(), name="second"),
    path(
        "methods/<int:a_very_long_argument>/<int:another_very_long_argument>/<int:a__b>/<int:aB>/<int:a_b>/",
        shop.MethodsChannel.as_view(),
    ),
    re_path(r"^shelf/(?P<pk>\d+)/(?P<name>[^/]+)$", shop.ShelfChannel.as_view()),
    re_path(r"^(?:unknown|other)/(?P<pk>\d+)$", shop.UnknownChannel.as_view()),
    re_path(r"^unknown/(?P<pk>\d+)$", shop.UnknownChannel.as_view()),
    re_path(r"^(?:left|right)/(?P<pk>\d+)$", shop.AlternativesChannel.as_view()),
    path("extras/<int:pk>/", shop.ExtrasChannel.as_view()),
    path("brief/", shop.BriefChannel.as_view()),
    path("odd/<codegen-month:pk>/", shop.OddChannel.as_view()),
    path("makers/", shop.MakersOfEverythingThatIsSoldOrWasSoldInTheShopChannel.as_view()),
    path("chat/<int:pk>/", chat.RoomChannel.as_view()),
    path("chat/tags/", chat.Tags.as_view()),
    path("chat/tags/<int:pk>/", chat.Tag_.as_view()),
    path("makers/<uuid:pk>/", nothing, name="maker"),
    path("products/<int:pk>/", nothing, name="product"),
]

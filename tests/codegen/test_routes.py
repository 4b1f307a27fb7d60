"""URL patterns as constructor arguments, and the paths that come of them: the real URLconf must resolve each."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import override_settings
from django.urls import include, path, re_path, resolve, set_script_prefix
from django.utils import translation

from rxsse.codegen.project import generate
from rxsse.codegen.routes import Address, address_of, routes_by_channel
from rxsse.codegen.types import write
from tests.codegen import project, tools
from tests.codegen.shop import live


class Patterns:
    """A URLconf."""

    def __init__(self, *patterns: Any) -> None:
        self.urlpatterns = list(patterns)


def address(*patterns: Any, **settings: Any) -> Address | None:
    with override_settings(ROOT_URLCONF=Patterns(*patterns), **settings):
        (route,) = routes_by_channel()[live.OddChannel]
        return address_of(route)


def expression(*patterns: Any, **settings: Any) -> str:
    found = address(*patterns, **settings)
    assert found is not None
    return found.expression()


def arguments(*patterns: Any) -> list[str]:
    found = address(*patterns)
    assert found is not None
    return [f"{each.name}: {write(each.term, str)}" for each in found.arguments]


view = live.OddChannel.as_view()


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        (path("<int:pk>/", view), ["pk: number"]),
        (path("<str:pk>/", view), ["pk: string"]),
        (path("<slug:pk>/", view), ["pk: string"]),
        (path("<uuid:pk>/", view), ["pk: string"]),
        (path("<path:pk>/", view), ["pk: string"]),
        (path("<pk>/", view), ["pk: string"]),
        (
            path("<int:project_id>/<int:new>/<str:options>/", view),
            ["projectId: number", "new_: number", "options_: string"],
        ),
        (path("<int:_pk>/", view), ["_pk: number"]),
        (re_path(r"^(?P<pk>[0-9]+)/$", view), ["pk: number | string"]),
        (re_path(r"^(?P<pk>\d{1,4})/$", view), ["pk: number | string"]),
        (re_path(r"^(?P<pk>[0-9a-f]+)/$", view), ["pk: string"]),
        (re_path(r"^(?P<year>(?:19|20)\d\d)/(?P<pk>[()]+)/$", view), ["year: string", "pk: string"]),
        (re_path(r"^(?:(?P<kind>\w+)/)?(?P<pk>\d+)/$", view), ["kind: string", "pk: number | string"]),
        (path("", view), []),
        (path("fixed/", view, {"pk": 1}), []),
        (path("<int:a>/", include([path("<int:b>/", view)])), ["a: number", "b: number"]),
    ],
)
def test_what_a_route_takes(pattern: Any, wanted: list[str]) -> None:
    assert arguments(pattern) == wanted


def test_text_is_encoded_once_and_slashes_stay_where_they_are_meant() -> None:
    assert expression(path("<path:pk>/x", view)) == '`/${encodeURIComponent(pk).replace(/%2F/g, "/")}/x`'
    assert expression(path("50%/a b/<str:pk>", view)) == "`/50%25/a%20b/${encodeURIComponent(pk)}`"
    assert expression(path("it's `${x}` \\", view)) == '''"/it's%20%60$%7Bx%7D%60%20%5C"'''
    assert expression(path("", view)) == '"/"'


def test_a_prefix_is_that_of_the_setting_or_of_django() -> None:
    inner = path("odd/", view)
    assert expression(inner, RXSSE={"FRONTEND_PREFIX": "/backend/"}) == '"/backend/odd/"'
    try:
        set_script_prefix("/mounted")
        assert expression(inner) == '"/mounted/odd/"'
        assert expression(inner, RXSSE={"FRONTEND_PREFIX": "/"}) == '"/odd/"'
    finally:
        set_script_prefix("/")


def test_the_language_of_a_prefix_is_the_projects_own() -> None:
    languages = {"USE_I18N": True, "LANGUAGE_CODE": "de", "LANGUAGES": [("de", "d"), ("sv", "s")]}
    urlconf = Patterns(*i18n_patterns(path("odd/", view)))
    with override_settings(**languages), project.declared({live.OddChannel.label: live.OddChannel}, urlconf):
        with translation.override("sv"):
            assert '"/de/odd/"' in generate().texts["shop.channels.ts"]


@pytest.mark.parametrize("regex", [r"^(a|b)/(?P<pk>\d+)$", r"^(\d+)/$", r"^x/(?:a|b)$"])
def test_what_can_be_written_in_several_ways_has_no_address(regex: str) -> None:
    assert address(re_path(regex, view)) is None


def test_without_a_urlconf_there_are_no_routes() -> None:
    with override_settings(ROOT_URLCONF=None):
        assert routes_by_channel() == {}


@pytest.fixture
def urls(tmp_path: Path) -> dict[str, str]:
    """The URL that each generated class gives itself for some arguments, as Node works it out."""
    calls = {
        "ColumnsChannel": ["a name, ü", 7],
        "RawChannel": ["shop", "a-slug", "00000000-0000-0000-0000-000000000001"],
        "RelationsChannel": ["shop", 7, "second"],
        "LinkedChannel": ["a/b c/%2F?x#y"],
        "DeepChannel": [2026, "ff"],
        "WaysChannel": ["a/b", "word"],
        "FieldsChannel": [7],
        "MethodsChannel": [1, 2, 3, 4, 5],
        "ShelfChannel": [7, "what's `this` & that"],
        "UnknownChannel": [7],
        "BriefChannel": [],
    }
    code = project.generated()["shop.channels.ts"].replace(
        'import { StateChannel, type ChannelOptions, type Token } from "@rxsse/react/core";',
        "type Token = string; type ChannelOptions<S> = { s: S };\n"
        "class StateChannel<S, R = {}> { static instances: object = {}; s!: S; r!: R;"
        " constructor(readonly path: string, token?: Token, options?: ChannelOptions<S>) {} }",
    )
    lines = [f"urls.{name} = new {name}({', '.join(map(json.dumps, given))}).path;" for name, given in calls.items()]
    ending = "console.log(JSON.stringify(urls));\n"
    tools.place(tmp_path, {"urls.ts": "\n".join([code, "const urls: any = {};", *lines, ending])})
    complaints = tools.run(tmp_path, "esbuild", "urls.ts", "--outfile=urls.mjs", "--format=esm")
    assert complaints == ""
    done = subprocess.run(["node", "urls.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("shop")
def test_every_path_leads_to_its_channel_with_its_arguments(urls: dict[str, str]) -> None:
    assert not any(character in url for url in urls.values() for character in "?# ")
    found = {name: resolve(unquote(url)) for name, url in urls.items()}
    assert {name: match.func.channel.__name__ for name, match in found.items()} == {name: name for name in urls}
    assert {name: match.kwargs for name, match in found.items()} == {
        "ColumnsChannel": {"shop_name": "a name, ü", "pk": 7, "kind": "x"},
        "RawChannel": {"shop_name": "shop", "slug": "a-slug", "pk": uuid.UUID(int=1), "constant": 1, "kind": "x"},
        "RelationsChannel": {"shop_name": "shop", "pk": "7", "page": "second", "kind": "x"},
        "LinkedChannel": {"pk": "a/b c/%2F?x#y"},
        "DeepChannel": {"the_year": 2026, "pk": 255},
        "WaysChannel": {"pk": "a/b", "class": "word"},
        "FieldsChannel": {"pk": 7},
        "MethodsChannel": {"a_very_long_argument": 1, "another_very_long_argument": 2, "a__b": 3, "aB": 4, "a_b": 5},
        "ShelfChannel": {"pk": "7", "name": "what's `this` & that"},
        "UnknownChannel": {"pk": "7"},
        "BriefChannel": {},
    }

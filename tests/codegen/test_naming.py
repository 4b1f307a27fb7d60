"""Names: of interfaces that want the same one, of imports, of parameters."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from rxsse.codegen.annotations import wanted_names
from rxsse.codegen.naming import RESERVED, alias, free, name_all, parameter
from rxsse.codegen.types import Declaration, Member, Named, literal, quoted, union, write


def made(name: str, module: str, *members: str) -> Declaration:
    found = Declaration("shop", wanted_names(name, module), f"{module}.{name}")
    found.members = [Member(each, Named("string")) for each in members]
    return found


def test_the_nearest_to_its_app_keeps_the_name() -> None:
    near, far = made("Task", "shop.serializers"), made("Task", "shop.api.v2.serializers")
    assert list(name_all([far, near]).values()) == ["Task", "V2Task"]
    taken = made("V2Task", "shop.serializers")
    assert name_all([far, near, taken]) == {near: "Task", taken: "V2Task", far: "ApiV2Task"}


def test_two_shapes_of_one_serializer_are_numbered() -> None:
    one, two, three = (made("Task", "shop.serializers", *members) for members in (["a"], ["a", "b"], ["c"]))
    chosen = name_all([three, two, one])
    assert [chosen[each] for each in (one, two, three)] == ["Task", "ShopTask", "ShopTask2"]


def test_what_the_files_use_themselves_is_taken() -> None:
    chosen = name_all([made(name, "shop.serializers") for name in sorted(RESERVED)])
    assert not RESERVED & set(chosen.values())


@given(st.permutations(range(6)))
def test_the_order_of_discovery_changes_nothing(order: list[int]) -> None:
    modules = ["shop.serializers", "shop.a.serializers", "shop.b", "shop.a.b"]
    several = [made("Task", module) for module in modules] + [made("A", "shop.x"), made("BTask", "shop.x")]
    chosen = name_all([several[number] for number in order])
    assert [chosen[each] for each in several] == ["Task", "ATask", "ShopBTask", "ABTask", "A", "BTask"]


def test_a_name_is_an_identifier() -> None:
    assert wanted_names("task", "shop")[0] == "Task"
    assert parameter("project_id", set()) == "projectId"
    assert parameter("class", set()) == "class_"
    assert parameter("token", set()) == "token_"
    assert parameter("a_b", {"aB"}) == "aB_"
    assert parameter("a_b", {"aB", "aB_"}) == "aB_2"
    assert parameter("trailing_", set()) == "trailing_"
    assert parameter("__x", set()) == "__x"
    assert alias("Task", "my_shop", {"Task"}) == "MyShopTask"
    assert alias("Task", "shop", {"Task", "ShopTask"}) == "ShopTask2"
    assert free(["a", "b"], set()) == "a"


@given(st.lists(st.one_of(st.booleans(), st.integers(), st.text(max_size=3)), min_size=1, max_size=6))
def test_a_union_says_each_thing_once_in_the_order_of_its_members(values: list[bool | int | str]) -> None:
    text = write(union(*map(literal, values)), str)
    again = write(union(union(*map(literal, values)), *map(literal, random.sample(values, len(values)))), str)
    assert text == again


def test_strings_use_the_quotes_that_need_fewer_escapes() -> None:
    assert quoted("a") == '"a"'
    assert quoted("it's") == '''"it's"'''
    assert quoted('say "x"') == """'say "x"'"""
    assert quoted("""'"'""") == r'''"'\"'"'''
    assert quoted('\\"\n') == r"""'\\"\n'"""
    assert quoted("\u2028\x7f\ud800") == r'"\u2028\u007f\ud800"'

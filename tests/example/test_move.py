"""Tasks are put in front of others, by who may write, and the board's order follows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.example.conftest import Demo, Person
from tests.example.test_demo import read_until, watching


def tasks_of(person: Person, project: Any) -> list[Any]:
    return person.ask("GET", f"/api/projects/{project['id']}/")["tasks"]


def titles(person: Person, project: Any) -> list[str]:
    return [task["title"] for task in tasks_of(person, project)]


@pytest.fixture
def tasks(ada: Person, project: Any) -> dict[str, int]:
    """Four tasks of the project, by title, made in the order of the alphabet."""
    return {
        title: ada.ask("POST", "/api/tasks/", {"project": project["id"], "title": title}, 201)["id"] for title in "ABCD"
    }


def move(person: Person, task: int, before: int | None, status: int = 200, **fields: Any) -> Any:
    return person.ask("POST", f"/api/tasks/{task}/move/", {"before": before, **fields}, status)


def test_a_new_task_comes_last(ada: Person, project: Any, tasks: dict[str, int]) -> None:
    assert titles(ada, project) == list("ABCD")


@pytest.mark.parametrize(
    ("task", "before", "order"),
    [("D", "A", "DABC"), ("A", None, "BCDA"), ("A", "D", "BCAD"), ("C", "B", "ACBD"), ("B", "C", "ABCD")],
)
def test_a_task_is_put_in_front_of_another(
    ada: Person, project: Any, tasks: dict[str, int], task: str, before: str | None, order: str
) -> None:
    moved = move(ada, tasks[task], tasks[before] if before else None)
    assert titles(ada, project) == list(order)
    shown = next(row for row in tasks_of(ada, project) if row["id"] == moved["id"])
    assert moved == {name: shown[name] for name in ("id", "position", "done")}


def test_a_move_writes_the_moved_task_alone(ada: Person, project: Any, tasks: dict[str, int]) -> None:
    before = {task["id"]: task for task in tasks_of(ada, project)}
    move(ada, tasks["D"], tasks["B"])
    changed = [task["id"] for task in tasks_of(ada, project) if task != before[task["id"]]]
    assert changed == [tasks["D"]]


def test_there_is_always_room(ada: Person, project: Any, tasks: dict[str, int]) -> None:
    expected = list("ABCD")
    for _ in range(15):  # 1000 can be halved ten times
        last = expected.pop()
        expected.insert(1, last)
        move(ada, tasks[last], tasks[expected[2]])
        assert titles(ada, project) == expected


def test_tasks_that_share_a_position_are_told_apart(ada: Person, project: Any, tasks: dict[str, int]) -> None:
    for task in tasks.values():
        ada.ask("PATCH", f"/api/tasks/{task}/", {"position": 0})
    move(ada, tasks["A"], tasks["C"])
    move(ada, tasks["D"], tasks["B"])
    assert titles(ada, project) == list("DBAC")


def test_a_drop_in_the_other_column_is_one_patch(ada: Person, project: Any, tasks: dict[str, int]) -> None:
    with watching(ada, f"/rx/projects/{project['id']}/") as stream:
        move(ada, tasks["A"], None, done=True)
        expected = ada.ask("GET", f"/api/projects/{project['id']}/")
        read_until(stream, lambda state: state == expected)
        assert len(stream.patches) == 1
    assert [task["done"] for task in stream.state["tasks"]] == [False, False, False, True]


def test_a_guest_moves_nothing(ada: Person, katherine: Person, project: Any, tasks: dict[str, int]) -> None:
    move(katherine, tasks["D"], tasks["A"], status=403)
    assert titles(ada, project) == list("ABCD")


def test_an_outsider_does_not_even_find_it(grace: Person, tasks: dict[str, int]) -> None:
    move(grace, tasks["D"], tasks["A"], status=404)


def test_a_place_is_in_the_same_project(ada: Person, demo: Demo, project: Any, tasks: dict[str, int]) -> None:
    other = ada.ask("POST", "/api/projects/", {"name": "Elsewhere"}, 201)
    there = ada.ask("POST", "/api/tasks/", {"project": other["id"], "title": "There"}, 201)
    for before in (there["id"], tasks["A"], 999_999, "first"):
        refused = move(ada, tasks["A"], before, status=400)
        assert list(refused) == ["before"]
    assert ada.status("POST", f"/api/tasks/{tasks['A']}/move/", {}) == 400
    assert titles(ada, project) == list("ABCD")

"""Who may do what through the example's REST API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.example.conftest import Demo, Person


def new_task(project: Any, **fields: Any) -> dict[str, Any]:
    return {"project": project["id"], "title": "Weave algebraic patterns", **fields}


@pytest.mark.parametrize("path", ["projects", "memberships", "tasks", "comments", "tags", "people"])
def test_a_stranger_sees_nothing(stranger: Person, path: str) -> None:
    assert stranger.status("GET", f"/api/{path}/") == 401


def test_a_wrong_password_gets_no_token(demo: Demo, ada: Person, stranger: Person) -> None:
    assert stranger.status("POST", "/api/token/", {"username": "ada", "password": "babbage"}) == 400


def test_people_see_the_projects_that_they_take_part_in(ada: Person, grace: Person, project: Any) -> None:
    assert project["id"] in [found["id"] for found in ada.ask("GET", "/api/projects/")]
    assert "Apollo" not in [found["name"] for found in grace.ask("GET", "/api/projects/")]
    assert grace.status("GET", f"/api/projects/{project['id']}/") == 404


def test_a_project_nests_what_is_in_it(ada: Person, people: dict[str, int], project: Any) -> None:
    tag = ada.ask("GET", "/api/tags/")[0]
    fields = {"assignee_id": people["ada"], "tag_ids": [tag["id"]], "due": "2027-02-01"}
    task = ada.ask("POST", "/api/tasks/", new_task(project, **fields), 201)
    comment = ada.ask("POST", "/api/comments/", {"task": task["id"], "text": "Punched."}, 201)
    found = ada.ask("GET", f"/api/projects/{project['id']}/")
    assert found["task_count"] == 1
    assert [participant["username"] for participant in found["participants"]] == ["ada", "katherine"]
    assert found["tasks"] == [task | {"comments": [comment]}]
    assert task["assignee"]["username"] == "ada"
    assert task["tags"] == [tag]


def test_who_makes_a_project_owns_it(project: Any) -> None:
    assert {"username": "ada", "role": "owner"}.items() <= project["participants"][0].items()


def test_a_guest_reads_and_writes_nothing(ada: Person, katherine: Person, project: Any) -> None:
    task = ada.ask("POST", "/api/tasks/", new_task(project), 201)
    assert katherine.ask("GET", f"/api/tasks/{task['id']}/") == task
    assert katherine.status("PATCH", f"/api/tasks/{task['id']}/", {"done": True}) == 403
    assert katherine.status("DELETE", f"/api/tasks/{task['id']}/") == 403
    assert katherine.status("POST", "/api/tasks/", new_task(project)) == 403
    assert katherine.status("POST", "/api/comments/", {"task": task["id"], "text": "?"}) == 403
    assert katherine.status("PATCH", f"/api/projects/{project['id']}/", {"name": "Mine"}) == 403


def test_an_outsider_can_not_write_into_a_project(ada: Person, grace: Person, project: Any) -> None:
    task = ada.ask("POST", "/api/tasks/", new_task(project), 201)
    assert grace.status("POST", "/api/tasks/", new_task(project)) == 403
    assert grace.status("PATCH", f"/api/tasks/{task['id']}/", {"done": True}) == 404
    assert grace.status("POST", "/api/comments/", {"task": task["id"], "text": "?"}) == 403


def test_nobody_moves_a_task_into_a_project_of_others(ada: Person, grace: Person, project: Any) -> None:
    compiler = next(found for found in grace.ask("GET", "/api/projects/") if found["name"] == "Compiler")
    task = grace.ask("POST", "/api/tasks/", new_task(compiler), 201)
    assert grace.status("PATCH", f"/api/tasks/{task['id']}/", {"project": project["id"]}) == 403


def test_only_participants_are_given_tasks(ada: Person, people: dict[str, int], project: Any) -> None:
    refused = ada.ask("POST", "/api/tasks/", new_task(project, assignee_id=people["grace"]), 400)
    assert "no part in this project" in refused["assignee_id"][0]


def test_an_owner_alone_invites(ada: Person, katherine: Person, people: dict[str, int], project: Any) -> None:
    invitation = {"project": project["id"], "user_id": people["margaret"], "role": "member"}
    assert katherine.status("POST", "/api/memberships/", invitation) == 403
    ada.ask("POST", "/api/memberships/", invitation, 201)
    assert ada.status("POST", "/api/memberships/", invitation) == 400


def test_comments_are_changed_by_their_authors(ada: Person, demo: Demo, people: dict[str, int], project: Any) -> None:
    margaret = demo.person("margaret")
    ada.ask("POST", "/api/memberships/", {"project": project["id"], "user_id": people["margaret"]}, 201)
    task = margaret.ask("POST", "/api/tasks/", new_task(project), 201)
    comment = margaret.ask("POST", "/api/comments/", {"task": task["id"], "text": "Priority displays."}, 201)
    assert ada.status("PATCH", f"/api/comments/{comment['id']}/", {"text": "No."}) == 403
    changed = margaret.ask("PATCH", f"/api/comments/{comment['id']}/", {"text": "Go."})
    assert changed["text"] == "Go."
    assert changed["author"]["username"] == "margaret"


def test_tags_are_added_and_not_changed(ada: Person, demo: Demo) -> None:
    existing = ada.ask("GET", "/api/tags/")[0]
    assert ada.status("POST", "/api/tags/", {"name": existing["name"]}) == 400
    assert ada.status("PATCH", f"/api/tags/{existing['id']}/", {"name": "other"}) == 405


def test_who_renames_a_project_is_not_sent_all_that_is_in_it(ada: Person, project: Any) -> None:
    """It was read one by one for the answer: half a minute for 10,000 tasks."""
    ada.ask("POST", "/api/tasks/", new_task(project), 201)
    answer = ada.ask("PATCH", f"/api/projects/{project['id']}/", {"name": "Note H"})
    assert answer == {"id": project["id"], "name": "Note H", "description": project["description"]}
    assert ada.ask("GET", f"/api/projects/{project['id']}/")["task_count"] == 1

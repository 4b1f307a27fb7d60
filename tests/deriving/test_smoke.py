"""One channel from a write to the patch, in one thread."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from rxsse.testing import subscribe
from tests.domain.channels import BoardChannel
from tests.domain.models import Board, Task


@pytest.mark.django_db
def test_a_change_becomes_a_patch() -> None:
    user = User.objects.create(username="ann")
    board = Board.objects.create(slug="b", code="B", title="Board", owner=user)
    task = Task.objects.create(board=board, title="One", position=1)
    reader = subscribe(BoardChannel, user, slug="b")
    assert reader.state["tasks"][0]["title"] == "One"
    task.title = "Two"
    task.save()
    (patch,) = reader.patches
    assert patch[0] == {"op": "replace", "path": "/tasks/0/title", "value": "Two"}
    Task.objects.create(board=board, title="Zero", position=0)
    assert [t["title"] for t in reader.state["tasks"]] == ["Zero", "Two"]
    Task.objects.filter(title="Two").delete()
    assert [t["title"] for t in reader.state["tasks"]] == ["Zero"]
    user.username = "bob"
    user.save()
    assert reader.state["owner"]["username"] == "bob"

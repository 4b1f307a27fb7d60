"""One row is one topic, by whichever route it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from rest_framework.test import APIClient

from rxsse import runtime
from rxsse.deriving.topics import HotTopic
from tests.domain.models import Board, Ledger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Iterator[APIClient]:
    runtime.reset()
    client = APIClient()
    client.force_authenticate(User.objects.create_user("ann"))
    yield client
    runtime.reset()


def hot() -> list[HotTopic]:
    return list(runtime.current().engine._topics.values())


def test_two_routes_to_one_row_share_cursor_and_state(client: APIClient) -> None:
    board = Board.objects.create(slug="one", code="B1", title="t")
    urls = [reverse("wide-board", args=["one"]), reverse("wide-board-by-code", args=["B1"])]
    first, second = (client.get(url, HTTP_ACCEPT="application/json") for url in urls)
    assert first.status_code == second.status_code == 200
    assert first["ETag"] == second["ETag"]
    assert first.content == second.content
    assert len(hot()) == 1
    board.seats.create(number=1)
    Board.objects.filter(pk=board.pk).update(code="B2")
    assert client.get(urls[1], HTTP_ACCEPT="application/json").status_code == 404
    renamed = client.get(reverse("wide-board-by-code", args=["B2"]), HTTP_ACCEPT="application/json")
    assert renamed.json()["seats"] == [{"number": 1, "taken_by": ""}]
    assert renamed["ETag"].split(".")[0] == first["ETag"].split(".")[0]
    assert len(hot()) == 1


def test_rows_of_another_table_lead_to_one_topic(client: APIClient) -> None:
    ledger = Ledger.objects.create(name="l")
    accounts = [ledger.accounts.create(amount=amount) for amount in (1, 2)]
    urls = [reverse("account-ledger", args=[account.pk]) for account in accounts]
    first, second = (client.get(url, HTTP_ACCEPT="application/json") for url in urls)
    assert first["ETag"] == second["ETag"]
    accounts[1].delete()
    assert client.get(urls[1], HTTP_ACCEPT="application/json").status_code == 404
    assert client.get(urls[0], HTTP_ACCEPT="application/json").json()["total"] == 1
    assert len(hot()) == 1


def test_users_have_topics_of_their_own(client: APIClient) -> None:
    board = Board.objects.create(slug="one", code="B1", title="t")
    url = reverse("my-board", args=[board.pk])
    states = [client.get(url, HTTP_ACCEPT="application/json")]
    client.force_authenticate(User.objects.create_user("bob"))
    states.append(client.get(url, HTTP_ACCEPT="application/json"))
    assert [state.json()["greeting"] for state in states] == ["t for ann", "t for bob"]
    assert states[0]["ETag"] != states[1]["ETag"]

"""`rxsse.testing` where applications use it: in each kind of test case, inside transactions and out of them."""

from __future__ import annotations

import gc
import json
from typing import Any

import jsonpatch
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404
from django.test import Client, TestCase, TransactionTestCase
from rest_framework.authtoken.models import Token
from rest_framework.renderers import JSONRenderer

from rxsse import runtime
from rxsse.exceptions import DeriveError, Gone
from rxsse.testing import Subscription, subscribe
from tests.domain.channels import (
    BoardChannel,
    BusyBoardsChannel,
    MemberChannel,
    MyTasksChannel,
    PrivateBoardChannel,
    TagChannel,
)
from tests.domain.models import Board, Counter, Label, Secret, Task
from tests.domain.serializers import BoardSerializer


class Rollback(Exception):
    pass


class Scenario:
    """What holds in every kind of test case."""

    def setUp(self) -> None:
        self.user = User.objects.create(username="ann")
        self.board = Board.objects.create(slug="b", code="B", title="Board", owner=self.user)
        self.task = Task.objects.create(board=self.board, title="One", position=1)
        self.reader = subscribe(BoardChannel, self.user, slug="b")

    def titles(self) -> list[str]:
        return [task["title"] for task in self.reader.state["tasks"]]

    def test_a_new_subscription_has_a_snapshot_and_no_patches(self) -> None:
        assert self.reader.snapshot == self.reader.state == rendered(self.board)
        assert self.reader.patches == []
        assert self.reader.cursor.revision == 0

    def test_a_change_is_one_patch_of_one_revision(self) -> None:
        self.task.title = "Two"
        self.task.save()
        (patch,) = self.reader.patches
        assert {"op": "replace", "path": "/tasks/0/title", "value": "Two"} in patch
        assert self.reader.patches == []
        assert self.reader.cursor.revision == 1

    def test_patches_lead_from_the_snapshot_to_the_state(self) -> None:
        held = self.reader.snapshot
        for step in range(3):
            Task.objects.create(board=self.board, title=f"more {step}", position=-step)
            Task.objects.filter(title="One").update(position=step)
            for patch in self.reader.patches:
                held = jsonpatch.apply_patch(held, patch)
            assert held == self.reader.state == rendered(self.board)

    def test_the_snapshot_stays_what_it_was(self) -> None:
        before = self.reader.snapshot["tasks"][0]["title"]
        Task.objects.update(title="Two")
        assert self.titles() == ["Two"]
        assert self.reader.snapshot["tasks"][0]["title"] == before == "One"

    def test_several_changes_before_a_look_are_one_patch(self) -> None:
        self.task.title = "Two"
        self.task.save()
        Task.objects.create(board=self.board, title="Three", position=3)
        Board.objects.update(title="Renamed")
        (patch,) = self.reader.patches
        assert len(patch) >= 3
        assert self.reader.cursor.revision == 1

    def test_what_does_not_matter_is_no_patch(self) -> None:
        Counter.objects.create(name="elsewhere")
        Label.objects.create(key="unused")
        Task.objects.filter(pk=self.task.pk).update(title="One")
        self.task.save()
        assert self.reader.patches == []
        assert self.reader.cursor.revision == 0

    def test_every_kind_of_write_is_seen(self) -> None:
        Task.objects.bulk_create([Task(board=self.board, title="bulk", position=2)])
        assert self.titles() == ["One", "bulk"]
        label = Label.objects.create(key="a/b~c")
        self.task.labels.add(label)
        assert self.reader.state["tasks"][0]["labels"] == [{"key": "a/b~c", "colour": "grey"}]
        label.delete()
        assert self.reader.state["tasks"][0]["labels"] == []
        Task.objects.all().delete()
        assert self.titles() == []

    def test_a_savepoint_rolled_back_leaves_no_trace(self) -> None:
        with pytest.raises(Rollback), transaction.atomic():
            Task.objects.update(title="never")
            raise Rollback
        assert self.titles() == ["One"]
        assert self.reader.patches == []

    def test_a_savepoint_rolled_back_takes_only_its_own_along(self) -> None:
        with transaction.atomic():
            Task.objects.update(title="kept")
            with pytest.raises(Rollback), transaction.atomic():
                Task.objects.create(board=self.board, title="never", position=9)
                raise Rollback
            Board.objects.update(title="kept too")
        assert self.titles() == ["kept"]
        assert self.reader.state["title"] == "kept too"
        assert len(self.reader.patches) == 1

    def test_what_was_seen_inside_a_savepoint_is_taken_back(self) -> None:
        """A look inside a transaction sees what only the transaction sees; after its rollback that is gone."""
        with pytest.raises(Rollback), transaction.atomic():
            Task.objects.update(title="never")
            assert self.titles() == ["never"]
            raise Rollback
        assert self.titles() == ["One"]
        assert self.reader.state == rendered(self.board)

    def test_subscribing_inside_a_savepoint_that_is_rolled_back(self) -> None:
        with pytest.raises(Rollback), transaction.atomic():
            Task.objects.update(title="never")
            early = subscribe(BoardChannel, self.user, slug="b")
            assert early.state["tasks"][0]["title"] == "never"
            raise Rollback
        assert early.state["tasks"][0]["title"] == "One"

    def test_many_subscriptions_see_the_same(self) -> None:
        others = [subscribe(BoardChannel, self.user, slug="b") for _ in range(5)]
        member, mine = subscribe(MemberChannel, self.user, user_id=self.user.pk), subscribe(MyTasksChannel, self.user)
        self.task.assignee = self.user
        self.task.save()
        for other in others:
            assert other.state == self.reader.state
            assert len(other.patches) == 1
        assert [task["title"] for task in member.state["tasks"]] == ["One"]
        assert [task["title"] for task in mine.state] == ["One"]

    def test_a_subscription_that_looks_seldom_misses_nothing(self) -> None:
        eager = subscribe(BoardChannel, self.user, slug="b")
        for number in range(4):
            Task.objects.update(title=f"title {number}")
            assert eager.state["tasks"][0]["title"] == f"title {number}"
        assert len(eager.patches) == 4
        assert len(self.reader.patches) == 1
        assert self.reader.state == eager.state

    def test_permissions_are_asked(self) -> None:
        for nobody in (None, AnonymousUser()):
            with pytest.raises(PermissionDenied, match="BoardChannel"):
                subscribe(BoardChannel, nobody, slug="b")
        with pytest.raises(PermissionDenied):
            subscribe(MemberChannel, self.user, user_id=self.user.pk + 1)

    def test_an_anchor_that_is_not_there(self) -> None:
        with pytest.raises(Http404):
            subscribe(BoardChannel, self.user, slug="nowhere")

    def test_an_argument_too_few(self) -> None:
        with pytest.raises(TypeError):
            subscribe(MemberChannel, self.user)

    def test_an_anchor_that_goes(self) -> None:
        assert not self.reader.gone
        self.board.delete()
        assert self.reader.gone
        for _ in range(2):
            with pytest.raises(Gone):
                _ = self.reader.state
            with pytest.raises(Gone):
                _ = self.reader.patches

    def test_an_anchor_that_goes_and_is_brought_back(self) -> None:
        with pytest.raises(Rollback), transaction.atomic():
            self.board.delete()
            assert self.reader.gone
            raise Rollback
        assert not self.reader.gone
        assert self.titles() == ["One"]

    def test_rows_of_another_user_do_not_appear(self) -> None:
        bob = User.objects.create(username="bob")
        mine, other = (subscribe(PrivateBoardChannel, user, board_id=self.board.pk) for user in (self.user, bob))
        secret = Secret.objects.create(board=self.board, owner=self.user, text="hidden")
        assert [row["text"] for row in mine.state["secrets"]] == ["hidden"]
        assert (other.state["secrets"], other.patches) == ([], [])
        secret.owner = bob
        secret.save()
        assert mine.state["secrets"] == []
        assert [row["text"] for row in other.state["secrets"]] == ["hidden"]

    def test_closing_ends_it(self) -> None:
        open_one = subscribe(BoardChannel, self.user, slug="b")
        self.reader.close()
        self.reader.close()
        Task.objects.update(title="Two")
        assert self.titles() == ["One"]
        assert self.reader.patches == []
        assert open_one.state["tasks"][0]["title"] == "Two"
        with subscribe(TagChannel, self.user, key=Label.objects.create(key="x").key) as tag:
            Label.objects.update(colour="red")
            assert tag.state["colour"] == "red"
        Label.objects.update(colour="blue")
        assert tag.state["colour"] == "red"

    def test_one_that_is_forgotten_is_closed(self) -> None:
        before = len(runtime.current().inbox._mailboxes)
        others = [subscribe(BoardChannel, self.user, slug="b") for _ in range(3)]
        assert len(runtime.current().inbox._mailboxes) == before + 3
        others.clear()
        gc.collect()
        assert len(runtime.current().inbox._mailboxes) <= before

    async def test_in_an_async_test(self) -> None:
        await Task.objects.aupdate(title="Two")
        state = await sync_to_async(lambda: self.reader.state)()
        assert [task["title"] for task in state["tasks"]] == ["Two"]
        other = await sync_to_async(subscribe)(BoardChannel, self.user, slug="b")
        await Board.objects.aupdate(title="Renamed")
        assert (await sync_to_async(lambda: other.state)())["title"] == "Renamed"

    def test_reading_costs_no_query_where_nothing_has_changed(self) -> None:
        _ = self.reader.state
        with CaptureQueries() as queries:
            for _ in range(3):
                assert self.reader.state
                assert self.reader.patches == []
        assert queries.count == 0

    def test_a_serializer_that_raises_is_told(self) -> None:
        listing = subscribe(BusyBoardsChannel, self.user)
        assert len(listing.state) == 1
        original = BusyBoardsChannel.get_queryset
        BusyBoardsChannel.get_queryset = lambda self: 1 / 0  # type: ignore[assignment]
        try:
            Board.objects.update(title="Two")
            for _ in range(2):
                with pytest.raises(DeriveError):
                    _ = listing.state
        finally:
            BusyBoardsChannel.get_queryset = original  # type: ignore[method-assign]
        assert [board["title"] for board in listing.state] == ["Two"]  # nothing was lost by it
        assert len(listing.patches) == 1

    def test_the_endpoint_gives_the_same(self) -> None:
        key = Token.objects.create(user=self.user).key
        Task.objects.update(title="Two")
        headers = {"Accept": "application/json", "Authorization": f"Token {key}"}
        assert Client().get("/rx/boards/b/", headers=headers).json() == self.reader.state


def rendered(board: Board) -> Any:
    board = Board.objects.get(pk=board.pk)
    return json.loads(JSONRenderer().render(BoardSerializer(board).data))


class CaptureQueries:
    """Counts the queries of this thread's connection."""

    count = 0

    def __enter__(self) -> CaptureQueries:
        connection.execute_wrappers.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        connection.execute_wrappers.remove(self)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


class InTestCase(Scenario, TestCase):
    def tearDown(self) -> None:
        self.reader.close()

    def test_hooks_on_commit_may_be_run(self) -> None:
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            Task.objects.update(title="Two")
            transaction.on_commit(lambda: Task.objects.update(title="Three"))
            assert self.titles() == ["Two"]
        assert callbacks
        assert self.titles() == ["Three"]
        assert len(self.reader.patches) == 2

    def test_hooks_on_commit_may_be_left(self) -> None:
        with self.captureOnCommitCallbacks() as callbacks:
            Task.objects.update(title="Two")
        assert self.titles() == ["Two"]
        assert len(self.reader.patches) == 1
        for callback in callbacks:
            callback()
        assert self.reader.patches == []


class FromSetUpTestData(TestCase):
    """A subscription made for the whole class would outlive each test's rollback; made in a test it doesn't."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.user = User.objects.create(username="ann")
        cls.board = Board.objects.create(slug="b", code="B", title="Board")

    def test_one(self) -> None:
        reader = subscribe(BoardChannel, self.user, slug="b")
        Board.objects.update(title="One")
        assert reader.state["title"] == "One"

    def test_two(self) -> None:
        reader = subscribe(BoardChannel, self.user, slug="b")
        assert reader.state["title"] == "Board"
        Board.objects.update(title="Two")
        assert reader.state["title"] == "Two"


class InTransactionTestCase(Scenario, TransactionTestCase):
    def tearDown(self) -> None:
        self.reader.close()

    def test_a_transaction_that_fails_leaves_no_trace(self) -> None:
        with pytest.raises(Rollback), transaction.atomic():
            Task.objects.update(title="never")
            Board.objects.update(title="never")
            raise Rollback
        assert self.reader.patches == []
        Task.objects.update(title="Two")
        assert self.titles() == ["Two"]

    def test_transactions_between_two_looks_are_one_patch(self) -> None:
        for number in range(3):
            with transaction.atomic():
                Task.objects.update(title=f"title {number}")
                Board.objects.update(title=f"board {number}")
        assert len(self.reader.patches) == 1
        assert (self.titles(), self.reader.state["title"]) == (["title 2"], "board 2")


@pytest.fixture
def reader(db: None) -> Subscription:
    user = User.objects.create(username="ann")
    Board.objects.create(slug="b", code="B", title="Board", owner=user)
    return subscribe(BoardChannel, user, slug="b")


def test_with_the_db_fixture(reader: Subscription) -> None:
    Board.objects.update(title="Two")
    assert reader.state["title"] == "Two"


@pytest.mark.django_db(transaction=True)
def test_with_the_mark_for_transactions(reader: Subscription) -> None:
    with transaction.atomic():
        Board.objects.update(title="Two")
    assert reader.state["title"] == "Two"


def test_with_the_fixture_that_runs_hooks(reader: Subscription, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        Board.objects.update(title="Two")
    assert len(reader.patches) == 1
    assert reader.state["title"] == "Two"


@pytest.mark.parametrize("transactional", [False, True])
def test_no_server_is_needed(request: pytest.FixtureRequest, settings: Any, transactional: bool) -> None:
    """Whatever the project's settings name for production."""
    settings.RXSSE = {"REDIS_URL": "redis://127.0.0.1:1/0", "MONGO_URL": "mongodb://127.0.0.1:1/x", "LOG_LENGTH": 7}
    runtime.reset()
    try:
        request.getfixturevalue("transactional_db" if transactional else "db")
        reader = request.getfixturevalue("reader")
        Board.objects.update(title="Two")
        assert reader.state["title"] == "Two"
        assert (runtime.current().settings.REDIS_URL, runtime.current().settings.LOG_LENGTH) == (None, 7)
    finally:
        runtime.reset()
    assert runtime.current().settings.REDIS_URL == "redis://127.0.0.1:1/0"
    runtime.reset()

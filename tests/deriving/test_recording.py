"""What serializer code reads is noticed: tables in SQL of any kind, rows out of relations that were read before."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection, models

from rxsse.deriving.recording import TrackedCache, listening, recording, tables_in, track
from tests.domain.models import Board, Profile, Task, Team

TASK, BOARD, THROUGH = "domain.task", "domain.board", "domain.task_labels"


@pytest.mark.parametrize(
    ("sql", "labels"),
    [
        ('SELECT "domain_task"."id" FROM "domain_task"', {TASK}),
        ("SELECT * FROM domain_task, domain_board", {TASK, BOARD}),
        ("SELECT * FROM `domain_task` JOIN `domain_board` ON 1", {TASK, BOARD}),
        ("SELECT * FROM [domain_task]", {TASK}),
        ('SELECT * FROM "public"."domain_task"', {TASK}),
        ("SELECT * FROM public.domain_task t", {TASK}),
        ("select * from DOMAIN_TASK", {TASK}),
        ('WITH x AS (SELECT * FROM domain_task) SELECT * FROM x, "domain_board"', {TASK, BOARD}),
        ("SELECT (SELECT COUNT(*) FROM domain_task WHERE board_id=b.code) FROM domain_board b", {TASK, BOARD}),
        ('SELECT 1 FROM "domain_task_labels" WHERE EXISTS(SELECT 1)', {THROUGH}),
        ("SELECT 1\nFROM\tdomain_task--comment", {TASK}),
        ("SELECT 1 FROM domain_taskforce", set()),
        ("SELECT 1", set()),
        ('SELECT "domain_document"."id" FROM "domain_document"', {"domain.document"}),
    ],
)
def test_tables_in_sql(sql: str, labels: set[str]) -> None:
    assert tables_in(sql) == labels


def test_a_table_with_its_schema_in_its_name() -> None:
    from rxsse.deriving import recording as module

    class Far(models.Model):
        class Meta:
            app_label = "domain"
            db_table = '"far"."away"'

    try:
        module._labels_by_table.cache_clear()
        module.tables_in.cache_clear()
        assert tables_in('SELECT * FROM "far"."away"') == {"domain.far"}
        assert tables_in("SELECT * FROM far.away") == {"domain.far"}
    finally:
        from django.apps import apps

        del apps.all_models["domain"]["far"]
        apps.clear_cache()
        module._labels_by_table.cache_clear()
        module.tables_in.cache_clear()


@pytest.mark.django_db
def test_an_inner_recording_keeps_its_reads_to_itself() -> None:
    with listening(), recording() as outer:
        list(Team.objects.all())
        with recording() as inner:
            list(Task.objects.all())
            Board.objects.raw("SELECT * FROM domain_board")[:]
        Team.objects.exists()
    assert outer.tables == {"domain.team"}
    assert inner.tables == {TASK, BOARD}


@pytest.mark.django_db
def test_nothing_is_recorded_outside() -> None:
    with listening():
        list(Team.objects.all())
    with recording() as reads:
        list(Team.objects.all())
    assert reads.tables == set()
    assert connection.execute_wrappers == []


@pytest.mark.django_db
def test_another_threads_reads_are_its_own() -> None:
    found: list[set[str]] = []

    def read() -> None:
        with recording() as reads:
            found.append(reads.tables)

    with listening(), recording() as mine:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        list(Team.objects.all())
    assert (found, mine.tables) == ([set()], {"domain.team"})


@pytest.mark.django_db
def test_rows_that_were_read_before() -> None:
    team = Team.objects.create(name="t")
    ann = User.objects.create(username="ann")
    Profile.objects.create(user=ann, team=team)
    board = Board.objects.create(slug="b", code="B", owner=ann, team=None)
    board = Board.objects.select_related("owner__profile__team", "team").get(pk=board.pk)
    track(board)
    track(board)
    assert type(board._state.fields_cache) is TrackedCache
    with listening(), recording() as reads:
        assert board.owner is not None
        assert board.owner.profile.team is not None
        assert board.team is None
    # No key: what it would be is a column of the board.
    assert reads.rows == {
        ("auth.user", str(ann.pk)),
        ("domain.profile", str(ann.profile.pk)),
        ("domain.team", str(team.pk)),
    }
    assert reads.tables == set()


@pytest.mark.django_db
def test_the_other_end_of_a_one_to_one_that_is_not_there() -> None:
    User.objects.create(username="ann")
    user = User.objects.select_related("profile").get()
    track(user)
    with listening(), recording() as reads:
        assert not hasattr(user, "profile")
    assert reads.tables == {"domain.profile"}


def test_a_tracked_cache_is_a_dictionary() -> None:
    team = Team(pk=3)
    cache = TrackedCache(Board, {"team": team, "gone": None})
    assert cache["team"] is team
    assert cache.get("nothing", 7) == 7
    with recording() as reads:
        assert cache.get("team") is team
        assert cache["gone"] is None
        with pytest.raises(KeyError):
            cache["nothing"]
    assert reads.rows == {("domain.team", "3")}

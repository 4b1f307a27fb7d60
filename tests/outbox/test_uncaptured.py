"""Writes that bypass the ORM are found, with file and line, and no others."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from rxsse.testing import uncaptured
from rxsse.uncaptured import written
from tests.capture.models import Cafe, Person, Project, Tag

transactional = pytest.mark.django_db(transaction=True)


def here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


@transactional
def test_raw_sql_is_found_where_it_stands() -> None:
    with uncaptured() as writes:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO capture_person (id, name) VALUES (7, 'ann')")
            line = here() - 1
            cursor.execute("SELECT * FROM capture_person")
    (write,) = writes
    assert (write.table, write.file, write.line) == ("capture_person", __file__, line)
    assert str(write).startswith(f"{__file__}:{line}: capture_person: INSERT INTO")


@transactional
def test_nothing_that_goes_through_the_orm() -> None:
    with uncaptured() as writes:
        owner = Person.objects.create(name="ann")
        project = Project.objects.create(title="x", owner=owner)
        project.tags.add(Tag.objects.create(name="red"))
        Person.objects.bulk_create([Person(name="bob")], ignore_conflicts=True)
        Person.objects.bulk_update([owner], ["name"])
        Cafe.objects.filter(pk=Cafe.objects.create(name="x").pk).update(name="y", seats=2)
        Person.objects.filter(name="bob")._raw_delete("default")
        with transaction.atomic():
            assert list(Person.objects.select_for_update()) == [owner]
        owner.delete()
        call_command("flush", interactive=False, verbosity=0)
    assert writes == []


@transactional
def test_every_thread_until_its_end() -> None:
    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE capture_person SET name = 'x'")
        connections.close_all()

    with uncaptured() as writes:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    write()
    assert [found.table for found in writes] == ["capture_person"]


@transactional
def test_what_nobody_shows_does_not_count() -> None:
    with uncaptured() as writes, connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE scratch (id integer)")
        cursor.execute("INSERT INTO scratch VALUES (1)")
        cursor.execute("DELETE FROM django_session")
        cursor.execute("DROP TABLE scratch")
    assert writes == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT 1", []),
        ("select * from a for update", []),
        ("SELECT 'DELETE FROM a'", []),
        ("-- DELETE FROM a\nSELECT 1", []),
        ("insert into a values (1)", ["a"]),
        ('INSERT OR REPLACE INTO "odd name" VALUES (1)', ["odd name"]),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", ["a"]),
        ("WITH gone AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM gone", ["a", "b"]),
        ("/* why */ UPDATE ONLY public.a SET x = 'INSERT INTO c'", ["a"]),
        ("TRUNCATE TABLE a CASCADE", ["a"]),
        ("SELECT 1; DELETE FROM a", ["a"]),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", ["a"]),
        ("COPY a FROM STDIN", ["a"]),
    ],
)
def test_what_a_statement_writes(statement: str, tables: list[str]) -> None:
    assert written(statement) == tables


@given(st.text(), st.sampled_from(["INSERT INTO {} VALUES (1)", "DELETE FROM {}", "UPDATE {} SET x = 1"]))
def test_no_literal_is_taken_for_a_statement(text: str, form: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    assert written(f"SELECT {literal}") == []
    assert written(form.format("a") + f" -- {' '.join(text.split())}\n") == ["a"]
    assert written(f"WITH x AS (SELECT {literal}) " + form.format("a")) == ["a"]


SUITE = """
import pytest
from django.db import connection
from tests.capture.models import Person

@pytest.mark.django_db
def test_both():
    Person.objects.create(name="ann")
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE capture_person SET name = 'x'")
"""


def test_pytest_lists_them(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nDJANGO_SETTINGS_MODULE = tests.settings\npythonpath = {root}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "rxsse", "--rxsse-uncaptured", "test_suite.py"],
        cwd=tmp_path,
        env=os.environ | {"RXSSE_TEST_DATABASE": "sqlite"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_suite.py:11: capture_person: UPDATE capture_person SET name = 'x' (2 times)" in done.stdout
    assert "2 in all" in done.stdout

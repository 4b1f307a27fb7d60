"""The ledger against the simplest model of it: a list that is cut at savepoints."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rxsse.capture import ledger as ledgers
from rxsse.capture.ledger import Journal, Ledger, Page, anything, bounded, late
from rxsse.messages import Announcement, Change, Operation, Phase

INSERT, UPDATE, DELETE = Operation

changes = st.builds(
    Change,
    model=st.sampled_from(["a.b", "a.c"]),
    operation=st.sampled_from(Operation),
    keys=st.none() | st.lists(st.integers(0, 9).map(str), min_size=1, max_size=3, unique=True).map(tuple),
    fields=st.none() | st.frozensets(st.sampled_from("xyz"), min_size=1),
    relations=st.dictionaries(
        st.sampled_from(["p_id", "q_id"]),
        st.lists(st.none() | st.sampled_from("123"), min_size=1, max_size=2).map(tuple),
    ),
)
steps = st.lists(
    st.one_of(
        changes,
        st.just("savepoint"),
        st.tuples(st.sampled_from(["release", "rollback"]), st.integers(0, 5)),
    ),
    max_size=40,
)


def covers(told: tuple[Change, ...], change: Change) -> bool:
    """Whether a reader of ``told`` knows at least of what ``change`` says."""

    def covered_by(other: Change) -> bool:
        return (
            (other.model, other.operation) == (change.model, change.operation)
            and (other.keys is None or (change.keys is not None and set(change.keys) <= set(other.keys)))
            and (other.fields is None or other.fields == change.fields)
            and all(
                name in change.relations and set(change.relations[name]) <= set(values)
                for name, values in other.relations.items()
            )
        )

    return any(covered_by(other) for other in told)


@given(steps, st.integers(0, 3))
def test_what_stands_is_what_no_rollback_has_cut(program: list[object], before: int) -> None:
    """``before`` savepoints are older than the ledger, which is made at the first note."""
    ledger = Ledger()
    model: list[Change] = []
    marks: list[tuple[str, int]] = [(f"old{number}", 0) for number in range(before)]
    for number, step in enumerate(program):
        if isinstance(step, Change):
            ledger.page.add(step)
            model.append(step)
        elif step == "savepoint":
            ledger.savepoint(f"s{number}")
            marks.append((f"s{number}", len(model)))
        elif isinstance(step, tuple) and marks:
            kind, depth = step
            place = min(depth, len(marks) - 1)
            sid, length = marks[place]
            if kind == "release":
                ledger.release(sid)
                del marks[place:]
            else:
                forgotten = ledger.rollback(sid)
                assert all(covers(forgotten.changes(), change) for change in model[length:])
                del model[length:], marks[place + 1 :]
    told = ledger.whole().changes()
    assert all(covers(told, change) for change in model)
    # And nothing but that: every key and every table has been noted by someone.
    assert {(change.model, change.operation) for change in told} == {(c.model, c.operation) for c in model}
    assert {(c.model, key) for c in told for key in c.keys or ()} <= {
        (c.model, key) for c in model for key in c.keys or ()
    }


def test_rows_of_one_kind_of_change_are_united() -> None:
    page = Page()
    page.add(Change("a.b", INSERT, ("1",), None, {"p_id": ("1",), "q_id": ("7",)}))
    page.add(Change("a.b", INSERT, ("2",), None, {"p_id": ("2",)}))
    page.add(Change("a.b", UPDATE, ("1",)))

    assert page.changes() == (
        Change("a.b", INSERT, ("1", "2"), None, {"p_id": ("1", "2")}),
        Change("a.b", UPDATE, ("1",)),
    )


def test_rows_that_are_named_stay_named_beside_rows_that_are_not() -> None:
    page = Page()
    page.add(Change("a.b", DELETE, None, None, {"p_id": ("1",)}))
    page.add(Change("a.b", DELETE, ("5",)))

    assert page.changes() == (Change("a.b", DELETE, None, None, {"p_id": ("1",)}), Change("a.b", DELETE, ("5",)))


def test_a_million_rows_take_the_room_of_a_few() -> None:
    page = Page()
    for number in range(ledgers.MAX_VALUES + 1):
        page.add(Change("a.b", INSERT, (str(number),), None, {"p_id": ("1",), "q_id": (str(number),)}))
    page.add(Change("a.b", INSERT, ("last",), None, {"p_id": ("1",), "q_id": ("last",)}))

    assert page.changes() == (Change("a.b", INSERT, None, None, {"p_id": ("1",)}),)


def test_too_many_kinds_of_change_name_only_tables() -> None:
    page = Page()
    for number in range(ledgers.MAX_GROUPS + 1):
        page.add(Change("a.b", UPDATE, ("1",), frozenset({f"f{number}"})))
    page.add(Change("a.c", UPDATE, ("1",)))

    assert page.changes() == (anything("a.b", UPDATE), Change("a.c", UPDATE, ("1",)))


@given(st.lists(changes, max_size=8), st.integers(1, 400))
def test_an_announcement_is_bounded_and_loses_nothing(noted: list[Change], factor: int) -> None:
    large = [
        Change(
            change.model,
            change.operation,
            None
            if change.keys is None
            else tuple(f"{key}-{number:060}" for key in change.keys for number in range(factor)),
            change.fields,
            change.relations,
        )
        for change in noted
    ]
    told = bounded(tuple(large))

    assert all(covers(told, change) for change in large)
    assert len(Announcement("x" * 16, Phase.PREPARED, "default", told).encode()) < 64_000


def test_the_largest_change_gets_coarser_first() -> None:
    small = Change("a.b", UPDATE, ("1",))
    large = Change("a.c", UPDATE, tuple("k" * 90 + str(number) for number in range(400)))

    assert bounded((large, small)) == (anything("a.c", UPDATE), small)


def test_late_watchers() -> None:
    page = Page()
    page.unwatched |= {("a.c", DELETE), ("a.b", INSERT)}

    assert late(page, lambda model: model == "a.b") == (anything("a.b", INSERT),)


def test_a_journal_merges_what_is_old() -> None:
    journal = Journal()
    journal.write([Change("a.b", UPDATE, ("old",))])
    start = journal.position
    for number in range(ledgers.MAX_JOURNAL):
        journal.write([Change("a.c", UPDATE, (str(number % 3),))])

    assert journal.since(journal.position) == ()
    assert journal.since(journal.position - 1) == (Change("a.c", UPDATE, ("0",)),)
    assert {change.model for change in journal.since(start)} == {"a.c"}
    assert {change.model for change in journal.since(0)} == {"a.b", "a.c"}

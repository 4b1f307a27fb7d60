"""The ledger: what one open transaction has noted, page by page, one page per savepoint; pure bookkeeping.

Changes are merged as they are noted, so a transaction of a million saves holds a few hundred
keys. Whatever exceeds a bound gets coarser, never lost: first a statement's rows become
"some rows" (``keys`` None), then its relations become unknown. Knows no database and no feed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from rxsse.messages import Change, Operation

MAX_VALUES = 500
"""Keys, or values of one relation, in one change: re-reading more rows than that one by one costs more than all."""

MAX_GROUPS = 64
"""Changes in one announcement: real transactions write a dozen tables; beyond that only tables are named."""

MAX_BYTES = 32_000
"""Rough size of an announcement (about 2,000 keys): a commit waits for it to be sent."""

MAX_FREE = 50
"""Changes and their values that always fit: nearly every transaction has fewer, and is not looked at closer."""

MAX_JOURNAL = 1_000
"""Changes a journal holds one by one; older ones are merged."""

GroupKey = tuple[str, Operation, frozenset[str] | None, bool]


class _Group:
    """Changes that differ only in their rows."""

    __slots__ = ("keys", "relations")

    def __init__(self, change: Change) -> None:
        self.keys: dict[str, None] | None = None if change.keys is None else dict.fromkeys(change.keys)
        self.relations = {column: dict.fromkeys(values) for column, values in change.relations.items()}
        self._bound()

    def add(self, change: Change) -> None:
        if change.keys is None:
            self.keys = None
        elif self.keys is not None:
            self.keys.update(dict.fromkeys(change.keys))
        # A column that one of both doesn't know is not known of their union.
        for column in list(self.relations):
            if column in change.relations:
                self.relations[column].update(dict.fromkeys(change.relations[column]))
            else:
                del self.relations[column]
        self._bound()

    def _bound(self) -> None:
        if self.keys is not None and len(self.keys) > MAX_VALUES:
            self.keys = None
        for column in [column for column, values in self.relations.items() if len(values) > MAX_VALUES]:
            del self.relations[column]

    def change(self, model: str, operation: Operation, fields: frozenset[str] | None) -> Change:
        return Change(
            model,
            operation,
            None if self.keys is None else tuple(self.keys),
            fields,
            {column: tuple(values) for column, values in self.relations.items()},
        )


class Page:
    """Merged changes, and the (model, operation) of writes that nobody watched when they were made."""

    __slots__ = ("_groups", "unwatched")

    def __init__(self) -> None:
        self._groups: dict[GroupKey, _Group] = {}
        self.unwatched: set[tuple[str, Operation]] = set()

    def add(self, change: Change) -> None:
        # Rows that are named and rows that are not stay apart: the union would name none.
        key = (change.model, change.operation, change.fields, change.keys is None)
        group = self._groups.get(key)
        if group is not None:
            group.add(change)
            return
        self._groups[key] = _Group(change)
        if len(self._groups) > MAX_GROUPS:
            coarse = {(model, operation) for model, operation, _, _ in self._groups}
            self._groups.clear()
            for model, operation in coarse:
                self._groups[model, operation, None, True] = _Group(anything(model, operation))

    def absorb(self, page: Page) -> None:
        """Take over everything that ``page`` holds."""
        for change in page.changes():
            self.add(change)
        self.unwatched |= page.unwatched

    def changes(self) -> tuple[Change, ...]:
        """In the order in which each kind of change was first noted."""
        return tuple(
            group.change(model, operation, fields) for (model, operation, fields, _), group in self._groups.items()
        )


class Ledger:
    """The notes of one connection's open transaction; `rollback` forgets those made since a savepoint."""

    __slots__ = ("_pages", "_savepoints")

    def __init__(self) -> None:
        self._pages = [Page()]
        self._savepoints: list[str] = []  # of all pages but the first

    @property
    def page(self) -> Page:
        """Where to note what is written now."""
        return self._pages[-1]

    def savepoint(self, sid: str) -> None:
        self._savepoints.append(sid)
        self._pages.append(Page())

    def release(self, sid: str) -> None:
        """The savepoint is gone, what was written since stays. One from before the ledger means nothing here."""
        if sid in self._savepoints:
            depth = self._savepoints.index(sid) + 1
            for page in self._pages[depth:]:
                self._pages[depth - 1].absorb(page)
            del self._pages[depth:], self._savepoints[depth - 1 :]

    def rollback(self, sid: str | None) -> Page:
        """Forget, and return, what was noted since ``sid``: all of it where that is older than the ledger (or None).

        As in SQL the savepoint itself stays, later ones don't.
        """
        depth = self._savepoints.index(sid) + 1 if sid in self._savepoints else 0
        forgotten = Page()
        for page in self._pages[depth:]:
            forgotten.absorb(page)
        del self._pages[depth:], self._savepoints[depth:]
        self._pages.append(Page())
        return forgotten

    def whole(self) -> Page:
        """Everything that still stands."""
        if len(self._pages) == 1:
            return self._pages[0]
        whole = Page()
        for page in self._pages:
            whole.absorb(page)
        return whole


class Journal:
    """What has changed in the eyes of one connection, committed or not: notes, and notes taken back by a rollback."""

    __slots__ = ("_older", "_recent", "position")

    def __init__(self) -> None:
        self._older = Page()
        self._recent: deque[Change] = deque()
        self.position = 0

    def write(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._recent.append(change)
            self.position += 1
        while len(self._recent) > MAX_JOURNAL:
            self._older.add(self._recent.popleft())

    def since(self, position: int) -> tuple[Change, ...]:
        """Merged; with older ones among them where ``position`` is long ago."""
        page = Page()
        count = self.position - position
        if count > len(self._recent):
            page.absorb(self._older)
        for change in list(self._recent)[max(len(self._recent) - count, 0) :]:
            page.add(change)
        return page.changes()


def anything(model: str, operation: Operation) -> Change:
    """The change that says least: any rows of ``model`` may have been written."""
    return Change(model, operation, None)


def late(page: Page, watched: Callable[[str], bool]) -> tuple[Change, ...]:
    """What ``page`` noted without a look because nobody watched, and somebody does now."""
    return tuple(anything(model, operation) for model, operation in sorted(page.unwatched) if watched(model))


def bounded(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The same changes, merged, and the largest ones coarser until all fit into an announcement."""
    if sum(map(_count, changes)) <= MAX_FREE:
        return changes
    page = Page()
    for change in changes:
        page.add(change)
    result = list(page.changes())
    sizes = [_size(change) for change in result]
    for index in sorted(range(len(result)), key=sizes.__getitem__, reverse=True):
        if sum(sizes) <= MAX_BYTES:
            break
        result[index] = anything(result[index].model, result[index].operation)
        sizes[index] = _size(result[index])
    return tuple(result)


def _count(change: Change) -> int:
    count = 1 if change.keys is None else 1 + len(change.keys)
    for values in change.relations.values():
        count += len(values)
    return count


def _size(change: Change) -> int:
    texts = [change.model, *(change.keys or ()), *(change.fields or ())]
    for column, values in change.relations.items():
        texts += (column, *(value or "null" for value in values))
    return sum(map(len, texts)) + 3 * len(texts)

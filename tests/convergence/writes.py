"""Every kind of write that the ORM knows, on random rows of the test domain; knows nothing of rxsse.

A write is a function of a `random.Random`. It picks its rows itself and does nothing where
there are none. Everything stays small, so that writes meet on the same rows.
"""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core import serializers
from django.db import models, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Concat

from tests.domain.models import (
    Account,
    Board,
    Comment,
    Counter,
    Cover,
    Crumb,
    Crust,
    Digest,
    Document,
    Label,
    Ledger,
    Note,
    Profile,
    Report,
    Seat,
    Secret,
    Sketch,
    Step,
    Task,
    Team,
    Watch,
)

M = TypeVar("M", bound=models.Model)
Write = Callable[[Random], object]

READER = "reader"
"""The first name of those who read along; they are never deleted, since their streams would end."""
READERS = ("ann", "bob", "cem")
WORDS = ("red", "blue", "a/b~c", "1:2", "naïve ☕", "", "0", "x" * 40, '"quoted"\\', "\u2028\r\n", "<b>&amp;</b>")
KEYS = ("red", "blue", "a/b~c", "1:2", "~1", "ä ö", "0", "-")
LIMIT = 8
"""Rows of a model beyond which creating one more becomes deleting one."""

WRITES: list[Write] = []


def write(weight: int = 1) -> Callable[[Write], Write]:
    def register(function: Write) -> Write:
        WRITES.extend([function] * weight)
        return function

    return register


def populate() -> None:
    """What every run begins with: enough rows in each list that an order or a filter can be got wrong."""
    people = [User.objects.create_user(name, first_name=READER) for name in READERS]
    Counter.objects.create(name="visits")
    red = Team.objects.create(name="red")
    Team.objects.create(name="blue")
    labels = [Label.objects.create(key=key) for key in KEYS[:3]]
    for number in range(2):
        board = Board.objects.create(slug=f"board-{number}", code=f"B{number}", title=f"Board {number}", team=red)
        for position, person in enumerate(people):
            key = uuid.UUID(int=10 * number + position)
            assignee = people[number]  # all of a board's: a member's list has an order as well
            task = Task.objects.create(
                pk=key, board=board, title=f"Task {number}.{position}", position=position, assignee=assignee
            )
            task.labels.add(labels[position])
            task.comments.create(author=person, text="seen")
            task.comments.create(author=person, text="unseen", removed=True)
            for rank, other in enumerate(people[:2]):
                Watch.objects.create(task=task, user=other, rank=rank)
            board.crumbs.create(text=WORDS[position])
            board.seats.create(number=position)
            Report.objects.create(board=board, title=WORDS[position])
    ledger = Ledger.objects.create(name="Fixed sum")
    Account.objects.bulk_create(Account(ledger=ledger, amount=amount) for amount in (400, 300, 200, 100))


def readers() -> models.QuerySet[User]:
    """Those who read along."""
    return User.objects.filter(first_name=READER).order_by("pk")


def pick(rng: Random, rows: models.QuerySet[M] | models.Manager[M]) -> M | None:
    found = list(rows.order_by("pk"))
    return rng.choice(found) if found else None


def some(rng: Random, rows: models.QuerySet[M] | models.Manager[M]) -> list[M]:
    found = list(rows.order_by("pk"))
    return rng.sample(found, rng.randint(0, min(3, len(found))))


def new_key(rng: Random) -> uuid.UUID:
    """A key that a run with the same seed gives again: what is picked depends on the order of keys."""
    return uuid.UUID(int=rng.getrandbits(128))


def word(rng: Random) -> str:
    return rng.choice(WORDS)


def crowded(model: type[models.Model], limit: int = LIMIT) -> bool:
    return model._default_manager.count() >= limit


def secret_of(user: Any) -> str:
    """What a row may say that only ``user`` may see; found in the bytes sent to anybody else it is a leak."""
    return f"SECRET<{user.pk}>"


# --- boards --------------------------------------------------------------------------------


@write()
def create_board(rng: Random) -> None:
    if crowded(Board, 4):
        return
    number = rng.randint(0, 10**6)
    Board.objects.create(
        slug=f"board-{number}", code=f"B{number}", title=word(rng), team=pick(rng, Team.objects), settings={"n": number}
    )


@write()
def delete_board(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is not None and rng.random() < 0.3:
        board.delete()


@write(3)
def save_board(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is None:
        return
    board.title = word(rng)
    board.settings = rng.choice([{}, [], {"a/b": [1, 1.0, True, None]}, {"deep": {"list": [word(rng)]}}, 0, 0.0, False])
    board.budget = Decimal(rng.randint(0, 10**6)) / 100
    board.opened = rng.choice([None, datetime.datetime(2026, 1, rng.randint(1, 28), 12, tzinfo=datetime.UTC)])
    board.length = rng.choice([None, datetime.timedelta(seconds=rng.randint(0, 10**6), microseconds=rng.randint(0, 5))])
    board.stamp = rng.randbytes(2)
    board.rating = rng.choice([0.0, 1.0, -0.0, 1e16, 1.5, 1e-7])
    board.save()


@write(2)
def save_some_fields_of_a_board(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is not None:
        board.team, board.owner = pick(rng, Team.objects), pick(rng, User.objects)
        board.title = "not to be saved"
        board.save(update_fields=["team", "owner"])


@write()
def rename_a_slug(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is not None:
        Board.objects.filter(pk=board.pk).update(slug=f"slug-{rng.randint(0, 10**6)}")


@write()
def update_by_expression(rng: Random) -> None:
    Board.objects.filter(rating__gte=0).update(title=Concat(Value("*"), F("slug")), rating=F("rating") + 1)


@write()
def update_through_a_join(rng: Random) -> None:
    Board.objects.filter(tasks__done=True).update(title=word(rng))


@write()
def change_a_cover(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is None:
        return
    if rng.random() < 0.3:
        Cover.objects.filter(board=board).delete()
    else:
        Cover.objects.update_or_create(board=board, defaults={"colour": word(rng)[:20]})


# --- people and teams ----------------------------------------------------------------------


@write()
def create_user(rng: Random) -> None:
    if not crowded(User):
        User.objects.create_user(f"user-{rng.randint(0, 10**6)}")


@write(2)
def rename_user(rng: Random) -> None:
    user = pick(rng, User.objects)
    if user is not None:
        user.username = f"{user.username[:8]}-{rng.randint(0, 10**6)}"
        user.save()


@write()
def delete_user(rng: Random) -> None:
    """Cascades over comments, watches and secrets; sets null on tasks and boards."""
    user = pick(rng, User.objects.exclude(first_name=READER))
    if user is not None:
        user.delete()


@write(2)
def change_a_profile(rng: Random) -> None:
    user = pick(rng, User.objects)
    if user is None:
        return
    if rng.random() < 0.3:
        Profile.objects.filter(user=user).delete()
        return
    profile, _ = Profile.objects.get_or_create(user=user)
    profile.bio, profile.team = word(rng), pick(rng, Team.objects)
    profile.save()


@write()
def change_a_team(rng: Random) -> None:
    team = pick(rng, Team.objects)
    if team is None or (rng.random() < 0.3 and not crowded(Team, 4)):
        Team.objects.create(name=rng.choice(["red", "blue"]))
    elif rng.random() < 0.3:
        team.delete()
    else:
        team.name = rng.choice(["red", "blue", word(rng)])
        team.save()


# --- tasks ---------------------------------------------------------------------------------


def new_task(rng: Random, board: Board) -> Task:
    parent = pick(rng, board.tasks.all())
    return Task(
        pk=new_key(rng),
        board=board,
        title=word(rng),
        position=rng.randint(0, 5),
        assignee=rng.choice([None, pick(rng, User.objects)]),
        parent=rng.choice([None, parent]),
    )


@write(3)
def create_tasks(rng: Random) -> None:
    board = pick(rng, Board.objects)
    if board is None or crowded(Task, 12):
        return
    tasks = [new_task(rng, board) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.5:
        Task.objects.bulk_create(tasks)
    else:
        for task in tasks:
            task.save()


@write(3)
def delete_tasks(rng: Random) -> None:
    tasks = some(rng, Task.objects)
    if rng.random() < 0.5:
        for task in tasks[:1]:
            task.delete()
    else:
        Task.objects.filter(pk__in=[task.pk for task in tasks]).delete()


@write(4)
def save_task(rng: Random) -> None:
    task = pick(rng, Task.objects)
    if task is not None:
        task.title, task.position, task.done = word(rng), rng.randint(0, 5), rng.random() < 0.5
        task.assignee = rng.choice([None, pick(rng, User.objects)])
        task.save()
        if rng.random() < 0.3:
            task.title += "!"
            task.save(update_fields=["title"])


@write(2)
def move_task(rng: Random) -> None:
    task, board = pick(rng, Task.objects), pick(rng, Board.objects)
    if task is not None and board is not None:
        task.board = board
        task.parent = pick(rng, board.tasks.filter(parent=None).exclude(pk=task.pk))
        task.save()


@write(2)
def reorder_tasks(rng: Random) -> None:
    tasks = list(Task.objects.all())
    rng.shuffle(tasks)
    for position, task in enumerate(tasks):
        task.position = position
    Task.objects.bulk_update(tasks, ["position"])


@write(2)
def update_tasks(rng: Random) -> None:
    chosen = rng.choice(
        [
            Task.objects.all(),
            Task.objects.filter(done=False),
            Task.objects.filter(labels__key="red"),
            Task.objects.filter(board__team__name="red"),
            Task.objects.filter(comments__removed=False),
        ]
    )
    match rng.randint(0, 3):
        case 0:
            chosen.update(position=F("position") * -1)
        case 1:
            chosen.update(done=rng.random() < 0.5, title=word(rng))
        case 2:
            chosen.update(assignee=pick(rng, User.objects))
        case 3:
            chosen.update(title=Case(When(done=True, then=Value("done")), default=F("title")))


@write()
def save_by_expression(rng: Random) -> None:
    task = pick(rng, Task.objects)
    if task is not None:
        task.position = F("position") + 1  # type: ignore[assignment]
        task.save(force_update=True)  # an expression can't be inserted, should somebody delete it meanwhile


@write()
def delete_finished(rng: Random) -> None:
    Task.objects.filter(done=True, position__gt=3).delete()


# --- labels and watchers -------------------------------------------------------------------


@write(2)
def change_labels_of_a_task(rng: Random) -> None:
    task, labels = pick(rng, Task.objects), some(rng, Label.objects)
    if task is None:
        return
    match rng.randint(0, 3):
        case 0:
            task.labels.add(*labels)
        case 1:
            task.labels.remove(*labels)
        case 2:
            task.labels.set(labels, clear=rng.random() < 0.5)
        case 3:
            task.labels.clear()


@write()
def change_tasks_of_a_label(rng: Random) -> None:
    label, tasks = pick(rng, Label.objects), some(rng, Task.objects)
    if label is None:
        return
    match rng.randint(0, 4):
        case 0:
            label.tasks.add(*tasks)
        case 1:
            label.tasks.remove(*tasks)
        case 2:
            label.tasks.set(tasks)
        case 3:
            label.tasks.clear()
        case 4:
            if tasks:
                label.tasks.create(pk=new_key(rng), board=tasks[0].board, title=word(rng))


@write(2)
def change_labels(rng: Random) -> None:
    keys = rng.sample(KEYS, 2)
    labels = [Label(key=key, colour=rng.choice(["red", "grey", word(rng)[:20]])) for key in keys]
    match rng.randint(0, 4):
        case 0:
            Label.objects.bulk_create(labels, ignore_conflicts=True)
        case 1:
            Label.objects.bulk_create(labels, update_conflicts=True, unique_fields=["key"], update_fields=["colour"])
        case 2:
            Label.objects.get_or_create(key=keys[0])
            Label.objects.update_or_create(key=keys[1], defaults={"colour": "red"})
        case 3:
            Label.objects.filter(key__in=keys).delete()
        case 4:
            for label in labels:
                label.save()


@write(2)
def change_watchers(rng: Random) -> None:
    task, users = pick(rng, Task.objects), some(rng, User.objects)
    if task is None:
        return
    match rng.randint(0, 4):
        case 0:
            task.watchers.add(*users, through_defaults={"rank": rng.randint(0, 5)})
        case 1:
            task.watchers.remove(*users)
        case 2:
            task.watchers.set(users, through_defaults={"rank": rng.randint(0, 5)})
        case 3:
            task.watches.update(rank=F("rank") * -1)
        case 4:
            watch = pick(rng, Watch.objects)
            if watch is not None:
                watch.task, watch.rank = task, rng.randint(0, 5)
                watch.save()


# --- comments, steps, notes, secrets -------------------------------------------------------


@write(2)
def change_comments(rng: Random) -> None:
    task, author, comment = pick(rng, Task.objects), pick(rng, User.objects), pick(rng, Comment.everything)
    match rng.randint(0, 7):
        case 0 | 1:
            if task is not None and author is not None and not crowded(Comment, 16):
                task.comments.create(author=author, text=word(rng))
        case 2 | 6:
            if comment is not None:
                Comment.everything.filter(pk=comment.pk).update(removed=~models.Q(removed=True))
        case 3 | 7:
            if comment is not None:
                comment.removed = not comment.removed
                comment.text = word(rng)
                comment.save()
        case 4:
            if comment is not None:
                comment.delete()
        case 5:
            if comment is not None and task is not None:
                Comment.everything.filter(pk=comment.pk).update(task=task)


@write()
def restore_a_comment(rng: Random) -> None:
    """A row comes back into sight, and nothing but the column that hid it was written."""
    comment = pick(rng, Comment.everything.filter(removed=True)) or pick(rng, Comment.everything)
    if comment is not None:
        Comment.everything.filter(pk=comment.pk).update(removed=not comment.removed)


@write(2)
def change_steps(rng: Random) -> None:
    task, step = pick(rng, Task.objects), pick(rng, Step.objects)
    if task is None:
        return
    match rng.randint(0, 4):
        case 0 | 1:
            if not crowded(Step, 12):
                Step.objects.bulk_create([Step(task=task, text=word(rng)) for _ in range(2)])
        case 2:
            task.steps.all().delete()
        case 3:
            if step is not None:
                task.steps.add(step)
        case 4:
            task.steps.update(text=word(rng))


@write(2)
def change_notes(rng: Random) -> None:
    board, task, note = pick(rng, Board.objects), pick(rng, Task.objects), pick(rng, Note.objects)
    target = rng.choice([board, task])
    if target is None:
        return
    match rng.randint(0, 4):
        case 0 | 1:
            if not crowded(Note):
                target.notes.create(text=word(rng))
        case 2:
            if note is not None:
                note.target = target
                note.save()
        case 3:
            target.notes.all().delete()
        case 4:
            Note.objects.update(text=word(rng))


@write(2)
def change_secrets(rng: Random) -> None:
    board, owner = pick(rng, Board.objects), pick(rng, User.objects)
    secret = pick(rng, Secret.objects)
    if board is None or owner is None:
        return
    if secret is None or (rng.random() < 0.4 and not crowded(Secret)):
        Secret.objects.create(board=board, owner=owner, text=secret_of(owner))
        return
    match rng.randint(0, 3):
        case 0:
            Secret.objects.filter(pk=secret.pk).update(owner=owner, text=secret_of(owner))
        case 1:
            secret.owner, secret.text = owner, secret_of(owner)
            secret.board = board
            secret.save()
        case 2:
            secret.delete()
        case 3:
            board.secrets.filter(owner=owner).update(text=secret_of(owner) + word(rng))


# --- documents -----------------------------------------------------------------------------


@write(2)
def change_documents(rng: Random) -> None:
    board, document = pick(rng, Board.objects), pick(rng, Document.objects)
    if board is None:
        return
    match rng.randint(0, 6):
        case 0 | 1:
            if not crowded(Document):
                kind = rng.choice([Document, Report, Digest, Sketch])
                kind.objects.create(board=board, title=word(rng))
        case 2:
            if document is not None:
                document.title = word(rng)
                document.save()
        case 3:
            Report.objects.update(pages=rng.randint(0, 3), title=word(rng))
        case 4:
            digest = pick(rng, Digest.objects)
            if digest is not None:
                digest.summary, digest.reviewer, digest.pages = word(rng), pick(rng, User.objects), rng.randint(0, 3)
                digest.save()
        case 5:
            if document is not None:
                document.delete()
        case 6:
            sketch = pick(rng, Sketch.objects)
            if sketch is not None:
                sketch.board = board
                sketch.save(update_fields=["board"])


# --- rare tables ---------------------------------------------------------------------------


@write(2)
def change_seats(rng: Random) -> None:
    """Rows with a key of two columns."""
    board, seat, number = pick(rng, Board.objects), pick(rng, Seat.objects), rng.randint(0, 5)
    if board is None:
        return
    match rng.randint(0, 6):
        case 0:
            Seat.objects.update_or_create(board=board, number=number, defaults={"taken_by": word(rng)})
        case 1:
            seats = [Seat(board=board, number=each, taken_by=word(rng)) for each in (number, number + 1)]
            Seat.objects.bulk_create(seats, ignore_conflicts=True)
        case 2:
            if seat is not None:
                seat.taken_by = word(rng)
                seat.save()
        case 3:
            board.seats.update(taken_by=word(rng))
        case 4:
            board.seats.filter(number=number).delete()
        case 5:
            if seat is not None:
                seat.delete()
        case 6:
            seats = list(Seat.objects.all())
            for each in seats:
                each.taken_by = word(rng)
            Seat.objects.bulk_update(seats, ["taken_by"])


@write(2)
def change_odd_tables(rng: Random) -> None:
    board, crumb = pick(rng, Board.objects), pick(rng, Crumb.objects)
    match rng.randint(0, 4):
        case 0:
            if board is not None and not crowded(Crumb):
                board.crumbs.create(text=word(rng))
        case 1:
            if crumb is not None and board is not None:
                crumb.board, crumb.text = board, word(rng)
                crumb.save()
        case 2:
            if crumb is not None:
                crumb.delete()
        case 3:
            if not crowded(Crust, 3):
                Crust.objects.create(text=word(rng))
        case 4:
            Crust.objects.filter(pk__in=[crust.pk for crust in some(rng, Crust.objects)]).delete()


# --- the rest ------------------------------------------------------------------------------


@write()
def count_a_visit(rng: Random) -> None:
    Counter.objects.filter(name="visits").update(value=F("value") + 1)


@write()
def load_a_fixture(rng: Random) -> None:
    """As loaddata does it: ``raw=True``, no save() of the model's own."""
    task, team = pick(rng, Task.objects), pick(rng, Team.objects)
    for row in [task, team]:
        if row is not None:
            document = json.loads(serializers.serialize("json", [row]))
            document[0]["fields"]["title" if row is task else "name"] = word(rng)
            for deserialized in serializers.deserialize("json", json.dumps(document)):
                deserialized.save()


@write()
def write_asynchronously(rng: Random) -> None:
    text, task = word(rng), pick(rng, Task.objects)

    async def write_both() -> None:
        await Team.objects.filter(name="blue").aupdate(name="blue")
        if task is not None:
            task.title = text
            await task.asave()

    async_to_sync(write_both)()


@write(2)
def move_money(rng: Random) -> None:
    """The sum stays what it is; between the statements it isn't."""
    with transaction.atomic():
        ledger = pick(rng, Ledger.objects)
        accounts = list(ledger.accounts.select_for_update().order_by("pk")) if ledger is not None else []
        if ledger is None or len(accounts) < 2:
            return
        one, other = rng.sample(accounts, 2)
        if one is accounts[0]:
            one, other = other, one  # some clients address the ledger by its first account
        amount = rng.randint(1, 50)
        match rng.randint(0, 3):
            case 0:
                Account.objects.filter(pk=one.pk).update(amount=F("amount") - amount)
                Account.objects.filter(pk=other.pk).update(amount=F("amount") + amount)
            case 1:
                one.amount, other.amount = one.amount + amount, other.amount - amount
                Account.objects.bulk_update([one, other], ["amount"])
            case 2:
                if len(accounts) < 6:
                    one.amount -= amount
                    one.save()
                    ledger.accounts.create(amount=amount)
            case 3:
                if len(accounts) > 3:
                    Account.objects.filter(pk=other.pk).update(amount=F("amount") + one.amount)
                    one.delete()

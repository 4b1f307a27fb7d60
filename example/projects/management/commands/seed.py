"""Fills the board with a small, pleasant world and says how to watch it; knows only the models."""

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from rest_framework.authtoken.models import Token

from projects.models import Comment, Membership, Project, Tag, Task
from projects.ordering import STEP

PASSWORD = "demo"
# Fixed, so that two demos show the same: what was said lies in the past, what is to be done in the future.
BEGIN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DEADLINE = date(2029, 7, 1)

PEOPLE = {
    "ada": ("Ada", "Lovelace"),
    "grace": ("Grace", "Hopper"),
    "margaret": ("Margaret", "Hamilton"),
    "katherine": ("Katherine", "Johnson"),
}
TAGS = {"engine": "#c0392b", "guidance": "#2980b9", "paperwork": "#7f8c8d", "urgent": "#e67e22"}

# project: description, {person: role}, [(title, assignee, days till due, done, tags, [(author, comment)])]
BOARD = {
    "Apollo": (
        "There and back again, before the decade is out.",
        {"ada": "owner", "margaret": "member", "katherine": "member"},
        [
            ("Choose a landing site", "katherine", 3, True, ["guidance"], [("ada", "Tranquility sounds right.")]),
            (
                "Recover from alarm 1202",
                "margaret",
                8,
                False,
                ["guidance", "urgent"],
                [
                    ("margaret", "Drop the low-priority jobs, keep the landing ones."),
                    ("katherine", "The numbers still agree with mine."),
                ],
            ),
            ("Fuel the third stage", "ada", 10, False, ["engine"], []),
            (
                "Check the go/no-go list by hand",
                "katherine",
                11,
                False,
                ["guidance", "paperwork"],
                [("ada", "If she says they’re good, we’re ready to go.")],
            ),
            ("Pack the flag", None, 12, False, [], []),
            ("Rehearse the lunar rendezvous", "ada", 14, False, ["guidance"], []),
            ("Weave the rope memory", "margaret", 2, True, ["engine"], [("margaret", "Every bit, by hand.")]),
            ("Print the flight plan", None, 16, False, ["paperwork"], []),
            ("Order the parachutes", "ada", 1, True, ["paperwork"], []),
        ],
    ),
    "Compiler": (
        "Programs that write programs.",
        {"grace": "owner", "ada": "member", "katherine": "guest"},
        [
            ("Tape the moth into the log book", "grace", 1, True, ["paperwork"], [("ada", "First actual bug!")]),
            ("Teach it English verbs", "grace", 15, False, ["engine"], []),
            ("Note G: Bernoulli numbers", "ada", 20, False, ["engine", "paperwork"], []),
            ("Explain nanoseconds with wire", "grace", 22, False, [], [("grace", "Thirty centimetres each.")]),
            ("Stop the clock from running backwards", None, 25, False, ["urgent"], []),
        ],
    ),
    "Trajectories": (
        "Numbers that people bet their lives on.",
        {"katherine": "owner", "ada": "member", "grace": "member", "margaret": "guest"},
        [],
    ),
}


class Command(BaseCommand):
    help = "Add the demo's people and projects where they are missing, and print how to watch them."

    def add_arguments(self, parser):
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where the demo is served, for the hints.")
        parser.add_argument(
            "--stars",
            type=int,
            default=0,
            help="Add a project of Ada's with so many tasks, to see how a long list does.",
        )

    def handle(self, *, url: str, stars: int, **options) -> None:
        if not settings.DEBUG:
            raise CommandError(f"seed makes people whose password is {PASSWORD!r}; run it with DEBUG on only.")
        with transaction.atomic():
            people = self._people()
            tags = {name: Tag.objects.get_or_create(name=name, defaults={"color": TAGS[name]})[0] for name in TAGS}
            for name in BOARD:
                self._project(name, people, tags)
            if stars:
                self._star_catalogue(stars, people["ada"])
        self._hints(url.rstrip("/"), people["ada"])

    def _people(self) -> dict:
        users = get_user_model().objects
        people = {}
        for username, (first, last) in PEOPLE.items():
            user, new = users.get_or_create(username=username, defaults={"first_name": first, "last_name": last})
            if new:
                user.set_password(PASSWORD)
                user.save(update_fields=["password"])
            Token.objects.get_or_create(user=user)
            people[username] = user
        if not users.filter(username="admin").exists():
            users.create_superuser("admin", password=PASSWORD)
        return people

    def _project(self, name: str, people: dict, tags: dict) -> None:
        description, roles, tasks = BOARD[name]
        project, new = Project.objects.get_or_create(name=name, defaults={"description": description})
        if not new:
            return  # Whatever it has become since belongs to whoever plays with it.
        for person, role in roles.items():
            Membership.objects.create(user=people[person], project=project, role=role)
        for number, (title, assignee, days, done, labels, comments) in enumerate(tasks, start=1):
            task = Task.objects.create(
                project=project,
                title=title,
                assignee=people.get(assignee),
                due=DEADLINE + timedelta(days=days),
                done=done,
                position=number * STEP,
            )
            task.tags.set(tags[label] for label in labels)
            for reply, (author, text) in enumerate(comments):
                when = BEGIN + timedelta(days=number, minutes=10 * reply)
                Comment.objects.create(task=task, author=people[author], text=text, created=when)

    def _star_catalogue(self, stars: int, owner) -> None:
        project, new = Project.objects.get_or_create(
            name="Star catalogue", defaults={"description": "One task per star: a list that is really long."}
        )
        if not new:
            return
        project.memberships.create(user=owner, role=Membership.Role.OWNER)
        Task.objects.bulk_create(
            Task(project=project, title=f"Look at star {number:,}", position=number * STEP, done=number % 10 == 0)
            for number in range(1, stars + 1)
        )

    def _hints(self, url: str, reader) -> None:
        token = Token.objects.get(user=reader).key
        project = Project.objects.get(name="Apollo")
        task = project.tasks.filter(done=False).first() or project.tasks.create(title="Look out of the window")
        names = ", ".join(PEOPLE)
        self.stdout.write(
            f"""
Open {url}/ in two windows side by side; log in as {names} (password {PASSWORD}).

Token of {reader.username}: {token}

Watch a project from a terminal:
  curl -N -H "Authorization: Token {token}" {url}/rx/projects/{project.pk}/

Change it from a second terminal, and see the patch arrive in the first:
  curl -X POST -H "Authorization: Token {token}" -H "Content-Type: application/json" \\
    -d '{{"task": {task.pk}, "text": "Go for landing!"}}' {url}/api/comments/

Or by hand: {url}/admin/ (admin / {PASSWORD}); what you save there appears in the windows, too.
"""
        )

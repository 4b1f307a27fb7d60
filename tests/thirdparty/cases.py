"""Runs under `tests.thirdparty.settings`: changes made by the applications' own code, followed and compared."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from actstream import action
from actstream.actions import follow, unfollow
from actstream.models import Action
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from helpdesk.models import CustomField, FollowUp, FollowUpAttachment, Queue, Ticket
from helpdesk.update_ticket import update_ticket
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from rxsse.testing import subscribe

pytestmark = pytest.mark.django_db(transaction=True)


class Clients:
    """Followers of every channel; `agree` compares each with its serializer."""

    def __init__(self) -> None:
        self._followers: list[tuple[Any, Any, Any]] = []

    def add(self, channel: Any, serializer: Any, rows: Any, user: Any = None, **kwargs: Any) -> None:
        """``rows()`` gives what ``serializer`` is to show: a row, or a queryset."""
        subscription = subscribe(channel, user, **kwargs)
        self._followers.append((subscription, deepcopy(subscription.snapshot), (serializer, rows)))
        self.agree()

    def agree(self) -> None:
        for index, (subscription, state, (serializer, rows)) in enumerate(self._followers):
            for document in subscription.patches:
                state = jsonpatch.apply_patch(state, document)
            self._followers[index] = (subscription, state, (serializer, rows))
            shown = rows()
            expected = JSONRenderer().render(serializer(shown, many=not hasattr(shown, "pk")).data)
            assert json.dumps(state, indent=1) == json.dumps(json.loads(expected), indent=1)


@pytest.fixture
def staff() -> User:
    return User.objects.create_superuser("ines", "ines@example.org", "pw")


@pytest.fixture
def queue(settings: Any, tmp_path: Any) -> Queue:
    settings.MEDIA_ROOT = str(tmp_path)
    return Queue.objects.create(title="Printers", slug="printers", allow_public_submission=True)


@pytest.fixture
def ticket(queue: Queue, staff: User) -> Ticket:
    return Ticket.objects.create(queue=queue, title="Paper jam", submitter_email=staff.email, description="It's stuck")


@pytest.fixture
def tickets(ticket: Ticket, staff: User) -> Clients:
    from helpdesk.serializers import DatatablesTicketSerializer, PublicTicketListingSerializer, TicketSerializer

    from tests.thirdparty import anchors

    clients = Clients()
    clients.add(
        anchors.TicketChannel, TicketSerializer, lambda: Ticket.objects.get(pk=ticket.pk), staff, ticket_id=ticket.pk
    )
    clients.add(anchors.StaffListChannel, DatatablesTicketSerializer, anchors.staff_list)
    clients.add(
        anchors.SubmittedChannel,
        PublicTicketListingSerializer,
        lambda: Ticket.objects.filter(submitter_email=staff.email).order_by("-created", "-id"),
        staff,
    )
    return clients


def test_a_ticket_is_worked_on(tickets: Clients, ticket: Ticket, staff: User) -> None:
    update_ticket(staff, ticket, comment="On my way", public=True)
    tickets.agree()
    update_ticket(staff, ticket, comment="See #1", owner=staff.pk, priority=1)
    tickets.agree()
    jam = SimpleUploadedFile("jam.txt", b"crumpled", content_type="text/plain")
    update_ticket(staff, ticket, comment="A picture", files=[jam])
    assert FollowUpAttachment.objects.count() == 1
    tickets.agree()
    update_ticket(staff, ticket, comment="Done", new_status=Ticket.RESOLVED_STATUS, title="Paper jam, cleared")
    tickets.agree()
    with pytest.raises(RuntimeError), transaction.atomic():
        update_ticket(staff, ticket, comment="Never happened", new_status=Ticket.CLOSED_STATUS)
        raise RuntimeError
    tickets.agree()
    with transaction.atomic():
        update_ticket(staff, ticket, comment="Again", new_status=Ticket.REOPENED_STATUS)
        update_ticket(staff, ticket, comment="And again", new_status=Ticket.CLOSED_STATUS)
    tickets.agree()


def test_through_the_helpdesks_own_pages_and_api(tickets: Clients, queue: Queue, ticket: Ticket, staff: User) -> None:
    api = APIClient()
    api.force_authenticate(staff)
    made = api.post(
        "/helpdesk/api/tickets/",
        {"queue": queue.pk, "title": "No toner", "description": "…", "submitter_email": staff.email, "priority": 2},
    )
    assert made.status_code == 201, made.content
    tickets.agree()
    changed = api.patch(f"/helpdesk/api/tickets/{ticket.pk}/", {"title": "Jam", "assigned_to": staff.pk}, format="json")
    assert changed.status_code == 200, changed.content
    tickets.agree()
    said = api.post("/helpdesk/api/followups/", {"ticket": ticket.pk, "user": staff.pk, "title": "t", "comment": "c"})
    assert said.status_code == 201, said.content
    tickets.agree()
    pages = Client()
    pages.force_login(staff)
    held = pages.post(f"/helpdesk/tickets/{ticket.pk}/hold/")
    assert held.status_code == 302
    tickets.agree()
    chosen = {"action": "close", "ticket_id": [ticket.pk, made.json()["id"]]}
    assert pages.post("/helpdesk/tickets/update/", chosen).status_code == 302
    tickets.agree()
    assert api.delete(f"/helpdesk/api/tickets/{made.json()['id']}/").status_code == 204
    tickets.agree()


def test_rows_around_a_ticket(tickets: Clients, queue: Queue, ticket: Ticket, staff: User) -> None:
    queue.title = "Printers and plotters"
    queue.save()
    tickets.agree()
    User.objects.filter(pk=staff.pk).update(first_name="Inês")
    tickets.agree()
    update_ticket(staff, ticket, comment="First")
    FollowUp.objects.update(comment="edited", public=True)
    tickets.agree()
    other = Queue.objects.create(title="Hidden", slug="hidden", allow_public_submission=False)
    Ticket.objects.filter(pk=ticket.pk).update(queue=other)
    tickets.agree()
    Queue.objects.update(allow_public_submission=True)
    tickets.agree()
    FollowUp.objects.all().delete()
    tickets.agree()


def test_custom_fields_that_exist_are_followed(queue: Queue, ticket: Ticket, staff: User) -> None:
    """Helpdesk adds a member for each custom field when its serializer is made."""
    from helpdesk.serializers import TicketSerializer

    from tests.thirdparty import anchors

    CustomField.objects.create(name="floor", label="Floor", data_type="integer")
    anchor = TicketSerializer()

    class FloorsChannel(anchors.Anyone, anchors.StateChannel):
        class Meta:
            pass

    FloorsChannel.Meta.anchor = anchor
    clients = Clients()
    clients.add(FloorsChannel, TicketSerializer, lambda: Ticket.objects.get(pk=ticket.pk), staff, ticket_id=ticket.pk)
    ticket.ticketcustomfieldvalue_set.create(field=CustomField.objects.get(), value="3")
    clients.agree()
    ticket.ticketcustomfieldvalue_set.update(value="4")
    clients.agree()
    ticket.ticketcustomfieldvalue_set.all().delete()
    clients.agree()


def test_an_activity_stream() -> None:
    from actstream.drf.serializers import ActionSerializer, FollowSerializer
    from actstream.models import Follow

    from tests.thirdparty import anchors

    ann, bob = User.objects.create_user("ann"), User.objects.create_user("bob")
    group = Group.objects.create(name="Friends")
    clients = Clients()
    clients.add(
        anchors.ActivityChannel, ActionSerializer, lambda: Action.objects.public().order_by("-timestamp", "-id")
    )
    clients.add(anchors.FollowsChannel, FollowSerializer, lambda: Follow.objects.filter(user=ann).order_by("id"), ann)
    action.send(ann, verb="joined", target=group)
    clients.agree()
    follow(ann, bob)
    clients.agree()
    follow(ann, group, actor_only=False)
    clients.agree()
    # Rows that only a generic key leads to.
    group.name = "Acquaintances"
    group.save()
    clients.agree()
    User.objects.filter(pk=bob.pk).update(username="robert")
    clients.agree()
    Action.objects.filter(verb="joined").update(public=False)
    clients.agree()
    unfollow(ann, bob, send_action=True)
    clients.agree()
    with transaction.atomic():
        action.send(bob, verb="left", action_object=group, target=ann)
        Action.objects.filter(verb="joined").delete()
    clients.agree()
    group.delete()
    clients.agree()

"""Channels over other people's serializers.

Not called ``channels``: helpdesk's ticket serializer reads its custom fields from the database
when it is made, so this module can be imported only once there is one.
"""

from __future__ import annotations

from typing import Any

from actstream.drf.serializers import ActionSerializer, FollowSerializer
from actstream.models import Action, Follow
from django.db.models import Max, QuerySet
from helpdesk.models import Ticket
from helpdesk.serializers import DatatablesTicketSerializer, PublicTicketListingSerializer, TicketSerializer

from rxsse import StateChannel


class Anyone:
    def has_permission(self, user: Any, **kwargs: Any) -> bool:
        return True


class TicketChannel(Anyone, StateChannel):
    """A ticket, its follow-ups, their attachments."""

    class Meta:
        anchor = TicketSerializer()


def staff_list() -> QuerySet[Ticket]:
    """As helpdesk's own list asks for it."""
    shown = Ticket.objects.filter(queue__allow_public_submission=True).select_related("queue", "kbitem")
    return shown.annotate(last_followup=Max("followup__date")).order_by("-priority", "id")


class StaffListChannel(Anyone, StateChannel):
    """The list of helpdesk's staff pages: nothing but method fields over properties of the model."""

    class Meta:
        anchor = DatatablesTicketSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[Ticket]:
        return staff_list()


class SubmittedChannel(Anyone, StateChannel):
    """What helpdesk's API shows to whoever submitted the tickets."""

    class Meta:
        anchor = PublicTicketListingSerializer(many=True)

    def get_queryset(self) -> QuerySet[Ticket]:
        return Ticket.objects.filter(submitter_email=self.user.email).order_by("-created", "-id")


class ActivityChannel(Anyone, StateChannel):
    """The activity of everybody, with actors and targets of any model expanded."""

    class Meta:
        anchor = ActionSerializer(many=True)
        audience = "shared"

    def get_queryset(self) -> QuerySet[Action]:
        return Action.objects.public().order_by("-timestamp", "-id")


class FollowsChannel(Anyone, StateChannel):
    class Meta:
        anchor = FollowSerializer(many=True)

    def get_queryset(self) -> QuerySet[Follow]:
        return Follow.objects.filter(user=self.user).order_by("id")

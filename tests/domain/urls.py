"""Routes to the channels of the test domain."""

from __future__ import annotations

from django.urls import path

from tests.domain import channels

urlpatterns = [
    path("boards/<slug:slug>/", channels.BoardChannel.as_view(), name="board"),
    path("boards/<int:board_id>/private/", channels.PrivateBoardChannel.as_view(), name="private-board"),
    path("boards/<slug:slug>/sketches/", channels.SketchesChannel.as_view(), name="sketches"),
    path("tasks/<uuid:task_id>/", channels.TaskChannel.as_view(), name="task"),
    path("labels/<path:key>/", channels.TagChannel.as_view(), name="tag"),
    path("people/", channels.PeopleChannel.as_view(), name="people"),
    path("people/<int:user_id>/", channels.PersonChannel.as_view(), name="person"),
    path("people/<int:user_id>/all/", channels.MemberChannel.as_view(), name="member"),
    path("covers/<int:board>/", channels.CoverChannel.as_view(), name="cover"),
    path("ledgers/<int:ledger_id>/", channels.LedgerChannel.as_view(), name="ledger"),
    path("digests/<int:digest_id>/", channels.DigestChannel.as_view(), name="digest"),
    path("boards/<int:board_id>/sum/", channels.SummedBoardChannel.as_view(), name="summed-board"),
    path("boards/<int:board_id>/mine/", channels.MyBoardChannel.as_view(), name="my-board"),
    path("wide/<slug:slug>/", channels.WideBoardChannel.as_view(), name="wide-board"),
    path("wide-by-code/<str:code>/", channels.WideBoardChannel.as_view(), name="wide-board-by-code"),
    path("accounts/<int:account_id>/ledger/", channels.AccountLedgerChannel.as_view(), name="account-ledger"),
    path("my-tasks/", channels.MyTasksChannel.as_view(), name="my-tasks"),
    path("red-tasks/", channels.RedTasksChannel.as_view(), name="red-tasks"),
    path("busy-boards/", channels.BusyBoardsChannel.as_view(), name="busy-boards"),
]

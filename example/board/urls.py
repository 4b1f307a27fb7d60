"""Routes of the example: the page, the live streams, the REST API that changes what they show, and the admin."""

from django.contrib import admin
from django.urls import include, path

from board.views import page
from projects.channels import OpenTasksChannel, ProjectChannel
from projects.views import ObtainToken, router

urlpatterns = [
    # The front end has routes of its own; those that can be bookmarked are these.
    path("", page),
    path("mine/", page),
    path("projects/<int:project_id>/", page),
    path("projects/<int:project_id>/tasks/<int:task_id>/", page),
    path("rx/projects/<int:project_id>/", ProjectChannel.as_view()),
    path("rx/open-tasks/", OpenTasksChannel.as_view()),
    path("api/token/", ObtainToken.as_view()),
    path("api/", include(router.urls)),
    path("admin/", admin.site.urls),
]

"""Routes of the example: the live streams, the REST API that changes what they show, and the admin."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from projects.channels import OpenTasksChannel, ProjectChannel
from projects.views import ObtainToken, router

urlpatterns = [
    path("", RedirectView.as_view(url="api/")),
    path("rx/projects/<int:project_id>/", ProjectChannel.as_view()),
    path("rx/open-tasks/", OpenTasksChannel.as_view()),
    path("api/token/", ObtainToken.as_view()),
    path("api/", include(router.urls)),
    path("admin/", admin.site.urls),
]

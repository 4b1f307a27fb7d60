"""The ASGI application: rxsse's own in place of Django's, so that an open stream costs neither thread nor request."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler

from rxsse.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "board.settings")

application = get_asgi_application()
if settings.DEBUG:  # The admin's style sheets, which a proxy serves in a deployment.
    application = ASGIStaticFilesHandler(application)

"""The door for a WSGI server: `gunicorn controlcenter.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")

application = get_wsgi_application()

# No look at the log goes on for ever. Pages only: commands may take as long as they need.
connections.settings["default"]["OPTIONS"]["options"] = f"-c statement_timeout={settings.STATEMENT_TIMEOUT}s"

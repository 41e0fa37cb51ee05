"""The door for a WSGI server: `gunicorn controlcenter.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")
os.environ.setdefault("STATEMENT_TIMEOUT", "20")  # Pages only: commands may take as long as they need.

application = get_wsgi_application()

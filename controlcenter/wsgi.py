"""The door for a WSGI server: `gunicorn controlcenter.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")

application = get_wsgi_application()

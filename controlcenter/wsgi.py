"""The door for a WSGI server: `gunicorn --config python:controlcenter.serving`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from controlcenter.pooling import serve_pages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")

application = get_wsgi_application()
_ = get_resolver().url_patterns  # All pages are imported now, and not while somebody waits for the first.
serve_pages()

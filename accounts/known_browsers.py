"""Browsers that somebody signed in with before: a signed cookie that proves that, and nothing else.

Whoever guesses a password elsewhere makes nobody wait who comes back with it. See ``accounts.throttles``.
"""

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from .models import User

SALT = "accounts.known_browsers"
REMEMBERED_FOR = 180 * 24 * 60 * 60  # seconds


def mark_of(request: HttpRequest, person: User | None) -> str:
    """Return the mark of a browser that the person signed in with before; "" for another."""
    try:
        cookie = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE, "")
        key, mark = signing.loads(cookie, salt=SALT, max_age=REMEMBERED_FOR)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(mark) if person and key == person.pk else ""


def remember(request: HttpRequest, response: HttpResponse, person: User) -> None:
    """Give the browser a mark, or the one that it has for longer."""
    mark = mark_of(request, person) or secrets.token_hex(16)
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE,
        signing.dumps([person.pk, mark], salt=SALT),
        max_age=REMEMBERED_FOR,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )

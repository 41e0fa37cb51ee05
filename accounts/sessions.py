"""Sessions in the database, as Django's, which also end by age. The settings name this module as their engine.

A session ends when nothing was asked for in it for ``SESSION_COOKIE_AGE`` seconds, and at the latest
``SESSION_LONGEST`` seconds after it began, however busy it is.
"""

import hashlib
import math
import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

BEGAN, SEEN = "began", "seen"
KEPT_UP = 10
"""A session is written again after this part of the time that it may be idle: not at each request."""
NOBODY_ASKED = {"log-newer"}
"""Pages that ask by themselves: they keep nobody signed in."""

UNITS = ((2 * 86400, 86400, "day"), (2 * 3600, 3600, "hour"), (120, 60, "minute"), (0, 1, "second"))
"""From how many seconds on, how long one is, and what it is called."""


class SessionStore(DatabaseStore):
    """A session that knows when somebody's use of it began, and when it was written last."""

    def save(self, must_create: bool = False) -> None:
        """Save; it begins when it is first saved with somebody signed in."""
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if SESSION_KEY in data:
            data[SEEN] = int(time.time())
            data.setdefault(BEGAN, data[SEEN])
        super().save(must_create)

    def exists(self, session_key: str) -> bool:
        """Say whether there is a session with this key."""
        return super().exists(stored(session_key))

    def delete(self, session_key: str | None = None) -> None:
        """End this session, or the one with this key."""
        if key := session_key or self.session_key:
            super().delete(stored(key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the session as a row."""
        row = super().create_model_instance(data)
        row.session_key = stored(row.session_key)
        return row

    def _get_session_from_db(self) -> Session | None:
        row = Session.objects.filter(session_key=stored(self.session_key or ""), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        return row

    def get_session_cookie_age(self) -> int:
        """Return in how many seconds it ends, if nothing else is asked for in it."""
        left = self.get(BEGAN, time.time()) + settings.SESSION_LONGEST - time.time()
        return max(0, min(int(settings.SESSION_COOKIE_AGE), int(left)))


def stored(session_key: str) -> str:
    """Return what the database keeps of a key, which is the cookie: who reads a dump of it is not signed in by that."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def keep_up(request: HttpRequest) -> None:
    """Have a session written again, so that it does not end while somebody uses it."""
    name = request.resolver_match.url_name if request.resolver_match else None
    session = request.session
    if session.accessed and name not in NOBODY_ASKED and SEEN in session:
        session.modified |= time.time() - session[SEEN] > settings.SESSION_COOKIE_AGE / KEPT_UP


def in_words(seconds: float) -> str:
    """Return how long something lasts, in the unit that people use for as long: "12 hours"."""
    unit, name = next((length, name) for start, length, name in UNITS if seconds >= start)
    number = math.ceil(seconds / unit)
    return f"{number} {name}{'' if number == 1 else 's'}"

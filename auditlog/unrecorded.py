"""What the log could not take. It is said on standard error and counted in a file, as the database is what failed.

The file is one for all processes of this server, a line for each, so that who adds to it needs no lock. It grows by
what goes wrong only, and may be removed once somebody has looked at it.
"""

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.utils import timezone

log = logging.getLogger(__name__)

LATELY = timedelta(hours=1)
"""For how long it is an alarm."""

_uncounted = 0
_lock = Lock()


def note(sentence: str, *values: object) -> None:
    """Say that something was not recorded, with the error that is being handled, and count it."""
    global _uncounted
    log.critical(sentence, *values, exc_info=True)
    try:
        _append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {' '.join((sentence % values).split())}\n")
    except OSError as error:  # A full disk may be what all of it is about.
        log.critical("%s can't be written, so this is counted in one process only: %s", _file(), error.strerror)
        with _lock:
            _uncounted += 1


def count() -> int:
    """Return how much was not recorded on this server, since the file was begun."""
    try:
        return _uncounted + _file().read_bytes().count(b"\n")
    except OSError:
        return _uncounted


def latest() -> datetime | None:
    """Return when something was last not recorded, if that was lately."""
    try:
        time = datetime.fromtimestamp(_file().stat().st_mtime, UTC)
    except OSError:
        return None
    return time if timezone.now() - time < LATELY else None


def _append(line: str) -> None:
    """Add a line in one write, which others don't come between; to no link that somebody has laid out."""
    _file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, line.encode(errors="replace"))
    finally:
        os.close(descriptor)


def _file() -> Path:
    return Path(settings.UNRECORDED_FILE)

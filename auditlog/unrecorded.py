"""What the log could not take. It is said on standard error and counted in a file, as the database is what failed.

The file is one for all processes of this server, a line for each, so that who adds to it needs no lock. It grows by
what goes wrong only, and may be removed once somebody has looked at it. Where it is, others may make files and folders,
too: both have to be ours.
"""

import errno
import logging
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.utils import timezone

log = logging.getLogger(__name__)

LATELY = timedelta(hours=1)
"""For how long it is an alarm."""

_uncounted = 0
_uncounted_at: datetime | None = None
_lock = Lock()


def note(sentence: str, *values: object) -> None:
    """Say that something was not recorded, with the error that is being handled, and count it."""
    global _uncounted, _uncounted_at
    log.critical(sentence, *values, exc_info=True)
    try:
        _append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {' '.join((sentence % values).split())}\n")
    except OSError as error:  # A full disk may be what all of it is about.
        with _lock:
            _uncounted, _uncounted_at = _uncounted + 1, timezone.now()
        if _uncounted == 1:  # Once is enough: what was not recorded is said each time.
            log.critical(
                "%s can't be written, so that this process counts alone: %s. Name another file in UNRECORDED_FILE.",
                *(_file(), error.strerror),
            )


def count() -> int:
    """Return how much was not recorded on this server, since the file was begun."""
    try:
        with os.fdopen(_open(os.O_RDONLY), "rb") as file:
            return _uncounted + file.read().count(b"\n")
    except OSError:
        return _uncounted


def latest() -> datetime | None:
    """Return when something was last not recorded, if that was lately."""
    times = [_uncounted_at] if _uncounted_at else []
    try:
        with os.fdopen(_open(os.O_RDONLY), "rb") as file:
            times.append(datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC))
    except OSError:
        pass
    return max((time for time in times if timezone.now() - time < LATELY), default=None)


def _append(line: str) -> None:
    """Add a line in one write, which others don't come between."""
    _file().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = _open(os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode(errors="replace"))
    finally:
        os.close(descriptor)


def _open(flags: int) -> int:
    """Open our file in our folder: no link, pipe or folder that somebody else has laid out there.

    Raises:
        PermissionError: for what is not ours alone to write.
    """
    folder = os.open(_file().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _require_ours(os.fstat(folder), _file().parent)
        descriptor = os.open(_file().name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    found = os.fstat(descriptor)
    try:
        _require_ours(found, _file(), is_right=stat.S_ISREG(found.st_mode))
    except PermissionError:
        os.close(descriptor)
        raise
    return descriptor


def _require_ours(found: os.stat_result, path: Path, *, is_right: bool = True) -> None:
    if not is_right or found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "it belongs to somebody else, or others may write it", str(path))


def _file() -> Path:
    return Path(settings.UNRECORDED_FILE)

"""What commands that work until they are stopped have in common."""

import logging
import signal
from collections.abc import Callable
from threading import Event

from django.db import DatabaseError, InterfaceError, connection

from controlcenter.replica import NotHere

log = logging.getLogger(__name__)


def asked_to_end() -> Event:
    """Return what is set when this process is asked to end: what has begun is finished first."""
    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    return end


def repeat(work: Callable[[], bool], pause: float, end: Event) -> None:
    """Work until asked to end, with a pause whenever nothing is left to do.

    A database that is away is waited for, and one that is a replica until it is made the primary.
    """
    while not end.is_set():
        try:
            if work():
                continue
        except (DatabaseError, InterfaceError, NotHere) as error:
            log.error("Trying again soon: %s", str(error).strip().partition("\n")[0])
            connection.close()
        end.wait(pause)

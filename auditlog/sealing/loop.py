"""What runs beside the server: seals every few seconds or so many entries; anchors and verifies every hour."""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from .chores import keep_doing_chores
from .sealer import BLOCK_SIZE, Busy, pending, seal

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0  # seconds
RETRY_EVERY = 1.0
CHORES_MAY_TAKE = 5.0


def work_until(end: Event, sealed: Callable[[], object] = lambda: None) -> None:
    """Seal, until asked to end. A database that is away for a while is waited for; ``sealed`` is told of each pass.

    Raises:
        NotHere: on a replica.
        ImproperlyConfigured: without a key.
    """
    chores = Thread(target=keep_doing_chores, args=[end], daemon=True)
    waiting = False
    while not end.is_set():
        try:
            seal()
            waiting = False
            sealed()
            if chores.ident is None:  # Only who seals does them, from then on.
                chores.start()
        except Busy:
            if not waiting:
                log.info("Another sealer is at work: waiting for it to end.")
            waiting = True
        except (DatabaseError, InterfaceError) as error:
            log.error("Not sealed: %s", str(error).strip().partition("\n")[0])
            connection.close()
            end.wait(RETRY_EVERY)
            continue
        _wait(end)
    if chores.is_alive():
        chores.join(timeout=CHORES_MAY_TAKE)


def _wait(end: Event) -> None:
    """Wait until the next pass is due: by time, or by the entries that wait."""
    due = time.monotonic() + settings.SEAL_EVERY
    while (left := due - time.monotonic()) > 0 and not end.wait(min(left, LOOK_EVERY)):
        try:
            if pending(BLOCK_SIZE) >= BLOCK_SIZE:
                return
        except (DatabaseError, InterfaceError):
            connection.close()

"""Following the log: entries in the order of their transactions, at least once and without a gap.

An entry becomes visible when its transaction commits, perhaps long after later ones. Handed out is therefore only what
no unfinished transaction can precede any more: a long transaction delays what follows, and never loses it.
"""

import time
from collections.abc import Callable
from threading import BoundedSemaphore

from .models import Entry
from .positions import Position

LONGEST_WAIT = 30  # seconds
POLL_EVERY = 0.25  # seconds
MOST_WAITING = 2
"""How many calls may wait in one process at a time: the other threads are left to everybody else."""

_places = BoundedSemaphore(MOST_WAITING)


def something_comes(look: Callable[[Position], object], position: Position, seconds: float) -> bool:
    """Wait for something after a position, and say whether it came. No transaction is open meanwhile.

    When too many wait already, it doesn't: nothing came.
    """
    if not _places.acquire(blocking=False):
        return False
    try:
        return _poll(look, position, time.monotonic() + seconds)
    finally:
        _places.release()


def _poll(look: Callable[[Position], object], position: Position, deadline: float) -> bool:
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(POLL_EVERY, left))
        horizon = Entry.objects.horizon()
        if look(position):
            return True
        position = max(position, horizon)  # So that the next look need not pass by what others did.
    return False

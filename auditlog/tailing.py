"""Following the log: entries in the order in which they were sealed, at least once and without a gap.

An entry becomes visible when its transaction commits, perhaps long after later ones; ids and times are no order to
follow. The sealer gives each entry its place once it is settled, and nothing ever comes between two places.
"""

import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from django.db.models import F, TextField
from django.db.models.functions import Cast

from controlcenter.pooling import lend
from controlcenter.replica import require_primary

from .fetching import Row, fetched
from .models import Block, Seal
from .positions import Misplaced, Position, transaction_in
from .querysets import EntryQuerySet
from .sealing.rows import HIGHEST

SEALED = Cast(F("entry_id"), TextField())

LONGEST_WAIT = 30  # seconds
LONGEST_READ = 2  # seconds
POLL_EVERY = 0.25  # seconds
MOST_LOOKED_AT = 5_000
MOST_WAITING = 2
"""How many calls may wait in one process at a time: the other threads are left to everybody else."""

_places = BoundedSemaphore(MOST_WAITING)


class Part(NamedTuple):
    """Some entries, in order, and the place up to which all were looked at."""

    rows: list[Any]
    position: Position
    places: list[int]
    """Of each row."""

    def position_after(self, count: int) -> Position:
        """Return the place up to which the first rows go; all of them with what was looked at."""
        return self.position if count == len(self.rows) else self.position._replace(seq=self.places[count - 1])


def end_of(account_id: int) -> Position:
    """Return the place of the entry that was sealed last."""
    require_primary("follow the log")
    last = Seal.objects.filter(account_id=account_id).order_by("-seq").values_list("seq", flat=True).first()
    return Position(account_id, last or 0)


def position_in(text: str, account_id: int) -> Position:
    """Return the position that a text stands for in an account, also one of before entries had places.

    Such a position names a transaction: begun is with the first block that may hold what came after it.

    Raises:
        Misplaced: for a text that is none, or one of another account.
    """
    try:
        position = Position.parse(text)
    except Misplaced:
        xid = min(transaction_in(text), HIGHEST)
        before = Block.objects.filter(account_id=account_id, horizon__lte=xid).order_by("-number").first()
        return Position(account_id, before.last_seq if before else 0)
    if position.account_id != account_id:
        raise Misplaced(text)
    return position


def read_on(readable: EntryQuerySet, position: Position, size: int, *columns: Any) -> Part:
    """Return up to ``size`` entries after a position; the first of ``columns`` is the id.

    Places of entries that may not be read are passed by, as many as there are time for.
    """
    require_primary("follow the log")
    found: list[Row] = []
    places: list[int] = []
    seq, look_at, deadline = position.seq, size, time.monotonic() + LONGEST_READ
    while len(found) < size and time.monotonic() < deadline:
        sealed = Seal.objects.filter(account_id=position.account_id, seq__gt=seq).order_by("seq")
        seqs = {entry_id: place for place, entry_id in fetched(sealed.values_list("seq", SEALED)[:look_at])}
        if not seqs:
            break
        rows = fetched(readable.with_ids(list(seqs)).values_list(*columns))
        rows.sort(key=lambda row: seqs[str(row[0])])
        found += rows[: size - len(found)]
        places += [seqs[str(row[0])] for row in found[len(places) :]]
        seq = places[-1] if len(found) == size else max(seqs.values())
        look_at = min(look_at * 4, MOST_LOOKED_AT)
    return Part(found, Position(position.account_id, seq), places)


def something_comes(look: Callable[[Position], Part], position: Position, seconds: float) -> Position | None:
    """Wait for something after a position; return the position just before it. No transaction is open meanwhile.

    When too many wait already, it doesn't: nothing came.
    """
    if not _places.acquire(blocking=False):
        return None
    try:
        return _poll(look, position, time.monotonic() + seconds)
    finally:
        _places.release()


def _poll(look: Callable[[Position], Part], position: Position, deadline: float) -> Position | None:
    while (left := deadline - time.monotonic()) > 0:
        lend()
        time.sleep(min(POLL_EVERY, left))
        part = look(position)
        if part.rows:
            return position
        position = part.position  # So that the next look need not pass by what others did.
    return None

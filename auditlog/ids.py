"""UUID version 7 made from the time of an entry: identity, order, cursor and partition key in one.

Layout (RFC 9562, section 5.7 with method 3): 48 bits of Unix milliseconds, 12 bits that hold the microsecond, 14 bits
that count within one statement, 48 random bits. Ids therefore sort by time, and within a statement as written.
"""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTER_SIZE = 1 << 14
_MICROSECOND = timedelta(microseconds=1)


def new_id(time: datetime, counter: int = 0) -> UUID:
    """Return a fresh id for ``time``; ``counter`` orders ids of the same microsecond (wraps at 16,384)."""
    return _build(time, ((counter % COUNTER_SIZE) << 48) | secrets.randbits(48))


def floor_id(time: datetime) -> UUID:
    """Return the smallest id of ``time``: every entry from then on has an id at or above it.

    No id is older than 1970: that of an earlier time is that of 1970.
    """
    return _build(max(time, EPOCH), 0)


def ceiling_id(time: datetime) -> UUID:
    """Return the largest id of ``time``: every entry until then has an id at or below it."""
    return _build(max(time, EPOCH), (1 << 62) - 1)


def time_of(entry_id: UUID) -> datetime:
    """Return the time, in UTC with microseconds, that an id was made from."""
    milliseconds, fraction = entry_id.int >> 80, (entry_id.int >> 64) & 0xFFF
    return EPOCH + timedelta(milliseconds=milliseconds, microseconds=fraction)


def _build(time: datetime, tail: int) -> UUID:
    milliseconds, microseconds = divmod((time - EPOCH) // _MICROSECOND, 1000)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (microseconds << 64) | (0b10 << 62) | tail)

"""Gathers which grams stand where in the log, for ``auditlog.texts``: 8,192 settled entries of an account at a time."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from .hours import LOCK, MARK
from .texts import CHUNK, FACTORS, NOTHING, PIECE, PIECES, WIDTH

SLOTS_A_GRAM = 4
"""How many slots there are for each gram of a piece: a wrong one is met in 22 of 100 of them, five in 1 of 2,000."""
MOST_SLOTS = 20_000
"""40 bytes an entry."""
LONGEST = 16_384
"""Bytes of a body. What is longer is not taken apart: its piece may hold anything."""

BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"
"""Else the planner, who can't know how little is new, sorts all that may come next: 5 s for a chunk instead of 0.1."""
CAME = """
SELECT account_id, count(*) FROM auditlog_entry
WHERE xid::text::bigint >= %s AND xid::text::bigint < %s GROUP BY account_id
"""
HERE = "(SELECT system_identifier FROM pg_control_system())"
FORGET_ELSEWHERE = f"DELETE FROM auditlog_text_chunk WHERE cluster <> {HERE}"  # noqa: S608
# Of months that are dropped nothing may be left but strays, in the partition for whatever fits in no month.
FORGET_DROPPED = """
DELETE FROM auditlog_text_chunk AS chunk
WHERE last_id < (
    SELECT (lpad(to_hex(extract(epoch FROM to_date(right(min(relname), 7), 'YYYY_MM'))::bigint * 1000), 12, '0')
        || '70008000000000000000')::uuid
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'auditlog_entry'::regclass AND relname ~ '_\\d{4}_\\d\\d$'
) AND NOT EXISTS (
    SELECT FROM auditlog_entry AS entry
    WHERE entry.account_id = chunk.account_id AND entry.id BETWEEN chunk.first_id AND chunk.last_id
)
"""
GATHERED = f"""
SELECT xid::text, id FROM auditlog_text_chunk WHERE account_id = %s AND cluster = {HERE}
ORDER BY auditlog_text_chunk.xid DESC, id DESC LIMIT 1
"""  # noqa: S608
NEXT = """
FROM auditlog_entry
WHERE account_id = %s AND (xid, id) > (%s, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY auditlog_entry.xid, id LIMIT %s
"""
COUNT_NEXT = f"SELECT count(*) FROM (SELECT {NEXT}) AS settled"  # noqa: S608
READ_NEXT = f"""
SELECT xid::text, id, CASE WHEN octet_length(body) <= {LONGEST} THEN lower(convert_from(body, 'UTF8')) END
{NEXT}
"""
KEEP = f"""
INSERT INTO auditlog_text_chunk (account_id, xid, id, first_id, last_id, cluster, xids, ids, firsts, lasts, bits)
VALUES (%s, %s, %s, %s, %s, {HERE}, %s::text[]::xid8[], %s, %s, %s, %s)
"""  # noqa: S608


class Texts:
    """Gathers what is settled. What it remembers only spares looking: any number of these may begin at any time."""

    def __init__(self) -> None:
        self._since: int | None = None
        self._missing: dict[int, int] = {}
        """How many entries have to come to an account before it has another chunk."""

    def gather(self) -> bool:
        """Gather one chunk, if an account has so many entries that are settled; say whether there may be more.

        Safe to be interrupted, or run several times at once: a chunk is there as a whole, and once.
        """
        self._look()
        account_id = next((account_id for account_id, missing in self._missing.items() if missing <= 0), None)
        if account_id is None:
            return False
        with transaction.atomic(), connection.cursor() as cursor:
            # The lock of the hourly counts, which also keeps months from being dropped meanwhile.
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return False
            cursor.execute(BY_INDEX)
            settled = _Settled(cursor, account_id)
            if settled.missing <= 0:
                settled.keep()
            else:
                self._missing[account_id] = settled.missing
        return any(missing <= 0 for missing in self._missing.values())

    def _look(self) -> None:
        """Find the accounts that entries have come to since the last look; first of all, those that have any.

        Up to where they are counted by the hour: what is later is met the next time.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(MARK)
            until, holds = cursor.fetchone() or (0, True)
            if not holds or until == self._since:
                return
            if self._since is None:
                cursor.execute(FORGET_ELSEWHERE)
                cursor.execute("SELECT account_id, 0 FROM auditlog_hour WHERE dimension = 0 GROUP BY account_id")
            else:
                cursor.execute(BY_INDEX)
                cursor.execute(CAME, [self._since, until])
            for account_id, count in cursor.fetchall():
                self._missing[account_id] = self._missing.get(account_id, 0) - count
            cursor.execute(FORGET_DROPPED)
            self._since = until


class _Settled:
    """The next settled entries of an account that are not gathered yet."""

    def __init__(self, cursor: CursorWrapper, account_id: int) -> None:
        self.cursor, self.account_id = cursor, account_id
        cursor.execute(GATHERED, [account_id])
        self.after = cursor.fetchone() or NOTHING
        cursor.execute(COUNT_NEXT, [account_id, *self.after, CHUNK])
        self.missing: int = CHUNK - cursor.fetchone()[0]

    def keep(self) -> None:
        """Write a chunk of them down."""
        self.cursor.execute(READ_NEXT, [self.account_id, *self.after, CHUNK])
        rows = self.cursor.fetchall()
        pieces = [rows[start : start + PIECE] for start in range(0, CHUNK, PIECE)]
        ends = [self.after, *(piece[-1][:2] for piece in pieces)]
        xids, ids = zip(*ends, strict=True)
        firsts, lasts = ([pick(row[1] for row in piece) for piece in pieces] for pick in (min, max))
        bits = filters_of([grams_of((row[1], row[2]) for row in piece) for piece in pieces])
        bounds = [*ends[-1], min(firsts), max(lasts)]
        self.cursor.execute(KEEP, [self.account_id, *bounds, list(xids), list(ids), firsts, lasts, bits])


def grams_of(bodies: Iterable[tuple[UUID, str | None]]) -> set[int] | None:
    """Return the grams of some bodies in small letters, given with their ids, as numbers; None when it may be any."""
    values: set[str] = set()
    for entry_id, body in bodies:
        if body is None:
            return None
        values.update(_looked_through(entry_id, body).split('"'))
    return {number for value in values for number in _numbers(value)}


def _numbers(value: str) -> Iterable[int]:
    """Return a number for each gram, the same as the database: it has to be the same for ever, and everywhere."""
    first, second, third, fourth = FACTORS
    codes = [*map(ord, value)]
    grams = zip(codes, codes[1:], codes[2:], codes[3:], strict=False)
    return [a * first + b * second + c * third + d * fourth for a, b, c, d in grams]


def _looked_through(entry_id: UUID, body: str) -> str:
    """Return a body without what no text is looked for in, which would fill the filters: actor, id, time, and where.

    Bodies are canonical, their keys in order. What is not found where it is expected stays.
    """
    begin, end = body.find(',"app":'), body.rfind(',"time":"')
    return body[max(begin, 0) : end if end > 0 else None].replace(f',"id":"{entry_id}","operation":', "", 1)


def filters_of(pieces: Sequence[set[int] | None]) -> bytes:
    """Return the filters of pieces, slot by slot; None stands for a piece that may hold anything."""
    known = [len(grams) for grams in pieces if grams is not None]
    slots = min(MOST_SLOTS, max(PIECE, SLOTS_A_GRAM * sum(known) // max(1, len(known))))
    anything = sum(1 << (PIECES - 1 - place) for place, grams in enumerate(pieces) if grams is None)
    filters = [anything] * slots
    for place, grams in enumerate(pieces):
        bit = 1 << (PIECES - 1 - place)
        for gram in grams or ():
            filters[gram % slots] |= bit
    return b"".join(bits.to_bytes(WIDTH, "big") for bits in filters)

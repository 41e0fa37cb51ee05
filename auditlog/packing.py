"""Indexes of months that are over, made anew without the room that was left in them: they take a third less.

Entries of many accounts, apps and people come in turn, each at the end of its own stretch of an index. PostgreSQL
halves a full page there, and the first half is never filled: pages stay 50 to 70 % full. (For keys of up to 16 bytes it
knows better; an id alone has as many.) To a month that is over nothing is added, so its pages may be full to the brim.
"""

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from controlcenter.replica import require_primary

from .archiving import SETTLES_IN
from .distribution import require_one_machine
from .partitions import name_of

PACKED = "Its indexes are packed"
SEALS = "auditlog_seal"
MOST_OF_A_SEAL = 52
"""Bytes an entry has in the index of seals by entry, at most; 41 when it is packed. What was packed once is a growing
part of it, so it is made anew ever more rarely."""

MONTHS = """
SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'auditlog_entry'::regclass AND relname ~ '_[0-9]{4}_[0-9]{2}$' AND relname < %s
    AND pg_relation_size(inhrelid) > 0 AND obj_description(inhrelid, 'pg_class') IS DISTINCT FROM %s
ORDER BY 1
"""
# As PostgreSQL calls what it works on: any other one that is not valid may be somebody's who is at work.
INTERRUPTED = """
SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = %s::regclass AND NOT indisvalid AND relname ~ '_cc(new|old)[0-9]*$'
"""
TREES = """
SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_am ON pg_am.oid = relam WHERE indrelid = %s::regclass AND amname = 'btree'
"""
SEALS_ARE_LOOSE = f"""
SELECT EXISTS ({INTERRUPTED}) OR reltuples > 0 AND pg_relation_size('seal_once_per_entry') > %s * reltuples
FROM pg_class WHERE oid = %s::regclass
"""  # noqa: S608


class Packed(NamedTuple):
    """A table whose indexes were made anew, and what they took and take."""

    table: str
    before: int
    after: int


def pack() -> Iterator[Packed]:
    """Make the indexes of each month that is over anew, once, and those of seals when that pays.

    Nobody waits for it, and it may be interrupted: what is not done is done the next time. It waits itself for
    transactions that are under way, so it works outside of one only. Takes 20 µs an entry of the month.
    """
    require_primary("pack")
    require_one_machine("pack")
    with connection.cursor() as cursor:
        cursor.execute(MONTHS, [name_of((timezone.now() - SETTLES_IN).date()), PACKED])
        for (month,) in cursor.fetchall():
            cursor.execute(TREES, [month])
            for (index,) in cursor.fetchall():
                cursor.execute(f"ALTER INDEX {index} SET (fillfactor = 100)")
            yield _rebuild(cursor, month)
            cursor.execute(f"COMMENT ON TABLE {month} IS '{PACKED}'")
        cursor.execute(SEALS_ARE_LOOSE, [SEALS, MOST_OF_A_SEAL, SEALS])
        if cursor.fetchone() == (True,):
            yield _rebuild(cursor, SEALS)


def _rebuild(cursor: CursorWrapper, table: str) -> Packed:
    # Names come from the catalog, quoted where they have to be; such statements take no parameters.
    cursor.execute(INTERRUPTED, [table])
    for (index,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX CONCURRENTLY {index}")
    before = _size(cursor, table)
    cursor.execute(f"REINDEX (CONCURRENTLY) TABLE {table}")
    return Packed(table, before, _size(cursor, table))


def _size(cursor: CursorWrapper, table: str) -> int:
    cursor.execute("SELECT pg_indexes_size(%s::regclass)", [table])
    return int(cursor.fetchone()[0])

"""Entries counted by the hour, behind the writers: what the histogram of a long range is made of.

``roll_up()`` adds what no unfinished transaction can precede any more, and moves the watermark, in one transaction. So
in any snapshot an entry is in ``auditlog_hour`` when its ``xid`` lies below the watermark, and is not otherwise: a
reader who counts the others beside it is exact. Writers know nothing of it and wait for nothing.

An hour is kept as four quarters: days of all zones in use begin at one, and so do buckets of 15 minutes.
"""

from enum import IntEnum

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from controlcenter.replica import require_primary

from .distribution import require_one_machine

STEP = 100_000
"""About how many entries are added at a time. A transaction is never split, however many it wrote."""
LOCK = 0x686F757273
QUARTERS = range(4)
SLOT_SECONDS = 900


class Dimension(IntEnum):
    """What entries are counted by, besides time; ``ALL`` has one value, 0."""

    ALL = 0
    APP = 1
    ACTOR = 2
    OPERATION = 3


COLUMNS = {Dimension.APP: "app_id", Dimension.ACTOR: "actor_id", Dimension.OPERATION: "operation"}

COUNTS = [f"{outcome}_{quarter}" for outcome in ("done", "failed") for quarter in QUARTERS]
_VALUES = ", ".join([f"({Dimension.ALL:d}, 0)", *(f"({number:d}, {column})" for number, column in COLUMNS.items())])
_COUNTED = ", ".join(
    f"count(*) FILTER (WHERE {'' if outcome == 'done' else 'NOT '}success AND slot % 4 = {quarter})"
    for outcome in ("done", "failed")
    for quarter in QUARTERS
)

ADD = f"""
INSERT INTO auditlog_hour (account_id, dimension, value, hour, {", ".join(COUNTS)})
SELECT account_id, dimension, value, slot / 4, {_COUNTED.replace("%", "%%")}
FROM (
    SELECT account_id, app_id, actor_id, operation, success,
        ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / {1000 * SLOT_SECONDS} AS slot
    FROM auditlog_entry
    WHERE xid::text::bigint >= %s AND xid::text::bigint < %s
) AS settled
CROSS JOIN LATERAL (VALUES {_VALUES}) AS counted (dimension, value)
WHERE value IS NOT NULL
GROUP BY account_id, dimension, value, slot / 4
ON CONFLICT (account_id, dimension, value, hour)
DO UPDATE SET {", ".join(f"{name} = auditlog_hour.{name} + excluded.{name}" for name in COUNTS)}
"""  # noqa: S608

MARK = """
SELECT rolled.xid::text::bigint, rolled.cluster = here.system_identifier
FROM auditlog_hours_rolled AS rolled, pg_control_system() AS here
"""

MOVE = """
INSERT INTO auditlog_hours_rolled (xid, cluster) SELECT %s::xid8, system_identifier FROM pg_control_system()
ON CONFLICT (only_row) DO UPDATE SET xid = excluded.xid, cluster = excluded.cluster
"""

# Read in any order, since only the size matters: whatever the next watermark, each entry lies on one side of it.
SETTLED = f"""
SELECT count(*), max(xid)::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM (
    SELECT xid FROM auditlog_entry
    WHERE xid::text::bigint >= %s AND xid::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    LIMIT {STEP}
) AS settled
"""  # noqa: S608


def roll_up() -> bool:
    """Add a bounded part of the entries that are settled and not counted yet; say whether there may be more.

    Safe to run anywhere at any time: of several at once one works and the others return, and an interrupted one has
    done nothing.
    """
    require_primary("count")
    require_one_machine("count")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        watermark = _watermark(cursor)
        cursor.execute(SETTLED, [watermark])
        found, newest, horizon = cursor.fetchone()
        if not found:
            return False
        until = horizon if found < STEP else newest + 1
        cursor.execute("SET LOCAL work_mem = '256MB'")  # Only a long transaction of many entries needs that much.
        cursor.execute(ADD, [watermark, until])
        cursor.execute(MOVE, [str(until)])
    return bool(found == STEP)


def _watermark(cursor: CursorWrapper) -> int:
    """Return the transaction from which on entries are not counted yet.

    A log that was restored into another cluster brings numbers that mean nothing there: it is counted anew.
    """
    cursor.execute(MARK)
    xid, holds = cursor.fetchone() or (0, True)
    if holds:
        return int(xid)
    cursor.execute("DELETE FROM auditlog_hour")
    cursor.execute(MOVE, ["0"])
    return 0

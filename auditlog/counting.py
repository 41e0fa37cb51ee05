"""Counts entries by buckets of time in one statement: exactly where the hourly counts can tell, else as far as it gets.

What the hourly counts hold and what was committed since are read in one snapshot, so that nothing is missed or counted
twice, whenever ``roll_up()`` runs. Quarters of an hour that an edge cuts are counted from the entries themselves.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models.expressions import RawSQL

from controlcenter import replica

from .hours import COLUMNS, QUARTERS, SLOT_SECONDS, Dimension
from .ids import EPOCH, floor_id
from .querysets import EntryQuerySet

MOST_LIVE = 100_000
"""How many entries beside the hourly counts are counted at most."""
PATIENCE = timedelta(milliseconds=300)
"""No window is begun after it."""
AT_FIRST = timedelta(milliseconds=20)
"""The same while a page waits for it whose scripts ask for the rest."""
SLOT = timedelta(seconds=SLOT_SECONDS)
MILLISECOND = timedelta(milliseconds=1)

SQL = tuple[str, list[Any]]


class Count(NamedTuple):
    """How many operations came about, and how many did not."""

    done: int = 0
    failed: int = 0


class Values(NamedTuple):
    """A dimension of the hourly counts, and which of its values count."""

    dimension: Dimension = Dimension.ALL
    values: Sequence[int] = (0,)

    def as_condition(self) -> SQL:
        """Return the same for rows of entries."""
        if self.dimension is Dimension.ALL:
            return "true", []
        return f"{COLUMNS[self.dimension]} = ANY (%s)", [list(self.values)]


@dataclass(frozen=True, slots=True)
class Counts:
    """What matches in each bucket and, when that is known and not the same, what there is in all."""

    matching: list[Count]
    all: list[Count] | None = None
    since: datetime | None = None
    """From when on it was counted, where it had to stop; None: all of it."""


# A watermark of another cluster is none; see auditlog.hours.
MARK = """
WITH RECURSIVE mark AS MATERIALIZED (
    SELECT xid FROM auditlog_hours_rolled
    WHERE cluster = (SELECT system_identifier FROM pg_control_system())
),
since AS MATERIALIZED (SELECT coalesce((SELECT xid FROM mark), '0'::xid8) AS xid)"""

# The orders make the planner walk the indexes: it does not know before how little that is. Beside the fence it takes a
# comparison for safe only with something as plain as a column: with coalesce() all of the account was read, in seconds
# where it takes less than one millisecond. Of a single bound it expects a third of the account, so that logs of some
# 100,000 entries were read whole, in 76 ms; of two, even if one says nothing, a two-hundredth. What lies in a piece is
# counted there and not among the late: ends of pieces, in turns, have an odd number before what is inside of one.
LIVE = """
late AS MATERIALIZED (
    SELECT id, success, app_id, actor_id, operation FROM auditlog_entry
    WHERE account_id = %s AND xid >= (SELECT xid FROM since) AND xid <= '18446744073709551615' ORDER BY xid LIMIT %s
),
cut AS MATERIALIZED (
    SELECT entry.* FROM unnest(%s::uuid[], %s::uuid[]) AS piece (first, last)
    CROSS JOIN LATERAL (
        SELECT id, success, app_id, actor_id, operation FROM auditlog_entry
        WHERE account_id = %s AND id >= piece.first AND id < piece.last ORDER BY id LIMIT %s
    ) AS entry
    LIMIT %s
),
live AS MATERIALIZED (
    SELECT * FROM late WHERE id >= %s AND id < %s AND width_bucket(id, %s::uuid[]) %% 2 = 0
    UNION ALL
    SELECT * FROM cut
)
"""
MOST_COUNTED = "SELECT 'live', 0, greatest((SELECT count(*) FROM late), (SELECT count(*) FROM cut)), 0"

COUNTED_LIVE = """
SELECT %s, width_bucket(id, %s::uuid[]) - 1, count(*) FILTER (WHERE success), count(*) FILTER (WHERE NOT success)
FROM live WHERE {condition} GROUP BY 2
"""

_WHOLE = ", ".join(
    f"sum({' + '.join(f'{outcome}_{quarter}' for quarter in QUARTERS)})::bigint" for outcome in ("done", "failed")
)
_QUARTERS = ", ".join(f"(hour * 4 + {quarter}, done_{quarter}, failed_{quarter})" for quarter in QUARTERS)
_OF_SERIES = "account_id = %s AND dimension = %s AND value = ANY (%s) AND EXISTS (SELECT FROM mark)"
COUNTED_HOURS = f"""
SELECT %s, width_bucket(hour * 4, %s::int[]) - 1, {_WHOLE}
FROM auditlog_hour
WHERE {_OF_SERIES} AND hour >= %s AND hour < %s AND hour <> ALL (%s::int[])
GROUP BY 2
"""  # noqa: S608

# Hours in which an edge lies; the others, whole, take a fifth of the work.
COUNTED_QUARTERS = f"""
SELECT %s, width_bucket(slot, %s::int[]) - 1, sum(done)::bigint, sum(failed)::bigint
FROM auditlog_hour CROSS JOIN LATERAL (VALUES {_QUARTERS}) AS quarter (slot, done, failed)
WHERE {_OF_SERIES} AND hour = ANY (%s::int[]) AND slot >= %s AND slot < %s AND slot <> ALL (%s::int[])
GROUP BY 2
"""  # noqa: S608

# Newest first, one window of time after another, and the clock is looked at after each. They get wider where there is
# little, but not where there is something: what is older may have to come from the disk.
SCAN = """
    SELECT %s::int AS bucket, %s::bigint AS upper, %s::bigint AS width, clock_timestamp() AS at,
        NULL::int AS counted, 0::bigint AS done, 0::bigint AS failed
    UNION ALL
    SELECT
        CASE WHEN span.lower = span.edge THEN scan.bucket - 1 ELSE scan.bucket END,
        span.lower,
        CASE WHEN clock_timestamp() - scan.at > interval '25 ms' THEN greatest(scan.width / 4, 1000)
             WHEN clock_timestamp() - scan.at > interval '5 ms' OR matching.done + matching.failed > 200 THEN scan.width
             ELSE least(scan.width * 2, 10000000000) END,
        clock_timestamp(),
        scan.bucket,
        matching.done,
        matching.failed
    FROM (
        SELECT * FROM scan WHERE bucket >= 0 AND clock_timestamp() < statement_timestamp() + %s OFFSET 0
    ) AS scan
    CROSS JOIN LATERAL (SELECT (%s::bigint[])[scan.bucket + 1] AS edge) AS lowest
    CROSS JOIN LATERAL (SELECT edge, greatest(edge, scan.upper - scan.width) AS lower) AS span
    CROSS JOIN LATERAL (
        SELECT (lpad(to_hex(span.lower), 12, '0') || '70008000000000000000')::uuid AS first,
            (lpad(to_hex(scan.upper), 12, '0') || '70008000000000000000')::uuid AS last
    ) AS ids
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE success) AS done, count(*) FILTER (WHERE NOT success) AS failed
        FROM ({entries}) AS entries
    ) AS matching
"""

COUNTED_SCAN = """
SELECT 'matching', counted, sum(done)::bigint, sum(failed)::bigint FROM scan WHERE counted IS NOT NULL GROUP BY counted
UNION ALL
SELECT 'upper', 0, min(upper), 0 FROM scan
"""


class Counting:
    """One look at the entries of an account that somebody may read, between the first edge and the last."""

    def __init__(self, account_id: int, readable: Values, edges: Sequence[datetime]) -> None:
        self.account_id, self.readable, self.edges = account_id, readable, edges
        self.ids = [floor_id(edge) for edge in edges]
        self.slots = [(edge - EPOCH) // SLOT for edge in edges]
        self.cut = sorted({slot for slot, edge in zip(self.slots, edges, strict=True) if (edge - EPOCH) % SLOT})

    def exactly(self, narrowed: Values | None = None) -> Counts | None:
        """Count all of it and, beside it, what has certain values; None when the hourly counts are too far behind."""
        series = {"all": self.readable} | ({"matching": narrowed} if narrowed else {})
        found = self._found([self._live()], self._exact(series))
        if "all" not in found:
            return None
        return Counts(found["matching"], found["all"]) if narrowed else Counts(found["all"])

    def as_far_as_possible(
        self, entries: EntryQuerySet, *, beside_all: bool = True, patience: timedelta | None = None
    ) -> Counts:
        """Count some entries, newest first, until ``patience`` is over; and all of it beside them, if that is quick."""
        ctes, selects = ([self._live()], self._exact({"all": self.readable})) if beside_all else ([], [])
        with suppress(EmptyResultSet):  # Nothing can match, Django says, without asking.
            ctes, selects = (
                [*ctes, self._scan(entries, PATIENCE if patience is None else patience)],
                [*selects, (COUNTED_SCAN, [])],
            )
        found = self._found(ctes, selects)
        reached = EPOCH + found["upper"][0].done * MILLISECOND if "upper" in found else self.edges[0]
        return Counts(found["matching"], found.get("all"), reached if reached > self.edges[0] else None)

    def _found(self, ctes: list[SQL], selects: list[SQL]) -> dict[str, list[Count]]:
        """Return counts by series and bucket; no ``all`` when there was more beside the hourly counts than is read."""
        found: dict[str, list[Count]] = defaultdict(lambda: [Count()] * (len(self.edges) - 1))
        for name, bucket, done, failed in _rows(ctes, selects):
            before = found[name][bucket]
            found[name][bucket] = Count(before.done + done, before.failed + failed)
        if "live" in found:
            found["all"]  # Now there is one, even of nothing.
            if found.pop("live")[0].done > MOST_LIVE:
                del found["all"]
        return found

    def _live(self) -> SQL:
        """What is counted one by one: what was committed lately, and what lies in a quarter that an edge cuts."""
        first, last, most = self.ids[0], self.ids[-1], MOST_LIVE + 1
        pieces = [(max(first, _id_of(begins)), min(last, _id_of(ends))) for begins, ends in _joined(self.cut)]
        firsts, lasts = ([piece[end] for piece in pieces] for end in (0, 1))
        late, cut = [self.account_id, most], [firsts, lasts, self.account_id, most, most]
        return LIVE, [*late, *cut, first, last, [end for piece in pieces for end in piece]]

    def _exact(self, series: dict[str, Values]) -> list[SQL]:
        selects: list[SQL] = [(MOST_COUNTED, [])]
        for name, of in series.items():
            condition, values = of.as_condition()
            selects.append((COUNTED_LIVE.format(condition=condition), [name, self.ids[:-1], *values]))
            selects += self._hours(name, [self.account_id, int(of.dimension), list(of.values)])
        return selects

    def _hours(self, name: str, which: list[Any]) -> list[SQL]:
        edges, first, last = self.slots[:-1], self.slots[0], self.slots[-1]
        parted = sorted({slot // 4 for slot in self.slots if slot % 4} | {slot // 4 for slot in self.cut})
        whole: SQL = COUNTED_HOURS, [name, edges, *which, -(-first // 4), last // 4, parted]
        quarters: SQL = COUNTED_QUARTERS, [name, edges, *which, parted, first, last, self.cut]
        return [whole, quarters] if parted else [whole]

    def _scan(self, entries: EntryQuerySet, patience: timedelta) -> SQL:
        within = entries.filter(id__gte=RawSQL("ids.first", ()), id__lt=RawSQL("ids.last", ()))
        sql, params = within.order_by().values("success").query.sql_with_params()
        edges = [(edge - EPOCH) // MILLISECOND for edge in self.edges]
        buckets = len(edges) - 1
        start = [buckets - 1, edges[-1], max(1000, (edges[-1] - edges[0]) // buckets // 16)]
        return f"scan AS ({SCAN.format(entries=sql)})", [*start, patience, edges[:-1], *params]


def _id_of(slot: int) -> UUID:
    return floor_id(EPOCH + slot * SLOT)


def _joined(slots: Sequence[int]) -> list[tuple[int, int]]:
    """Return first slots of stretches without a gap, and the first slots after them."""
    firsts = [slot for slot in slots if slot - 1 not in slots]
    lasts = [slot + 1 for slot in slots if slot + 1 not in slots]
    return list(zip(firsts, lasts, strict=True))


def _rows(ctes: list[SQL], selects: list[SQL]) -> list[tuple[Any, ...]]:
    if not selects:
        return []
    sql = f"{', '.join([MARK, *(cte for cte, _ in ctes)])} {' UNION ALL '.join(select for select, _ in selects)}"
    return replica.rows(sql, [param for _, params in (*ctes, *selects) for param in params])

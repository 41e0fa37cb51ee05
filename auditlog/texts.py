"""In which parts of an account's log a text can stand: without it, looking for a rare one reads every entry.

``auditlog.gathering`` works behind the writers. It takes the entries of an account that are settled, in the order of
their transactions, 8,192 at a time, and writes down for each piece of 64 which grams (four characters in a row) it
holds: a Bloom filter with one hash. To find a text its grams are looked up; the few pieces that hold them all are read,
and what is not gathered yet. What is settled never changes, so what was found in it holds for ever.

Filters lie side by side, bit by bit: 16 bytes tell for a gram which of 128 pieces may hold it. With four characters a
piece of 64 entries that each bear a random id holds 3,600 grams, and 37 bytes an entry are enough. With three such a
piece would hold nearly all grams there are, and tell nothing.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from controlcenter.operations import Operation
from controlcenter.replica import log_connection

PIECE = 64
PIECES = 128
CHUNK = PIECE * PIECES
GRAM = 4
FIRST_GRAMS, MOST_GRAMS = 4, 12
"""Looked up of a text, at most. The first leave few pieces to ask the others about."""

MOST_READ = 65_536
"""Entries read to find a text, at most: 0.2 to 0.3 s."""
MOST_LATE = 20_000
"""Of these not gathered yet."""
MOST_FOUND = 500
"""What stands in more entries than that is quickly found newest first."""

LOWEST, HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)
NOTHING = ("0", LOWEST)
"""Before the first entry of the first transaction."""
FACTORS = (1_000_003, 786_433, 393_241, 196_613)
"""Make a number of a gram, in Python and in SQL alike; one that fits in 30 bits for ASCII, which is quicker."""

_HASH = " + ".join(f"ascii(substr(said, place + {n}, 1))::bigint * {factor}" for n, factor in enumerate(FACTORS))
WIDTH = PIECES // 8


def _held(grams: str) -> str:
    """Return SQL for the pieces of a chunk that may hold all of some grams; all of them for none."""
    at = f"substring(bits FROM (gram %% (octet_length(bits) / {WIDTH}))::int * {WIDTH} + 1 FOR {WIDTH})"
    held = f"bit_and(('x' || encode({at}, 'hex'))::bit({PIECES}))"
    return f"(SELECT coalesce({held}, ~ 0::bit({PIECES})) AS held FROM unnest({grams}) AS gram)"  # noqa: S608


CONDITION = "{condition}"
_WITHIN = "account_id = %(account)s AND auditlog_entry.id >= %(since)s AND auditlog_entry.id < %(before)s"
_NONE = f"0::bit({PIECES})"
# The pieces are told within which ids they lie: of most months nothing is read. What is late is not, as CASE sees to:
# that would tempt the planner to go through all those ids instead of the few late transactions. OFFSET 0 keeps each a
# look-up in an index. Both counts are cheap and come first, so that what is too much is not read.
FIND = f"""
WITH gram AS MATERIALIZED (
    SELECT array_agg(gram) AS all_of FROM (
        SELECT DISTINCT {_HASH} AS gram
        FROM unnest(%(parts)s::text[]) AS part, lower(part) AS said,
            generate_series(1, length(said) - {GRAM - 1}) AS place
        LIMIT {MOST_GRAMS}
    ) AS grams
),
here AS MATERIALIZED (SELECT system_identifier AS cluster FROM pg_control_system()),
gathered AS MATERIALIZED (
    SELECT coalesce(last.xid, '{NOTHING[0]}') AS xid, coalesce(last.id, '{NOTHING[1]}') AS id
    FROM here LEFT JOIN LATERAL (
        SELECT xid, id FROM auditlog_text_chunk
        WHERE account_id = %(account)s AND cluster = here.cluster ORDER BY xid DESC, id DESC LIMIT 1
    ) AS last ON true
),
late AS MATERIALIZED (
    SELECT count(*) AS size FROM (
        SELECT FROM auditlog_entry
        WHERE account_id = %(account)s AND (xid, id) > ((SELECT xid FROM gathered), (SELECT id FROM gathered))
        ORDER BY xid, auditlog_entry.id LIMIT {MOST_LATE + 1}
    ) AS late
),
chunk AS MATERIALIZED (
    SELECT xids, ids, firsts, lasts, most.held & rest.held AS held
    FROM auditlog_text_chunk
    CROSS JOIN gram
    CROSS JOIN LATERAL {_held(f"all_of[:{FIRST_GRAMS}]")} AS most
    CROSS JOIN LATERAL {_held(f"CASE WHEN most.held <> {_NONE} THEN all_of[{FIRST_GRAMS + 1}:] END")} AS rest
    WHERE account_id = %(account)s AND cluster = (SELECT cluster FROM here)
        AND last_id >= %(since)s AND first_id < %(before)s AND most.held <> {_NONE} AND most.held & rest.held <> {_NONE}
),
piece AS MATERIALIZED (
    SELECT piece.*
    FROM chunk CROSS JOIN LATERAL unnest(xids[:{PIECES}], ids[:{PIECES}], xids[2:], ids[2:], firsts, lasts)
        WITH ORDINALITY AS piece (after_xid, after_id, last_xid, last_id, lowest_id, highest_id, place)
    WHERE get_bit(held, place::int - 1) = 1 AND highest_id >= %(since)s AND lowest_id < %(before)s
    LIMIT {MOST_READ // PIECE + 1}
)
SELECT fits, pg_current_snapshot()::text, CASE WHEN fits THEN ARRAY(
    SELECT settled.id FROM piece CROSS JOIN LATERAL (
        SELECT id FROM auditlog_entry
        WHERE {_WITHIN} AND id BETWEEN lowest_id AND highest_id
            AND (xid, id) > (after_xid, after_id) AND (xid, id) <= (last_xid, last_id) AND {CONDITION}
        OFFSET 0
    ) AS settled
    UNION ALL
    SELECT late.id FROM gathered CROSS JOIN LATERAL (
        SELECT id FROM auditlog_entry
        WHERE account_id = %(account)s AND (xid, id) > (gathered.xid, gathered.id)
            AND CASE WHEN id >= %(since)s AND id < %(before)s THEN {CONDITION} END
        OFFSET 0
    ) AS late
    LIMIT {MOST_FOUND + 1}
) END
FROM late, LATERAL (
    SELECT size <= {MOST_LATE} AND size + {PIECE} * (SELECT count(*) FROM piece) <= {MOST_READ} AS fits
) AS enough
"""  # noqa: S608

OUT_OF_TIME = "clock_timestamp() > statement_timestamp() + %s"

# As conditions side by side the planner takes them for so rare that it reads and sorts all there is: 146 ms for a page
# that is found in order in 2.
MENTIONS = (
    "CASE WHEN auditlog_entry.operation <> %s AND lower(convert_from(auditlog_entry.body, 'UTF8')) LIKE lower(%s)"
    " THEN auditlog_text(auditlog_entry.body) ILIKE %s ELSE false END"
)


class Found(NamedTuple):
    """Entries in which some texts stand: all of them at the time of a snapshot."""

    ids: list[UUID]
    snapshot: str


@dataclass(slots=True)
class Findings:
    """What was found in a part of the log so far. It holds for ever, but for what came later."""

    found: dict[Any, Found | None] = field(default_factory=dict)
    plainly: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Stretch:
    """Entries of one account between two ids. What is found in them is known to all that is narrowed from the same."""

    account_id: int
    since: UUID = LOWEST
    before: UUID = HIGHEST
    findings: Findings = field(default_factory=Findings)
    patience: timedelta | None = None
    """For how long entries may be looked through; None for as long as it takes. See ``Unread``."""

    def within(self, *, since: UUID | None = None, before: UUID | None = None) -> "Stretch":
        """Return the part of it from one id on, or up to another, which is left out."""
        return replace(self, since=max(self.since, since or self.since), before=min(self.before, before or self.before))

    def read_plainly(self) -> None:
        """From now on have entries looked through as they are met."""
        self.findings.plainly = True

    def find(self, texts: tuple[str, ...]) -> Found | None:
        """Return all its entries in which each of some texts stands: one query, the first time. None: see ``_find``."""
        if self.findings.plainly:
            return None
        asked, found = (self.since, self.before, texts), self.findings.found
        if asked not in found:
            found[asked] = _find(self.account_id, texts, self.since, self.before)
        return found[asked]

    @property
    def found_at(self) -> str:
        """The snapshot in which texts were first found; "" when all is read as it is met."""
        return next((found.snapshot for found in self.findings.found.values() if found), "")


class Mentions(RawSQL):
    """Whether each of some texts stands in an entry. When a statement is made of it, they are looked for."""

    def __init__(self, texts: tuple[str, ...], stretch: Stretch | None = None) -> None:
        params = [param for text in texts for param in (int(Operation.LOG_VIEW), *_patterns(text))]
        super().__init__(" AND ".join([MENTIONS] * len(texts)), params, BooleanField())
        self.texts, self.stretch = texts, stretch

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Return the condition: the ids of the entries, where they are known."""
        found = self.stretch.find(self.texts) if self.stretch else None
        if found is None:
            sql, params = super().as_sql(compiler, connection)
            if self.stretch is None or self.stretch.patience is None:
                return sql, params
            return f"CASE WHEN {OUT_OF_TIME} THEN true ELSE {sql} END", [self.stretch.patience, *params]
        if not found.ids:
            raise EmptyResultSet
        return "(auditlog_entry.id = ANY (%s))", (found.ids,)


class Unread(Mentions):
    """Whether an entry was met when no patience was left to look through it.

    Such ones are taken all the same, so that they fill a limit and end the statement; they count as none.
    """

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Return the condition: none is, where the ids of all that fit are known."""
        stretch = self.stretch
        if not stretch or stretch.patience is None or not self.texts or stretch.find(self.texts) is not None:
            return "false", []
        return f"({OUT_OF_TIME})", [stretch.patience]


def _find(account_id: int, texts: Sequence[str], since: UUID, before: UUID) -> Found | None:
    """Return all entries of an account between two ids in which all of some texts stand; None when it would take long.

    So it would for a text that is short, or stands in many entries: that is as well found newest first.
    """
    parts = [part for text in texts for part in _parts(text) if len(part) >= GRAM]
    if not parts:
        return None
    params: dict[str, Any] = {"parts": parts, "account": account_id, "since": since, "before": before}
    mentions = Mentions(tuple(texts))
    names = [f"mentions_{n}" for n in range(len(mentions.params))]
    condition = mentions.sql % tuple(f"%({name})s" for name in names)
    with log_connection().cursor() as cursor:
        cursor.execute(FIND.replace(CONDITION, condition), params | dict(zip(names, mentions.params, strict=True)))
        fits, snapshot, ids = cursor.fetchone()
    return Found(ids, snapshot) if fits and len(ids) <= MOST_FOUND else None


def _patterns(text: str) -> tuple[str, str]:
    """Return what a body is like that holds a text, and what is looked through in it."""
    return f"%{_like(_in_body(text))}%", f"%{_like(text)}%"


def _like(text: str) -> str:
    """Return a text that stands for itself in LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _in_body(text: str) -> str:
    """Return a text as a body has it."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _parts(text: str) -> Iterator[str]:
    """Yield what has to stand in a body between two quotation marks, which set its values apart, if the text is in it.

    Values follow each other in lines where they are looked through, so a line of the text may be one of its own.
    """
    for line in text.split("\n"):
        yield from _in_body(line).split('"')

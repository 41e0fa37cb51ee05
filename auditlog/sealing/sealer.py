"""The sealer: gives entries that are settled their place, and signs them block by block.

Settled is what no unfinished transaction can precede any more. A pass looks at the transactions since the last one; in
another cluster, where they are counted anew, it looks at everything once. Either way what has a place keeps it: a pass
that is interrupted, repeated or done by two at once gives no entry two places and no place two entries.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from auditlog.canonical import timestamp
from auditlog.distribution import is_distributed, require_one_machine
from controlcenter.pooling import has_own_session
from controlcenter.replica import NotHere as NotHere
from controlcenter.replica import require_primary

from .keys import Signer, current_signer
from .merkle import root_of
from .models import SealerState, Stall
from .verify import NOTHING, Document

log = logging.getLogger(__name__)

LOCK = 0x7365616C
BLOCK_SIZE = 1_000
AT_ONCE = 10_000
"""How many entries one transaction seals at most: a few blocks of many accounts cost one commit."""

UNSEALED = """
SELECT entry.account_id, entry.id, sha256('\\x00'::bytea || entry.body) AS leaf, entry.leaf
FROM auditlog_entry AS entry
WHERE {which} AND NOT EXISTS (
    SELECT FROM auditlog_seal AS seal WHERE seal.account_id = entry.account_id AND seal.entry_id = entry.id
)
ORDER BY entry.account_id, entry.xid, entry.id
"""
EVERYTHING = "true"
SETTLED = "entry.xid::text::bigint >= {since:d} AND entry.xid::text::bigint < {until:d}"
OF_ACCOUNTS = "entry.account_id = ANY('{{{accounts}}}') AND entry.xid::text::bigint < {until:d}"

TIP = """
SELECT account_id, number, last_seq, head FROM auditlog_block WHERE account_id = %s ORDER BY number DESC LIMIT 1
"""
TIPS = f"""
SELECT tip.* FROM unnest(%s::bigint[]) AS account (id) CROSS JOIN LATERAL ({TIP.replace("%s", "account.id")}) AS tip
"""  # noqa: S608
BY_INDEX = "enable_seqscan = off"
"""What is new is at the end of the table, which the planner can't know: it would rather read all of a small month."""

INSERT_SEALS = """
INSERT INTO auditlog_seal (account_id, seq, entry_id, leaf)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::uuid[], %s::bytea[])
"""
INSERT_BLOCKS = """
INSERT INTO auditlog_block (account_id, number, first_seq, last_seq, root, time, horizon, head, signature)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[], %s::timestamptz[],
    %s::bigint[], %s::bytea[], %s::bytea[])
"""


class Busy(Exception):  # noqa: N818
    """Another sealer is at work."""


class Tip(NamedTuple):
    """How far an account's chain goes."""

    number: int
    last_seq: int
    digest: str


class Unsealed(NamedTuple):
    """An entry without a place: its leaf as computed from its body just now, and the one beside it."""

    account_id: int
    entry_id: UUID
    leaf: bytes
    recorded: bytes


@dataclass
class Pass:
    """What one pass does."""

    signer: Signer
    cluster: int
    horizon: int
    time: datetime
    entries: int = 0
    blocks: int = 0
    stalled: set[int] = field(default_factory=set)
    tips: dict[int, Tip] = field(default_factory=dict)


def seal() -> Pass:
    """Seal what is settled, and return what was done.

    Raises:
        Busy: when another sealer is at work.
        NotHere: on a replica.
        ImproperlyConfigured: without a key.
    """
    with _alone() as cursor:
        cursor.execute(
            "SELECT system_identifier, pg_snapshot_xmin(pg_current_snapshot())::text FROM pg_control_system()"
        )
        cluster, horizon = cursor.fetchone()
        work = Pass(current_signer(), cluster, int(horizon), timezone.now())
        state = SealerState.objects.first()
        repaired = _look_at_stalls(work)
        _seal_all(work, _which(state, work))
        if repaired:
            of_accounts = OF_ACCOUNTS.format(accounts=",".join(map(str, repaired)), until=work.horizon)
            _seal_all(work, of_accounts)
        SealerState.objects.update_or_create(
            id=1, defaults={"cluster": cluster, "watermark": work.horizon, "time": work.time}
        )
    return work


def _which(state: SealerState | None, work: Pass) -> str:
    """Return which entries to look at: what is visible in another cluster is committed, whatever its number there."""
    if state is None or state.cluster != work.cluster:
        return EVERYTHING
    return SETTLED.format(since=state.watermark, until=work.horizon)


def pending(most: int) -> int:
    """Return how many entries were written since the last pass, up to a limit."""
    state = SealerState.objects.first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT auditlog_waiting(%s, %s)", [state.watermark if state else 0, most])
        return int(cursor.fetchone()[0])


@contextmanager
def _alone() -> Iterator[CursorWrapper]:
    """Be the only sealer there is; PostgreSQL lets go of the lock of one that was killed."""
    with connection.cursor() as cursor:
        require_primary("seal")
        require_one_machine("seal")
        if not has_own_session():
            raise NotHere("A pooler is in between: sealing needs a session of its own, so name PostgreSQL itself.")
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("Another sealer is at work.")
        try:
            yield cursor
        finally:
            if connection.connection and not connection.connection.closed and not connection.needs_rollback:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _look_at_stalls(work: Pass) -> list[int]:
    """Note the accounts that stay stalled; return those whose entry is again what was recorded."""
    repaired = []
    for stall in Stall.objects.all():
        if _is_intact(stall):
            log.warning("Sealing of account %s goes on: entry %s is as recorded.", stall.account_id, stall.entry_id)
            repaired.append(stall.account_id)
            stall.delete()
        else:
            work.stalled.add(stall.account_id)
    return repaired


def _is_intact(stall: Stall) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT leaf = sha256('\\x00'::bytea || body) FROM auditlog_entry WHERE account_id = %s AND id = %s",
            [stall.account_id, stall.entry_id],
        )
        found = cursor.fetchone()
    return bool(found and found[0])


def _seal_all(work: Pass, which: str) -> None:
    entries = _unsealed(which)
    while chunk := list(islice(entries, AT_ONCE)):
        _seal_chunk(work, chunk)


def _unsealed(which: str) -> Iterator[Unsealed]:
    """Yield entries without a place, account by account. The cursor outlives the transactions that seal them."""
    with connection.connection.cursor(name="unsealed", withhold=True, binary=True) as cursor:
        cursor.itersize = AT_ONCE
        if which != EVERYTHING:
            connection.connection.execute(f"SET {BY_INDEX}")
        try:
            cursor.execute(UNSEALED.format(which=which))
        finally:
            if not connection.connection.broken:
                connection.connection.execute("RESET enable_seqscan")
        yield from map(Unsealed._make, cursor)


def _seal_chunk(work: Pass, entries: list[Unsealed]) -> None:
    """Seal entries of some accounts, in one transaction: a block is there whole, or it is not."""
    by_account = [(account_id, list(of_it)) for account_id, of_it in groupby(entries, itemgetter(0))]
    with transaction.atomic(), connection.cursor() as cursor:
        _read_tips(cursor, work, [account_id for account_id, _ in by_account if account_id not in work.tips])
        seals: list[tuple[Any, ...]] = []
        blocks: list[tuple[Any, ...]] = []
        for account_id, of_account in by_account:
            if account_id in work.stalled:
                continue
            whole = _until_altered(work, of_account)
            for start in range(0, len(whole), BLOCK_SIZE):
                part = whole[start : start + BLOCK_SIZE]
                blocks.append(_block(work, account_id, part))
                seals += _places(blocks[-1], part)
        if blocks:
            cursor.execute(INSERT_SEALS, _columns(seals))
            cursor.execute(INSERT_BLOCKS, _columns(blocks))
    work.entries, work.blocks = work.entries + len(seals), work.blocks + len(blocks)


def _read_tips(cursor: CursorWrapper, work: Pass, account_ids: list[int]) -> None:
    work.tips |= dict.fromkeys(account_ids, Tip(0, 0, NOTHING))
    # On several machines each account is asked for where it lies.
    for asked in ([account_id] for account_id in account_ids) if is_distributed() else [account_ids]:
        cursor.execute(TIP if len(asked) == 1 else TIPS, [asked[0] if len(asked) == 1 else asked])
        for account_id, number, last_seq, head in cursor.fetchall():
            work.tips[account_id] = Tip(number, last_seq, Document.of(bytes(head), b"").digest)


def _until_altered(work: Pass, entries: list[Unsealed]) -> list[Unsealed]:
    """Return the entries before the first one whose body is not what was recorded; raise the alarm there."""
    for place, entry in enumerate(entries):
        if entry.leaf != entry.recorded:
            reason = "its body is not what was recorded: the leaf beside it is of another body"
            log.critical("Sealing of account %s STOPS at entry %s: %s", entry.account_id, entry.entry_id, reason)
            Stall.objects.create(account_id=entry.account_id, entry_id=entry.entry_id, since=work.time, reason=reason)
            work.stalled.add(entry.account_id)
            return entries[:place]
    return entries


def _block(work: Pass, account_id: int, entries: list[Unsealed]) -> tuple[Any, ...]:
    tip, root = work.tips[account_id], root_of([entry.leaf for entry in entries])
    number, first, last = tip.number + 1, tip.last_seq + 1, tip.last_seq + len(entries)
    head = work.signer.sign(
        "head",
        account=account_id,
        number=number,
        first=first,
        last=last,
        root=root.hex(),
        previous=tip.digest,
        time=timestamp(work.time),
    )
    work.tips[account_id] = Tip(number, last, head.digest)
    return account_id, number, first, last, root, work.time, work.horizon, head.text, head.signature


def _places(block: tuple[Any, ...], entries: list[Unsealed]) -> Iterator[tuple[Any, ...]]:
    account_id, _, first, *_ = block
    return ((account_id, seq, entry.entry_id, entry.leaf) for seq, entry in enumerate(entries, first))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]

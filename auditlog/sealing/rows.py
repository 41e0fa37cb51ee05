"""The log as the verifier reads it, from the database: heads in their order, places with their entries, the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg import Cursor

from auditlog.distribution import is_distributed
from controlcenter.fence import tell_transaction

from .models import Block
from .verify import Document

ROWS_AT_ONCE = 2_000
HEADS_AT_ONCE = 1_000

# One line of JSON for each, in the order that the verifier knows: PostgreSQL writes it faster than we could.
HEADER = """
json_build_array({place}, entry.id, entry.account_id, entry.app_id, entry.actor_id, entry.actor_kind, entry.token,
    entry.operation, entry.success, host(entry.source_ip), entry.request_id, entry.targets, subject.digest,
    encode(entry.leaf, 'hex'), octet_length(entry.body))::text, entry.body
"""
PLACE = "seal.seq, seal.entry_id, encode(seal.leaf, 'hex')"
NO_PLACE = "null::bigint, null::uuid, null::text"

SEALED = f"""
SELECT seal.seq, {HEADER.format(place=PLACE)}
FROM auditlog_seal AS seal
LEFT JOIN auditlog_entry AS entry ON entry.account_id = seal.account_id AND entry.id = seal.entry_id
LEFT JOIN auditlog_subject AS subject ON subject.id = entry.subject_id
WHERE seal.account_id = %s AND seal.seq >= %s AND seal.seq <= %s
ORDER BY seal.seq LIMIT {ROWS_AT_ONCE}
"""  # noqa: S608
UNSEALED = f"""
SELECT {HEADER.format(place=NO_PLACE)}
FROM auditlog_entry AS entry
LEFT JOIN auditlog_subject AS subject ON subject.id = entry.subject_id
WHERE entry.account_id = %s AND NOT EXISTS (
    SELECT FROM auditlog_seal AS seal WHERE seal.account_id = entry.account_id AND seal.entry_id = entry.id
)
ORDER BY entry.id
"""  # noqa: S608
BETWEEN = """
SELECT min(seq), max(seq) FROM auditlog_seal
WHERE account_id = %s AND entry_id BETWEEN %s AND %s
"""
ACCOUNTS = """
WITH RECURSIVE found (id) AS (
    SELECT min(account_id) FROM {table}
    UNION ALL
    SELECT (SELECT min(account_id) FROM {table} WHERE account_id > found.id) FROM found WHERE found.id IS NOT NULL
)
SELECT id FROM found WHERE id IS NOT NULL
"""
ACCOUNTS_APART = "SELECT DISTINCT account_id FROM {table}"
HIGHEST = 2**63 - 1

Line = tuple[str, bytes]
"""A row's header, as a line of JSON, and its body."""


@contextmanager
def one_moment() -> Iterator[None]:
    """Read everything inside as it was at one moment, however long that takes; nothing can be written."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Before the moment is fixed: of a month that is dropped after it, the certificates would not be there yet.
        cursor.execute("LOCK TABLE auditlog_entry IN ACCESS SHARE MODE")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")  # Not for a part of 2,000 rows at a time.
        tell_transaction()
        yield


def heads(account_id: int, first: int = 1, last: int = HIGHEST) -> Iterator[tuple[Document, list[Any]]]:
    """Yield the heads of blocks ``first`` to ``last``, each with the columns beside it."""
    blocks = Block.objects.filter(account_id=account_id, number__lte=last).order_by("number")
    number = first - 1
    while page := list(blocks.filter(number__gt=number)[:HEADS_AT_ONCE]):
        for block in page:
            yield document_of(block), [block.number, block.first_seq, block.last_seq, bytes(block.root).hex()]
        number = page[-1].number


def document_of(block: Block) -> Document:
    """Return the signed head of a block."""
    return Document.of(bytes(block.head), bytes(block.signature))


def tip(account_id: int) -> Block | None:
    """Return an account's newest block."""
    return Block.objects.filter(account_id=account_id).order_by("-number").first()


def places(account_id: int, first: int = 0, last: int = HIGHEST) -> Iterator[Line]:
    """Yield the places ``first`` to ``last``, with their entries: a part at a time, in constant memory."""
    with Cursor(connection.connection) as cursor:  # Django's own would have bodies sent as text, twice as long.
        while True:
            cursor.execute(SEALED, [account_id, first, last], binary=True)
            page = cursor.fetchall()
            for _, header, body in page:
                yield header, body
            if len(page) < ROWS_AT_ONCE:
                return
            first = page[-1][0] + 1


def rest(account_id: int) -> Iterator[Line]:
    """Yield the entries without a place."""
    with connection.connection.cursor(name="rest", withhold=True, binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(UNSEALED, [account_id])
        yield from cursor


def places_between(account_id: int, first: UUID, last: UUID) -> tuple[int, int] | None:
    """Return the first and the last place of the entries with ids in a range; None for no entries."""
    with connection.cursor() as cursor:
        cursor.execute(BETWEEN, [account_id, first, last])
        found: Any = cursor.fetchone()
    return None if None in found else found


def account_ids() -> list[int]:
    """Return all accounts that have entries or blocks, those that are deleted, too."""
    found: set[int] = set()
    with connection.cursor() as cursor:
        for table in ("auditlog_entry", "auditlog_block"):
            cursor.execute((ACCOUNTS_APART if is_distributed() else ACCOUNTS).format(table=table))
            found |= {account_id for (account_id,) in cursor.fetchall()}
    return sorted(found)

"""Reading many entries at once: the small bodies with their rows, and each large one by itself."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.db.models import BinaryField, F, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast
from psycopg import ClientCursor, Cursor

from controlcenter.fence import tell_transaction
from controlcenter.replica import log_connection

from .models import Entry

Row = tuple[Any, ...]

LARGE = 4_000
"""Bytes; a larger body is read by itself. Nearly all have 1,000; those of workflows may have some millions."""
MOST_BYTES = 8_000_000
"""Bytes of bodies after which an answer ends that says where it goes on. A thousand small ones never have that many."""
MOST_OF_A_PAGE = 8 * MOST_BYTES
"""Bytes of bodies above which a page with a number is refused. Did it end early, the next would pass its rest by."""

ID = Cast(F("id"), TextField())
"""As text, which is all that becomes of it: a UUID takes longer to make than to print."""
SMALL_BODY = RawSQL(
    "CASE WHEN octet_length(auditlog_entry.body) <= %s THEN auditlog_entry.body END", (LARGE,), BinaryField()
)
"""The body; None for a large one."""


def fetched(rows: Any) -> list[Row]:
    """Return what ``values_list()`` asks for, as the driver has it and in binary: bodies as text are twice as long.

    A thousand entries take 2 ms of our time so, instead of 4.
    """
    if rows.query.is_empty():
        return []
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:  # Nothing can match, Django says.
        return []
    database = log_connection()
    with transaction.atomic(using=database.alias), database.wrap_database_errors:
        tell_transaction(database)
        statement = ClientCursor(database.connection).mogrify(sql, params)
        return Cursor(database.connection).execute(statement.encode(), binary=True).fetchall()


def large_body(account_id: int, entry_id: str) -> Any:
    """Ask for the body of one entry; there is none where retention has removed the entry meanwhile."""
    return Entry.objects.for_account(account_id).filter(id=entry_id).values_list("body")


def whole(rows: list[Row], account_id: int, most: int | None = None) -> list[Row]:
    """Return rows that begin with ``ID`` and ``SMALL_BODY`` with all bodies; b"" for an entry that is gone meanwhile.

    They end with the one that brings them to ``most`` bytes, or to ``MOST_BYTES``.
    """
    most = most or MOST_BYTES
    if all(row[1] is not None for row in rows):
        return rows
    found: list[Row] = []
    size = 0
    for entry_id, small, *others in rows:
        [(body,)] = [(small,)] if small is not None else fetched(large_body(account_id, entry_id)) or [(b"",)]
        found.append((entry_id, body, *others))
        size += len(body)
        if size >= most:
            break
    return found

"""Reading many entries at once."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import transaction
from psycopg import ClientCursor, Cursor

from controlcenter.fence import tell_transaction
from controlcenter.replica import log_connection


def fetched(rows: Any) -> list[tuple[Any, ...]]:
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

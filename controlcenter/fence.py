"""Whose log may be read: row-level security lets the servers' role see the entries of one account at a time.

Whoever has proven a membership enters ``within(account_id)``. Each statement that reads the log tells the database so
in the same message: it costs no query of its own, needs no transaction, and leaves nothing behind on a connection that
is shared (PgBouncer). A query that forgot its account finds that account's rows; one from nowhere finds none.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import ServerCursor

SETTING = "controlcenter.account"
FENCED = ("auditlog_entry", "auditlog_seal", "auditlog_block", "auditlog_hour", "auditlog_text_chunk")
"""Tables with an account's rows, as the database fences them."""

READS = re.compile(r"[\s(]*(SELECT|WITH|EXPLAIN)\b", re.IGNORECASE).match
_inside: ContextVar[str] = ContextVar("inside", default="")


@contextmanager
def within(account_id: int) -> Iterator[None]:
    """Read the log of this account inside, and no other."""
    with _set(str(int(account_id))):
        yield


@contextmanager
def outside() -> Iterator[None]:
    """Read nobody's log inside, until an account is entered: around each request."""
    with _set(""):
        yield


def enter(account_id: int) -> None:
    """Read the log of this account from now on, until the ``outside()`` around it ends."""
    _inside.set(str(int(account_id)))


def tell_transaction(on: BaseDatabaseWrapper | None = None) -> None:
    """Tell the transaction that is open whose log is read, for cursors of the driver's own; by default the primary."""
    with (on or connection).cursor() as cursor:
        cursor.execute(_setting())


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have each statement of a connection that reads the log tell whose."""
    if _tell not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _tell)  # Django takes its own away from the other end.


@contextmanager
def _set(value: str) -> Iterator[None]:
    token = _inside.set(value)
    try:
        yield
    finally:
        _inside.reset(token)


def _setting() -> str:
    return f"SELECT set_config('{SETTING}', '{_inside.get()}', true)"  # digits, or nothing


def _tell(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Send the setting in front of a statement, in one message, which is one transaction; answer the statement's."""
    if many or not isinstance(sql, str) or not READS(sql) or not any(table in sql for table in FENCED):
        return execute(sql, params, many, context)
    cursor = context["cursor"]
    if isinstance(cursor.cursor, ServerCursor):
        raise TypeError("iterator() can't read the log, which has to be told whose: read it in parts.")
    answer = execute(f"{_setting()}; {sql}", params, many, context)
    cursor.nextset()
    return answer

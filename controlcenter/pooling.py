"""How servers reach the database: through a pool of their own, and perhaps through a pooler such as PgBouncer.

Commands have one connection for as long as they run, and ask for no limit on their statements: see DATABASES. The role
of the servers has one (see ``auditlog.fence.hardening``), as PgBouncer passes on nothing that is asked for.
"""

from typing import Any

import psycopg
from django.conf import settings
from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg_pool import ConnectionPool

WAIT = 5
"""Seconds that a page waits for a connection, before it says that the database does not answer. Fifty who read at once
on two cores wait for more than two of them."""
WAITING = 8
"""How many pages may wait for each connection. At 50 ms a page, who comes last waits for less than half a second."""
RECONNECT = 1
"""Seconds in which a pool tries to reach the database anew. After that the next page does: one restart, one wait. Less
than ``WAIT``: a page that comes during the last try, and only waits for that, would wait in vain when it fails."""
NOT_FOR_EVER = {"tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""For a host that vanishes without a word: after some 10 s (milliseconds, seconds) its connections fail. Else pages
would wait until TCP gives up, for a quarter of an hour or longer. Sockets of this machine take no notice."""
GONE = {"57P01", "57P02", "57P03", "53300"}
"""The server is shut down, has crashed, does not take anybody yet, or has no connection left."""


class Lent(psycopg.Connection[Any]):
    """A connection of a pool. One that is found broken takes those with it that nobody has at the moment.

    The database was restarted, so they are broken, too. Looked at one after the other, with a pause that doubles each
    time, they would have a page wait for seconds, and in vain.
    """

    def execute(self, *args: Any, **options: Any) -> psycopg.Cursor[Any]:
        """What a pool looks at its connections with before it lends them. Django asks cursors."""
        try:
            return super().execute(*args, **options)
        except psycopg.OperationalError:
            if self.closed and isinstance(self._pool, ConnectionPool):
                self._pool.drain()
            raise


def page_settings() -> dict[str, str]:
    """Return what the database is to do otherwise for pages. No look at the log goes on for ever."""
    return {"statement_timeout": f"{settings.STATEMENT_TIMEOUT}s"}


def serve_pages() -> None:
    """Make this process a server: its threads share connections, and statements are stopped in time."""
    if settings.DATABASE_CONNECTIONS:
        connections.close_all()  # What is open already is not a pool's.
    asked = " ".join(f"-c {name}={value}" for name, value in page_settings().items())
    for alias, database in connections.settings.items():
        database["OPTIONS"] = {**NOT_FOR_EVER, **database["OPTIONS"], "options": asked}
        if most := settings.DATABASE_CONNECTIONS:
            database["CONN_MAX_AGE"] = 0
            database["OPTIONS"]["pool"] = {
                "min_size": 0,
                "max_size": most,
                "max_waiting": most * WAITING,
                "timeout": WAIT,
                "connection_class": Lent,
                "reconnect_timeout": RECONNECT,
                "name": alias,
            }


def lend() -> None:
    """Let others have this thread's connections while nothing is asked of the database for a while."""
    for each in connections.all(initialized_only=True):
        if each.settings_dict["OPTIONS"].get("pool") and not each.in_atomic_block:
            each.close()


def does_not_answer(error: BaseException | None) -> bool:
    """Say whether an error means that the database can't be reached, or has no connection to spare."""
    if isinstance(error, Error):
        error = error.__cause__
    if isinstance(error, psycopg.OperationalError):
        return not error.sqlstate or error.sqlstate in GONE or error.sqlstate.startswith("08")
    # Else it is a mistake of ours: a cursor that was closed, a result that was not asked for.
    return isinstance(error, psycopg.InterfaceError) and any(map(_is_broken, connections.all(initialized_only=True)))


def _is_broken(database: BaseDatabaseWrapper) -> bool:
    return database.closed_in_transaction or bool(database.connection and database.connection.closed)


def has_own_session() -> bool:
    """Say whether we talk to PostgreSQL itself, where a session is ours until it ends.

    A pooler in between hands out transactions of sessions that others use, too. It can't hide: it answers with a
    process id of its own making, and the statement is carried out in another process. PgBouncer's session mode, where
    a session would be ours, answers the same and is refused, too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return bool(cursor.fetchone()[0] == connection.connection.info.backend_pid)

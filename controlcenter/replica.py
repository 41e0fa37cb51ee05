"""Where the log is read: from a replica that is close behind, where there is one, and else from the primary.

``read()`` and ``rows()`` are for what may be some seconds old: older pages, counts, facets, what goes on from a cursor.
What nobody asks for through them comes from the primary: whatever begins at the newest entry, so that who has just done
something finds it; an entry's own page; Live, which compares snapshots; sealing and following, whose order is that of
the primary's commits.

How far behind the replica is, is told by its position in the write-ahead log and by when we saw the primary there: by
no clock but ours, and also while it has lost the primary without knowing. Where we did not see the primary so early,
nobody can tell, and the primary is asked.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import QueryCanceled

log = logging.getLogger(__name__)

ALIAS = "log_replica"
LONGEST_LAG = 30.0
"""Seconds: what is further behind is not read."""
TOLD_FROM = 3.0
"""Seconds from which on a page says how far behind it is."""
LOOK_EVERY = 1.0
LOST_FOR = 5.0
"""Seconds for which nobody tries a replica that did not answer."""
LONGEST_LOOK = 2.0
"""Seconds after which a look that is still under way says as much as one that failed: nothing answers."""
CATCH_UP = 0.25
"""Seconds for which the replica is waited for, where nothing may be missing."""
BEHIND_FOR = 1.0
"""Seconds for which nobody waits again, after one waited in vain: who reads page by page would do so at each."""

# With each position comes whose it is: copies of one cluster have its identifier, and nobody else has.
WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, system_identifier FROM pg_control_system()"
REPLAYED = "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn, system_identifier FROM pg_control_system()"

T = TypeVar("T")
_source: ContextVar[str] = ContextVar("log_source", default=DEFAULT_DB_ALIAS)


class NotHere(CommandError):  # noqa: N818
    """This can't be done in this database; the message says what, and where it can. A command ends with it."""


class Router:
    """Leads what is read of the log inside ``read()`` to the replica; all else stays with the primary."""

    def db_for_read(self, model: type[Any], **_: Any) -> str | None:
        return _source.get() if model._meta.app_label == "auditlog" else None

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True  # They hold the same rows.

    def allow_migrate(self, db: str, *_: Any, **__: Any) -> bool | None:
        return False if db == ALIAS else None


@dataclass
class Known:
    """What this process knows of the replica."""

    lag: float = 0.0
    looked: float = float("-inf")
    looks_since: float = float("inf")
    """Since when a look is under way."""
    lost_until: float = float("-inf")
    behind_until: float = float("-inf")
    positions: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=120))
    """When the primary had written how much."""
    lock: Lock = field(default_factory=Lock)


_known = Known()


def read(look: Callable[[], T], *, all_of_it: bool = False) -> T:
    """Return what ``look`` reads of the log: from the replica if one is close behind, else from the primary.

    It is called once more when the replica is lost meanwhile, so it must do nothing but read. In a transaction the
    primary is asked, which alone knows what was written in it.

    Args:
        all_of_it: nothing that is committed by now may be missing.
    """
    if not (has_caught_up() if all_of_it else _is_close()):
        return look()
    try:
        with _from(ALIAS):
            return look()
    except (OperationalError, InterfaceError) as error:
        if isinstance(error.__cause__, QueryCanceled):  # It took too long, and would here, too.
            raise
        _lose(error)
        return look()


def rows(sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Return what a statement finds in the log; see ``read``."""

    def look() -> list[tuple[Any, ...]]:
        with log_connection().cursor() as cursor:
            cursor.execute(sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    return read(look)


def log_connection() -> BaseDatabaseWrapper:
    """Return the connection through which the log is read just now."""
    return connections[_source.get()]


def has_caught_up() -> bool:
    """Say whether the replica has all that is committed now; wait a little until it has."""
    if not _is_close() or time.monotonic() < _known.behind_until:
        return False
    try:
        if _catches_up(_value(DEFAULT_DB_ALIAS, WRITTEN)[0]):
            return True
    except (OperationalError, InterfaceError) as error:
        _lose(error)
        return False
    _known.behind_until = time.monotonic() + BEHIND_FOR
    return False


def _catches_up(written: Any) -> bool:
    deadline = time.monotonic() + CATCH_UP
    while (_value(ALIAS, REPLAYED)[0] or 0) < written:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def seconds_behind() -> int:
    """Return how far behind what is read here may be, in seconds, if that is worth telling; else 0."""
    return round(_known.lag) if _is_close() and _known.lag >= TOLD_FROM else 0


def require_primary(what: str) -> None:
    """Raise ``NotHere`` on a replica: what is under way, and in which order it ends, the primary knows alone."""
    if _source.get() != DEFAULT_DB_ALIAS or _follows(connections[DEFAULT_DB_ALIAS]):
        raise NotHere(f"This database is a replica: {what} on the primary.", returncode=3)


def _follows(database: BaseDatabaseWrapper) -> bool:
    """Whether a server follows another one. It says so itself; only a pooler in between keeps that from us."""
    database.ensure_connection()
    told = database.connection.info.parameter_status("in_hot_standby")
    return told == "on" if told else bool(_value(database.alias, "SELECT pg_is_in_recovery()")[0])


def forget() -> None:
    """Know nothing of the replica: between tests, and when another one is named."""
    global _known
    _known = Known()


@contextmanager
def _from(alias: str) -> Iterator[None]:
    token = _source.set(alias)
    try:
        yield
    finally:
        _source.reset(token)


def _is_close() -> bool:
    """Whether there is a replica that answers, and is not too far behind: looked at once in a while."""
    if ALIAS not in connections.settings or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        return False
    now = time.monotonic()
    if now < _known.lost_until:
        return False
    if now - _known.looked >= LOOK_EVERY and _known.lock.acquire(blocking=False):  # The others go by the last look.
        try:
            _known.looks_since = now
            _known.lag = _lag(now)
            _known.looked = now
        except (OperationalError, InterfaceError) as error:
            _lose(error)
            return False
        finally:
            _known.looks_since = float("inf")
            _known.lock.release()
    return _known.lag <= LONGEST_LAG and now - _known.looks_since <= LONGEST_LOOK


def _lag(now: float) -> float:
    """Return how many seconds the replica is behind at most. Raises ``OperationalError`` for one that is not ours."""
    replayed, whose = _value(ALIAS, REPLAYED)
    written, ours = _value(DEFAULT_DB_ALIAS, WRITTEN)
    if replayed is None:
        raise OperationalError(f"{ALIAS} is no replica: it replays nothing.")
    if whose != ours:
        raise OperationalError(f"{ALIAS} follows another primary: it belongs to cluster {whose}, and ours is {ours}.")
    if replayed > written:  # Though it was asked first.
        raise OperationalError(f"{ALIAS} has gone its own way: it has replayed what the primary never wrote.")
    _known.positions.append((now, float(written)))
    if replayed < written:  # It may have come there since; what is written all the time is never caught otherwise.
        replayed = _value(ALIAS, REPLAYED)[0]
    reached = [at for at, position in _known.positions if position <= replayed]
    return now - max(reached) if reached else float("inf")


def _lose(error: Error) -> None:
    log.warning("The log is read from the primary, as %s fails: %s", ALIAS, str(error).strip().partition("\n")[0])
    _known.lost_until = time.monotonic() + LOST_FOR
    _known.looked = float("-inf")
    connections[ALIAS].close()


def _value(alias: str, sql: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        found: tuple[Any, ...] = cursor.fetchone()
        return found

"""Monthly partitions of the entry table, made ahead of time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from .ids import floor_id

MONTHS_BEHIND = 7
MONTHS_AHEAD = 3
STRAY = "auditlog_entry_stray"


def make_partitions(first: date | None = None, last: date | None = None) -> list[str]:
    """Make the missing partitions of all months from ``first`` to ``last``; return the names of those made.

    Default: from ``MONTHS_BEHIND`` months ago to ``MONTHS_AHEAD`` months ahead.
    """
    today = timezone.now().astimezone(UTC).date()
    first = first or _add_months(today, -MONTHS_BEHIND)
    last = last or _add_months(today, MONTHS_AHEAD)
    present = set(connection.introspection.table_names(include_views=True))
    missing = [month for month in _months(first, last) if name_of(month) not in present]
    with transaction.atomic(), connection.cursor() as cursor:
        strays = bool(missing) and not default_is_empty()
        if strays:
            _set_default_aside(cursor)
        for month in missing:
            _make_partition(cursor, month)
        if strays:
            _put_strays_back(cursor)
    return [name_of(month) for month in missing]


def _make_partition(cursor: CursorWrapper, month: date) -> None:
    # Names and bounds are made here, from dates alone; DDL takes no parameters.
    start, end = floor_id(_start_of(month)), floor_id(_start_of(_add_months(month, 1)))
    bounds = f"FOR VALUES FROM ('{start}') TO ('{end}')"
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {name_of(month)} PARTITION OF auditlog_entry {bounds}")
    _refuse_truncate(cursor, name_of(month))


def _refuse_truncate(cursor: CursorWrapper, table: str) -> None:
    # Unlike row triggers, those for statements are not inherited by partitions.
    cursor.execute(
        f"CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change()"
    )


def _set_default_aside(cursor: CursorWrapper) -> None:
    """Detach the default partition: PostgreSQL makes no partition for a month whose entries lie in there."""
    cursor.execute("ALTER TABLE auditlog_entry DETACH PARTITION auditlog_entry_default")
    cursor.execute("ALTER TABLE auditlog_entry_default RENAME TO " + STRAY)
    cursor.execute("CREATE TABLE auditlog_entry_default PARTITION OF auditlog_entry DEFAULT")
    _refuse_truncate(cursor, "auditlog_entry_default")


def _put_strays_back(cursor: CursorWrapper) -> None:
    """Insert the entries that had no month anew, as they are to the byte, and drop the table they were set aside in."""
    columns = ", ".join(sorted(column.name for column in connection.introspection.get_table_description(cursor, STRAY)))
    cursor.execute(f"INSERT INTO auditlog_entry ({columns}) SELECT {columns} FROM {STRAY}")  # noqa: S608
    cursor.execute(f"DROP TABLE {STRAY}")


def default_is_empty() -> bool:
    """Say whether the partition for entries that fit in no month is empty, as it must be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('auditlog_entry_default', 'SELECT')")
        readable = cursor.fetchone() == (True,)
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM auditlog_entry_default)" if readable else "SELECT NOT auditlog_has_strays()"
        )
        return bool(cursor.fetchone()[0])


def name_of(month: date) -> str:
    """Return the table name of a month's partition."""
    return f"auditlog_entry_{month:%Y_%m}"


def is_made_again(month: date) -> bool:
    """Say whether ``make_partitions`` would make the partition of a month again."""
    return month >= _add_months(timezone.now().astimezone(UTC).date(), -MONTHS_BEHIND)


def month_after(month: date) -> date:
    """Return the first day of the month after."""
    return _add_months(month, 1)


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = _add_months(month, 1)


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _start_of(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)

"""Monthly partitions of the entry table, made ahead of time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.utils import timezone

from .ids import floor_id

MONTHS_BEHIND = 7
MONTHS_AHEAD = 3


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
        for month in missing:
            start, end = _start_of(month), _start_of(_add_months(month, 1))
            # Names and bounds are made here, from dates alone; DDL takes no parameters.
            cursor.execute(
                f"CREATE TABLE IF NOT EXISTS {name_of(month)} PARTITION OF auditlog_entry"
                f" FOR VALUES FROM ('{floor_id(start)}') TO ('{floor_id(end)}')"
            )
            cursor.execute(
                f"CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON {name_of(month)}"
                " FOR EACH STATEMENT EXECUTE FUNCTION auditlog_refuse_change()"
            )
    return [name_of(month) for month in missing]


def default_is_empty() -> bool:
    """Say whether the partition for entries that fit in no month is empty, as it must be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM auditlog_entry_default)")
        return not cursor.fetchone()[0]


def name_of(month: date) -> str:
    """Return the table name of a month's partition."""
    return f"auditlog_entry_{month:%Y_%m}"


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

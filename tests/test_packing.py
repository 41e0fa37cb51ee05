"""Months that are over: their indexes are made anew, once, and are what they were, only smaller."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import Account
from auditlog.filling import fill
from auditlog.models import Entry
from auditlog.packing import pack
from auditlog.partitions import make_partitions, name_of

from .factories import AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY, FEBRUARY = date(2023, 1, 1), date(2023, 2, 1)
TABLE = name_of(JANUARY)
INDEXES = """
SELECT pg_get_indexdef(inhparent), indisvalid, indisunique FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid
WHERE indrelid = %s::regclass ORDER BY 1
"""
SEALS = """
INSERT INTO auditlog_seal
SELECT account, row_number() OVER (PARTITION BY account ORDER BY time),
    (lpad(to_hex(time), 12, '0') || '7' || lpad(to_hex(account), 19, '0'))::uuid, ''
FROM generate_series(1, 2000) AS time CROSS JOIN generate_series(1, 4) AS account ORDER BY time
"""


@pytest.fixture
def account() -> Iterator[Account]:
    """An account with a few entries of January 2023, none of February, and some of now."""
    make_partitions(JANUARY, FEBRUARY)
    account: Account = AccountFactory(slug="acme")
    write_old(account, 20)
    yield account
    for month in (JANUARY, FEBRUARY):  # Tests after this one find the months they know.
        run(f"DROP TABLE {name_of(month)}")


def write_old(account: Account, entries: int) -> None:
    start, end = (datetime(month.year, month.month, 1, tzinfo=UTC) for month in (JANUARY, FEBRUARY))
    list(fill(account, entries, start, end, account.pk))


def run(sql: str, *params: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def contents() -> tuple[object, object]:
    return run(INDEXES, TABLE), list(Entry.objects.order_by("account_id", "id").values())


def test_it_makes_the_indexes_of_a_month_that_is_over_smaller(account: Account) -> None:
    write_old(AccountFactory(slug="globex"), 1_000)
    write_old(account, 1_000)  # in the middle of each index
    before = contents()

    packed = {table: (before, after) for table, before, after in pack()}

    assert packed[TABLE][1] < 0.75 * packed[TABLE][0]
    assert contents() == before
    assert all(is_valid for _, is_valid, _ in run(INDEXES, TABLE))


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("table", [TABLE, "auditlog_seal"])
def test_it_clears_away_what_was_interrupted(table: str) -> None:
    indexes = run(INDEXES, table)
    run(f"CREATE INDEX interrupted_ccnew ON {table} (account_id)")
    run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'interrupted_ccnew'::regclass")

    assert table in [table for table, *_ in pack()]

    assert run(INDEXES, table) == indexes


@pytest.mark.usefixtures("account")
def test_the_command_packs_a_month_once_and_none_that_is_empty_or_not_over() -> None:
    said = StringIO()
    call_command("pack_log", stdout=said)
    call_command("pack_log", stdout=said)

    first, second = said.getvalue().splitlines()

    assert first.startswith(f"Indexes of {TABLE}: ")
    assert second == "Nothing to pack: all months that are over are packed."


@pytest.mark.usefixtures("account")
def test_the_command_says_what_the_database_refused() -> None:
    before = contents()
    refused = r"Not all is packed: REINDEX CONCURRENTLY cannot run inside a transaction block\. .* run it again\."
    with transaction.atomic(), pytest.raises(CommandError, match=refused):
        call_command("pack_log")
    assert contents() == before
    assert [table for table, *_ in pack()] == [TABLE]


def test_it_packs_seals_when_that_pays() -> None:
    run(SEALS)
    run("ANALYZE auditlog_seal")

    [(table, before, after)] = pack()

    assert table == "auditlog_seal"
    assert after < 0.8 * before
    assert list(pack()) == []

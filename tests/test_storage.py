"""The database itself keeps the log: rows go in, each into its month, and nothing changes them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from uuid import UUID

import pytest
import time_machine
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from auditlog.models import Entry
from auditlog.partitions import MONTHS_AHEAD, MONTHS_BEHIND, default_is_empty, make_partitions, name_of
from controlcenter.context import SYSTEM, acting_as

from .factories import AppFactory

pytestmark = pytest.mark.django_db

NOVEMBER = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run(sql: str, *params: str | UUID) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def partitions() -> list[str]:
    sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'auditlog_entry'::regclass ORDER BY 1"
    return [str(name) for (name,) in run(sql)]


def written_at(at: datetime) -> Entry:
    with acting_as(SYSTEM, at=at):
        app = AppFactory()
    return Entry.objects.get(app_id=app.pk)


def table_of(entry: Entry) -> str:
    [(table,)] = run("SELECT tableoid::regclass::text FROM auditlog_entry WHERE id = %s", entry.id)
    return str(table)


def complaints() -> list[str]:
    found = [str(problem.id) for problem in run_checks(databases=["default"], tags=["database"])]
    return [problem for problem in found if problem != "auditlog.W002"]  # The tests run as superuser.


# Insert-only

CHANGES = [
    "UPDATE {} SET success = NOT success",
    "UPDATE {} SET body = ''",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "TRUNCATE {} CASCADE",
    "MERGE INTO {} AS e USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
]


def test_the_tests_run_as_superuser() -> None:
    assert run("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(True,)]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", ["parent", "partition", "default partition"])
def test_the_database_refuses_to_change_entries(table: str, change: str) -> None:
    entry = written_at(NOVEMBER.replace(year=2150) if table == "default partition" else NOVEMBER)
    name = "auditlog_entry" if table == "parent" else table_of(entry)
    assert ("default" in name) == (table == "default partition")

    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
        run(change.format(name))

    assert Entry.objects.get(id=entry.id).event == entry.event


def test_an_upsert_is_refused_too() -> None:
    entry = written_at(NOVEMBER)
    upsert = """INSERT INTO auditlog_entry SELECT * FROM auditlog_entry WHERE id = %s
                ON CONFLICT (account_id, id) DO UPDATE SET success = false"""
    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
        run(upsert, entry.id)


def test_no_partition_can_be_emptied() -> None:
    written_at(NOVEMBER)
    for name in partitions():
        with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
            run(f"TRUNCATE {name}")


def test_django_refuses_as_well() -> None:
    entry = written_at(NOVEMBER)
    for change in (entry.save, entry.delete, Entry.objects.all().delete, lambda: Entry.objects.update(success=False)):
        with pytest.raises(TypeError, match="entries are"):
            change()


def test_an_entry_keeps_the_id_of_its_transaction() -> None:
    entry = written_at(NOVEMBER)
    [(xid, current)] = run("SELECT xid::text, pg_current_xact_id()::text FROM auditlog_entry WHERE id = %s", entry.id)
    assert xid == current


def test_no_foreign_key_holds_the_log() -> None:
    assert (
        run(
            """SELECT conname FROM pg_constraint WHERE contype = 'f'
           AND (conrelid::regclass::text LIKE 'auditlog_entry%%' OR confrelid = 'auditlog_entry'::regclass)"""
        )
        == []
    )


def test_the_primary_key_begins_with_the_account() -> None:
    [(key,)] = run("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'auditlog_entry_pkey'")
    assert key == "PRIMARY KEY (account_id, id)"


# Partitions


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), "2026_11"),
        (datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2026_10"),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2026_12"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027_01"),
        (datetime(2024, 2, 29, 12, tzinfo=UTC), "2024_02"),
    ],
)
def test_an_entry_lands_in_its_month(at: datetime, month: str) -> None:
    make_partitions(at.date(), at.date())
    assert table_of(written_at(at)) == f"auditlog_entry_{month}"


def test_an_entry_of_a_month_without_partition_is_kept_and_complained_of() -> None:
    assert default_is_empty()
    assert complaints() == []

    entry = written_at(NOVEMBER.replace(year=2150))

    assert table_of(entry) == "auditlog_entry_default"
    assert not default_is_empty()
    assert complaints() == ["auditlog.W001"]


def test_making_partitions_twice_makes_none() -> None:
    first = make_partitions(date(2031, 1, 1), date(2031, 3, 31))
    assert first == ["auditlog_entry_2031_01", "auditlog_entry_2031_02", "auditlog_entry_2031_03"]
    assert make_partitions(date(2031, 1, 1), date(2031, 3, 31)) == []


def test_months_are_whole_and_without_gap_over_the_turn_of_the_year() -> None:
    made = make_partitions(date(2030, 11, 30), date(2032, 2, 1))
    assert made == [name_of(date(year, month, 1)) for year, month in _months((2030, 11), (2032, 2))]
    assert set(made) <= set(partitions())
    for name, following in pairwise(made):
        assert _bounds(name)[1] == _bounds(following)[0]


def _months(first: tuple[int, int], last: tuple[int, int]) -> Iterator[tuple[int, int]]:
    year, month = first
    while (year, month) <= last:
        yield year, month
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _bounds(name: str) -> list[str]:
    [(bounds,)] = run("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s", name)
    return str(bounds).split("'")[1::2]


@pytest.mark.parametrize("today", ["2033-01-31", "2033-11-30", "2033-12-31", "2034-01-01", "2036-02-29"])
def test_partitions_are_made_for_the_past_and_the_months_to_come(today: str) -> None:
    with time_machine.travel(f"{today}T23:59:59+00:00", tick=False):
        made = make_partitions()
    year, month, _ = map(int, today.split("-"))
    index = year * 12 + month - 1
    months = [divmod(index + offset, 12) for offset in range(-MONTHS_BEHIND, MONTHS_AHEAD + 1)]
    assert made == [f"auditlog_entry_{year}_{month + 1:02}" for year, month in months]


@pytest.mark.parametrize("change", ["UPDATE {} SET success = false", "DELETE FROM {}", "TRUNCATE {}"])
def test_a_new_partition_is_as_closed_as_the_others(change: str) -> None:
    [name] = make_partitions(date(2035, 5, 1), date(2035, 5, 1))
    assert table_of(written_at(datetime(2035, 5, 20, tzinfo=UTC))) == name
    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
        run(change.format(name))


def test_the_command_makes_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_partitions", "--from", "2037-06", "--to", "2037-06")
    assert "auditlog_entry_2037_06" in partitions()
    call_command("make_partitions", "--from", "2037-06", "--to", "2037-06")
    assert capsys.readouterr().out.splitlines() == [
        "Made auditlog_entry_2037_06",
        "Nothing to make: all partitions are there.",
    ]


def test_a_bounded_read_opens_only_its_months() -> None:
    make_partitions(date(2026, 9, 1), date(2026, 12, 1))
    october, november = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    plan = Entry.objects.for_account(1).since(october).before(november).newest_first().explain()
    assert "auditlog_entry_2026_10" in plan
    assert "auditlog_entry_2026_09" not in plan
    assert "auditlog_entry_2026_11" not in plan


def test_it_moves_entries_into_the_month_they_lacked() -> None:
    entry = written_at(NOVEMBER.replace(year=2150))
    before = Entry.objects.values("body", "leaf").get(id=entry.id)
    assert make_partitions(date(2150, 11, 1), date(2150, 11, 1)) == ["auditlog_entry_2150_11"]
    assert table_of(entry) == "auditlog_entry_2150_11"
    assert Entry.objects.values("body", "leaf").get(id=entry.id) == before
    assert default_is_empty()


@pytest.mark.parametrize("table", ["auditlog_entry_default", "auditlog_entry_2150_11"])
def test_it_refuses_truncate_after_moving_entries(table: str) -> None:
    written_at(NOVEMBER.replace(year=2150))
    make_partitions(date(2150, 11, 1), date(2150, 11, 1))
    with pytest.raises(DatabaseError, match="insert-only"), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")

"""The fence around what is really committed: nothing stays on a connection, and the sealer does its work."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account
from auditlog.counting import Counting, Values
from auditlog.fence.rights import FENCED, LEAKPROOF
from auditlog.hours import roll_up
from auditlog.models import Entry
from auditlog.partitions import make_partitions, name_of
from auditlog.retention.months import months
from auditlog.sealing.anchors import make_anchor
from auditlog.sealing.chores import verify_further
from auditlog.sealing.sealer import pending, seal
from auditlog.sealing.verifying import verify
from controlcenter.fence import within
from controlcenter.operations import Operation

from .factories import AccountFactory, AppFactory
from .sealing import KEY
from .test_fence_roles import APP, REAPER, SEALER, acting_under, harden, run
from .test_retention import FEBRUARY, JANUARY, write_old

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fenced(transactional_db: None) -> Iterator[None]:
    """The other tests find the database as it was."""
    harden()
    yield
    run("RESET ROLE")
    for role in (APP, SEALER, REAPER):
        run(f"DROP OWNED BY {role}; DROP ROLE {role}")
    for table in FENCED:
        run(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for function in LEAKPROOF:
        run(f"ALTER FUNCTION {function} NOT LEAKPROOF")


@pytest.fixture
def acme(settings: Any, transactional_db: None) -> Iterator[Account]:
    """An account with three entries of January and two of February 2023, all of them sealed."""
    settings.SEALING_KEYS = [KEY]
    make_partitions(JANUARY, FEBRUARY)
    account: Account = AccountFactory(slug="acme")
    write_old(account, JANUARY, 3)
    write_old(account, FEBRUARY, 2)
    seal()
    yield account
    for month in (JANUARY, FEBRUARY):  # Tests after this one find the months they know.
        run(f"DROP TABLE IF EXISTS {name_of(month)}")


def test_nothing_stays_on_the_connection() -> None:
    """Which PgBouncer gives to somebody else next."""
    with within(4711):
        assert run("SELECT auditlog_account(), count(*) > 0 FROM auditlog_entry") == [(4711, True)]
        assert run("SELECT auditlog_account()") == [(None,)]


@pytest.mark.usefixtures("fenced")
def test_sealer_and_reaper_do_their_work(settings: Any) -> None:
    settings.SEALING_KEYS = [KEY]
    app = AppFactory()
    with acting_under(SEALER):
        assert seal().entries == Entry.objects.count() > 0
        roll_up()
        make_anchor()
        report = verify_further(app.account_id)
        assert report
        assert (report.problems, report.missing) == ([], [])
        assert pending(5) == 0
    with acting_under(REAPER):
        call_command("reap_log", "--dry-run", stdout=StringIO())


@pytest.mark.usefixtures("fenced")
def test_the_reaper_removes_a_month_under_its_role(settings: Any, acme: Account) -> None:
    assert {month.table for month in months()} >= {name_of(JANUARY), name_of(FEBRUARY)}
    said = StringIO()
    with acting_under(REAPER):
        call_command("reap_log", stdout=said)
    assert "2023-01 is removed: 3 entries of 1 account." in said.getvalue()
    assert not {month.table for month in months()} & {name_of(JANUARY), name_of(FEBRUARY)}
    assert Entry.objects.with_operation(Operation.LOG_EXPIRE).count() == 2
    with acting_under(SEALER):
        seal()
        report = verify(acme.pk)
    assert (report.problems, report.removed) == ([], 5)


@pytest.mark.usefixtures("fenced")
@pytest.mark.parametrize("role", [APP, SEALER, REAPER])
def test_a_month_that_nobody_certified_stays_whoever_asks(role: str, acme: Account) -> None:
    with acting_under(role), pytest.raises(DatabaseError, match=r"permission denied|no certificate says"):
        run("SELECT auditlog_drop_month(%s, false)", JANUARY)


@pytest.mark.usefixtures("fenced")
def test_what_the_hourly_counts_lack_is_found_by_index() -> None:
    """What PostgreSQL takes for leaky is compared after the fence is passed: all of the account would be read."""
    account, midnight = AccountFactory(), datetime(2026, 1, 1, tzinfo=UTC)
    with acting_under(APP), within(account.pk):
        with CaptureQueriesContext(connection) as asked:
            Counting(account.pk, Values(), [midnight, midnight + timedelta(days=1)]).exactly()
        sql = asked.captured_queries[-1]["sql"].partition("; ")[2]
        run("SET enable_seqscan = off")
        plan = "\n".join(line for (line,) in run(f"EXPLAIN {sql}"))
        run("RESET enable_seqscan")
    assert re.search(r"Index Cond: .*xid >= ", plan)
    assert not re.search(r"Filter: .*xid >= ", plan)

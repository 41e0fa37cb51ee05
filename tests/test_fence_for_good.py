"""The fence around what is really committed: nothing stays on a connection, and the sealer does its work."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from auditlog.fence.rights import FENCED, LEAKPROOF
from auditlog.hours import roll_up
from auditlog.models import Entry
from auditlog.sealing.anchors import make_anchor
from auditlog.sealing.chores import verify_further
from auditlog.sealing.sealer import pending, seal
from controlcenter.fence import within

from .factories import AppFactory
from .sealing import KEY
from .test_fence_roles import APP, REAPER, SEALER, acting_under, harden, run

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

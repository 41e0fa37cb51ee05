"""Every statement of the product is legal on a log that is distributed by account; and what is refused there, says so.

Statements are taken from a walk through all that reads and writes the log, and looked at by their shape. With
``CITUS_URL``, the address of an empty database on a coordinator with workers, the walk is done there, too.
"""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from psycopg import ClientCursor
from pytest_django import Settings

from accounts.models import Account
from accounts.roles import Role
from auditlog import archiving, distribution
from auditlog.distribution import DISTRIBUTED, OBSTACLES, require_one_machine
from auditlog.hours import roll_up
from auditlog.models import Entry
from auditlog.positions import Position
from auditlog.retention import months, reaper
from auditlog.retention.months import Month
from auditlog.sealing import rows, sealer
from auditlog.sealing.bundle import Folder, export
from auditlog.sealing.sealer import seal
from auditlog.sealing.verifying import verify
from auditlog.tailing import end_of, read_on
from controlcenter.fence import within
from controlcenter.replica import NotHere

from .factories import AccountFactory, AppFactory, MemberFactory
from .history import write
from .sealing import KEY, anchor
from .shapes import shape_of

pytestmark = pytest.mark.django_db(transaction=True)

LOGS = "/@acme/teams-and-logs/"
ROOT = Path(__file__).parent.parent
PAGES = (
    "/@acme/",
    LOGS,
    f"{LOGS}results/?range=6m",
    f"{LOGS}?status=failure",
    f"{LOGS}?operation=MODEL_CREATE,MODEL_UPDATE&range=6m",
    f"{LOGS}?operation=MODEL_CREATE&actor_type=user,token&type=model",
    f"{LOGS}?app=one,two&range=6m",
    f"{LOGS}?-app=one",
    f"{LOGS}?target=model:model-1",
    f"{LOGS}?ip=203.0.113.0/24",
    f"{LOGS}?text=Entry",
    f"{LOGS}?text=nowhere",
    f"{LOGS}?from=2020-01-01&to=2020-02-01",
    f"{LOGS}suggestions/?q=actor:",
    f"{LOGS}newer/?since=1:1:",
    f"{LOGS}integrity/",
    f"{LOGS}export/",
    f"{LOGS}copy/",
)


@pytest.fixture(autouse=True)
def key(settings: Settings, tmp_path: Path) -> None:
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], str(tmp_path)


@pytest.fixture
def acme() -> Account:
    """An account with a few entries, beside another one."""
    for slug in ("globex", "acme"):
        account: Account = AccountFactory(slug=slug)
        member = MemberFactory(account=account, role=Role.ADMINISTRATOR)
        apps = [AppFactory(account=account, slug=slug) for slug in ("one", "two")]
        now = datetime.now(UTC)
        write(
            account, member.user, [(f"Entry {number}", now - timedelta(hours=number)) for number in range(5)], apps[0]
        )
    return account


@contextmanager
def statements() -> Iterator[list[str]]:
    """Inside, every statement that Django sends about the log is kept, as it is sent."""
    sent: list[str] = []

    def keep(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and any(table in sql for table in DISTRIBUTED):
            connection.ensure_connection()
            sent.append(ClientCursor(connection.connection).mogrify(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        yield sent


def wrong(sent: list[str]) -> dict[str, list[str]]:
    """Return what is wrong with each statement."""
    return {sql: found for sql in sent if (found := shape_of(sql).wrong)}


def everywhere(sent: list[str]) -> list[str]:
    """Return the statements that go through all accounts."""
    return [sql for sql in sent if shape_of(sql).everywhere]


def client_of(account: Account) -> Client:
    client = Client()
    client.force_login(account.members.get().user)
    return client


def read_pages(account: Account) -> None:
    client = client_of(account)
    newest, other, *_ = Entry.objects.for_account(account.pk).newest_first()
    entry = f"{LOGS}entries/{newest.id}/"
    for address in (*PAGES, entry, f"{entry}compare/", f"{entry}compare/{other.id}/", f"{LOGS}?before={newest.id}"):
        assert client.get(address).status_code in (200, 302, 404), address
    assert client.post(f"{LOGS}export/?range=6m", {"format": "csv"}).getvalue()


def follow(account: Account) -> None:
    with within(account.pk):
        assert end_of(account.pk)
        read_on(Entry.objects.for_account(account.pk), Position(account.pk), 10, "id")


def test_pages_and_what_follows_the_log_read_one_account(acme: Account) -> None:
    seal()
    roll_up()
    with statements() as sent:
        read_pages(acme)
        follow(acme)
    assert len(sent) > 40
    assert wrong(sent) == {}
    assert everywhere([sql for sql in sent if "auditlog_" in sql]) == []


BEHIND: dict[str, Callable[[Account, Path], object]] = {
    "seal_log": lambda account, path: (seal(), anchor(path)),
    "roll_up_log": lambda account, path: call_command("roll_up_log", "--once", stdout=io.StringIO()),
    "verify_log": lambda account, path: verify(account.pk),
    "export_bundle": lambda account, path: export(Folder(path / "bundle"), account.pk, "acme"),
    "reap_log": lambda account, path: list(reaper.reap(dry_run=True)),
    "account_ids": lambda account, path: (
        rows.account_ids(),
        Month(datetime.now(UTC).date().replace(day=1)).account_ids(),
    ),
}


@pytest.mark.parametrize("command", BEHIND)
def test_what_runs_behind_is_legal(
    command: str, acme: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sealer, rows, months):
        monkeypatch.setattr(module, "is_distributed", lambda: True)
    with statements() as sent:
        BEHIND[command](acme, tmp_path)
    assert sent
    assert wrong(sent) == {}


def test_cursors_of_the_driver_s_own_are_legal() -> None:
    """Which the walk does not see."""
    settled = sealer.UNSEALED.format(which=sealer.SETTLED.format(since=1, until=2))
    for sql in (rows.SEALED, rows.UNSEALED, archiving.ENTRIES, archiving.PLACES, settled, reaper.LEAVES):
        assert shape_of(sql.replace("%s", "1")).wrong == []
    for sql in (rows.SEALED, rows.UNSEALED, archiving.ENTRIES, archiving.PLACES):
        assert shape_of(sql.replace("%s", "1")).everywhere == []


def test_the_other_way_to_ask_finds_the_same(acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    month = Month(datetime.now(UTC).date().replace(day=1))
    here = rows.account_ids(), sorted(month.account_ids())
    for module in (sealer, rows, months):
        monkeypatch.setattr(module, "is_distributed", lambda: True)
    assert (rows.account_ids(), sorted(month.account_ids())) == here
    write(acme, acme.members.get().user, [("Later", datetime.now(UTC))])
    seal()
    assert verify(acme.pk).problems == []


UNIQUE = """
SELECT index.indexrelid::regclass::text FROM pg_index AS index
JOIN pg_class AS relation ON relation.oid = index.indrelid
WHERE index.indisunique AND relation.relname = ANY (%s) AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = index.indrelid AND attnum = ANY (index.indkey) AND attname = 'account_id'
)
"""
FOREIGN = """
SELECT conname FROM pg_constraint
WHERE contype = 'f' AND (conrelid::regclass::text = ANY (%(tables)s) OR confrelid::regclass::text = ANY (%(tables)s))
"""


def test_each_unique_key_holds_the_account_and_no_foreign_key_is_there() -> None:
    with connection.cursor() as cursor:
        cursor.execute(UNIQUE, [list(DISTRIBUTED)])
        assert cursor.fetchall() == []
        cursor.execute(FOREIGN, {"tables": list(DISTRIBUTED)})
        assert cursor.fetchall() == []


ILLEGAL = {
    "joined across accounts": "SELECT FROM auditlog_entry AS e JOIN auditlog_seal AS s ON s.entry_id = e.id",
    "says no account_id": "INSERT INTO auditlog_seal (seq) VALUES (1)",
    "by keys without account_id": "INSERT INTO auditlog_hour (account_id) VALUES (1) ON CONFLICT (hour) DO NOTHING",
    "by a lateral LIMIT": sealer.TIPS.replace("%s", "'{1}'"),
    "recursive through all accounts": rows.ACCOUNTS.format(table="auditlog_entry"),
}


@pytest.mark.parametrize("complaint", ILLEGAL)
def test_an_illegal_statement_is_found(complaint: str) -> None:
    assert any(complaint in found for found in shape_of(ILLEGAL[complaint]).wrong)


@pytest.mark.parametrize("condition", ["true", "account_id = 1 OR id = 'x'", "NOT account_id = 1", "account_id > 1"])
def test_a_statement_that_forgets_its_account_is_found(condition: str) -> None:
    assert shape_of(f"SELECT FROM auditlog_entry WHERE {condition}").everywhere


def test_it_refuses_without_citus() -> None:
    with pytest.raises(CommandError, match="This database has no Citus: CREATE EXTENSION"):
        call_command("distribute_log", "--check")


def test_what_relies_on_the_order_of_commits_refuses_on_a_distributed_log(monkeypatch: pytest.MonkeyPatch) -> None:
    require_one_machine("seal")
    monkeypatch.setattr(distribution, "is_distributed", lambda: True)
    for work in (seal, roll_up, lambda: list(reaper.reap())):
        with pytest.raises(NotHere, match="This log is distributed"):
            work()


@pytest.mark.skipif("CITUS_URL" not in os.environ, reason="CITUS_URL names no coordinator of a Citus cluster")
def test_it_distributes_a_copy_for_real() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "tests.distributing", os.environ.get("CITUS_URL", "")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert all(obstacle in outcome.stdout for obstacle in OBSTACLES)

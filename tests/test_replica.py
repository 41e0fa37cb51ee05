"""What may be a little old is read from a replica, the rest from the primary: on a real hot standby."""

import copy
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Account
from accounts.roles import Role
from auditlog import fetching
from auditlog.hours import roll_up
from auditlog.models import Entry
from auditlog.positions import Position
from auditlog.retention.reaper import reap
from auditlog.sealing.anchors import make_anchor
from auditlog.sealing.sealer import seal
from auditlog.sealing.verifying import verify
from auditlog.tailing import end_of, read_on
from controlcenter import replica
from controlcenter.fence import within
from controlcenter.local_postgres import LocalPostgres
from controlcenter.replica import ALIAS, NotHere

from .conftest import FAST_BUT_FORGETFUL
from .factories import AccountFactory, MemberFactory
from .history import write
from .sealing import KEY
from .standby import replaying_nothing, standby_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", ALIAS])

LOGS = "/@acme/teams-and-logs/"
ENTRIES = 60  # more than a page has


@pytest.fixture(scope="module", autouse=True)
def standby(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    """A standby of the tests' own server, and Django told of it."""
    folder = tmp_path_factory.mktemp("standby")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(parent.stat().st_mode | 0o011)
    with standby_of(os.environ["DATABASE_URL"], folder / "postgres", *FAST_BUT_FORGETFUL) as server:
        default = connections.settings["default"]
        mirror = {**default["TEST"], "MIRROR": "default"}  # Nothing is emptied there when a test ends.
        connections.settings[ALIAS] = {**copy.deepcopy(default), "HOST": _host(server), "TEST": mirror}
        yield server
        del connections[ALIAS], connections.settings[ALIAS]


@pytest.fixture(autouse=True)
def fresh(standby: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test looks at the replica anew."""
    standby.start()
    monkeypatch.setattr(replica, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(replica, "BEHIND_FOR", 0.0)
    replica.forget()
    yield
    connections[ALIAS].close()
    replica.forget()


def _host(server: LocalPostgres) -> str:
    return unquote(urlsplit(server.url).netloc.rpartition("@")[2].rpartition(":")[0])


@pytest.fixture
def acme() -> Account:
    account: Account = AccountFactory(slug="acme")
    return account


@pytest.fixture
def client(acme: Account) -> Client:
    member = MemberFactory(account=acme, role=Role.ADMINISTRATOR)
    now = datetime.now(UTC)
    write(
        acme, member.user, [(f"Entry {number}", now - timedelta(hours=1, seconds=number)) for number in range(ENTRIES)]
    )
    client = Client()
    client.force_login(member.user)
    return client


def caught_up() -> None:
    """Wait until the replica has all there is."""
    deadline = time.monotonic() + 60
    with transaction.atomic(), connection.cursor() as cursor:
        # What reading tidies up is written to the log, too, and stays unsent until somebody's commit takes it along.
        cursor.execute("SET LOCAL synchronous_commit = on")
        cursor.execute("SELECT pg_current_xact_id()")
    while not replica.has_caught_up():
        assert time.monotonic() < deadline, "the standby does not follow"


def older(account: Account) -> str:
    """Return the address of the second page."""
    return f"{LOGS}?before={Entry.objects.for_account(account.pk).newest_first()[49].id}"


def read_from(alias: str, look: Callable[[], Any]) -> list[str]:
    """Return the statements about entries that one server is asked for meanwhile."""
    connections[alias].ensure_connection()
    with CaptureQueriesContext(connections[alias]) as asked:
        look()
    return [query["sql"] for query in asked.captured_queries if "auditlog_entry" in query["sql"]]


def rows_of_page(statements: list[str]) -> list[str]:
    return [sql for sql in statements if 'AS "snapshot"' in sql]


def test_older_pages_come_from_the_replica(client: Client, acme: Account) -> None:
    caught_up()
    address = older(acme)
    assert len(rows_of_page(read_from(ALIAS, lambda: client.get(address)))) == 1
    assert rows_of_page(read_from("default", lambda: client.get(address))) == []
    assert "Entry 55" in client.get(address).content.decode()


def test_of_the_first_page_counts_come_from_the_replica_and_rows_from_the_primary(client: Client) -> None:
    caught_up()
    replicated = read_from(ALIAS, lambda: client.get(LOGS))
    assert rows_of_page(replicated) == []
    assert len(replicated) >= 2  # histogram and facets
    assert len(rows_of_page(read_from("default", lambda: client.get(LOGS)))) == 1


def test_who_has_just_done_something_finds_it(client: Client, acme: Account, standby: LocalPostgres) -> None:
    caught_up()
    with replaying_nothing(standby):
        write(acme, acme.members.get().user, [("Just now", datetime.now(UTC))])
        entry = Entry.objects.for_account(acme.pk).newest_first()[0]
        assert "Just now" in client.get(LOGS).content.decode()
        assert client.get(f"{LOGS}entries/{entry.id}/").status_code == 200


def test_live_asks_the_primary(client: Client, acme: Account) -> None:
    caught_up()
    page = Entry.objects.for_account(acme.pk).page(50)
    asked = read_from(ALIAS, lambda: client.get(f"{LOGS}newer/?since={page.snapshot}"))
    assert asked == []


def test_an_export_has_all_that_was_there_when_it_began(
    client: Client, acme: Account, standby: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught_up()
    sources: list[str] = []
    asked = replica.log_connection

    def asked_and_noted() -> Any:
        sources.append(asked().alias)
        return asked()

    monkeypatch.setattr(fetching, "log_connection", asked_and_noted)
    monkeypatch.setattr(replica, "CATCH_UP", 20.0)  # However busy the machine is: it waits for as long as it takes.

    def export() -> str:
        return b"".join(client.post(f"{LOGS}export/", {"format": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]

    assert "Entry 59" in export()
    assert set(sources) == {ALIAS}
    sources.clear()
    monkeypatch.setattr(replica, "CATCH_UP", 0.1)
    with replaying_nothing(standby):
        write(acme, acme.members.get().user, [("Just now", datetime.now(UTC))])
        assert "Just now" in export()
    assert set(sources) == {"default"}


def test_how_far_behind_it_is_stands_on_the_page(
    client: Client, acme: Account, standby: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    caught_up()
    assert "seconds behind" not in client.get(LOGS).content.decode()
    with replaying_nothing(standby):
        client.get(LOGS)
        write(acme, acme.members.get().user, [("Later", datetime.now(UTC))])
        monkeypatch.setattr(time, "monotonic", lambda: begun + 12)
        assert 0 < replica._lag(begun + 12) <= 12
        monkeypatch.setattr(replica, "_lag", lambda now: 12.0)
        assert "12 seconds behind" in client.get(LOGS).content.decode()


def test_one_that_is_too_far_behind_is_not_read(
    client: Client, acme: Account, standby: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught_up()
    monkeypatch.setattr(replica, "LONGEST_LAG", 0.0)
    with replaying_nothing(standby):
        write(acme, acme.members.get().user, [("Later", datetime.now(UTC))])
        time.sleep(0.01)
        assert read_from(ALIAS, lambda: client.get(LOGS)) == []


def source() -> str:
    return replica.read(lambda: replica.log_connection().alias)


def test_how_far_behind_it_is_can_not_be_told_at_first(acme: Account, standby: LocalPostgres) -> None:
    caught_up()
    replica.forget()
    with replaying_nothing(standby):
        write(acme, MemberFactory(account=acme).user, [("Later", datetime.now(UTC))])
        assert source() == "default"
        assert replica._known.lag == float("inf")


OTHERS = {
    "follows another primary": "SELECT 0, 7",
    "has gone its own way": "SELECT 2.0 ^ 60, system_identifier FROM pg_control_system()",
}


@pytest.mark.parametrize("complaint", OTHERS)
def test_one_that_is_not_ours_is_not_read(
    complaint: str, acme: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caught_up()
    monkeypatch.setattr(replica, "REPLAYED", OTHERS[complaint])
    assert source() == "default"
    assert complaint in caplog.text
    assert replica._known.lost_until > time.monotonic()


def test_nobody_reads_from_it_while_a_look_gets_no_answer(acme: Account) -> None:
    caught_up()
    with replica._known.lock:  # as another thread has it
        replica._known.looks_since = time.monotonic() - 1
        assert source() == ALIAS
        replica._known.looks_since -= replica.LONGEST_LOOK
        assert source() == "default"


def test_who_reads_page_by_page_waits_once(
    acme: Account, standby: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught_up()
    monkeypatch.setattr(replica, "BEHIND_FOR", 60.0)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    with replaying_nothing(standby):
        write(acme, MemberFactory(account=acme).user, [("Later", datetime.now(UTC))])
        assert not replica.has_caught_up()
        assert waited
        waited.clear()
        assert not replica.has_caught_up()
        assert not waited


def test_a_lost_replica_is_done_without(client: Client, acme: Account, standby: LocalPostgres) -> None:
    caught_up()
    address = older(acme)
    standby.stop()
    assert "Entry 55" in client.get(address).content.decode()
    begun = time.monotonic()
    assert client.get(address).status_code == 200
    assert time.monotonic() - begun < 10
    assert replica._known.lost_until > time.monotonic()


def test_one_that_is_lost_amid_a_statement_is_done_without(acme: Account) -> None:
    caught_up()
    asked: list[str] = []

    def look() -> int:
        asked.append(replica.log_connection().alias)
        with replica.log_connection().cursor() as cursor:
            if asked[-1] == ALIAS:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 7")
            return int(cursor.fetchone()[0])

    assert replica.read(look) == 7
    assert asked == [ALIAS, "default"]


def test_a_transaction_reads_what_it_has_written(acme: Account) -> None:
    caught_up()
    with transaction.atomic():
        assert replica.read(lambda: replica.log_connection().alias) == "default"
    assert replica.read(lambda: replica.log_connection().alias) == ALIAS


def test_the_replica_shows_one_account_at_a_time(
    acme: Account, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_command("harden_database", stdout=StringIO())
    caught_up()
    connections[ALIAS].close()
    monkeypatch.setitem(connections[ALIAS].settings_dict, "USER", "controlcenter_app")
    count = "SELECT count(*) FROM auditlog_entry"
    with within(acme.pk):
        assert replica.rows(count)[0][0] >= ENTRIES
        assert replica.rows("SELECT current_user::text, pg_is_in_recovery()") == [("controlcenter_app", True)]
    with within(acme.pk + 1):
        assert replica.rows(count) == [(0,)]
    assert replica.rows(count) == [(0,)]


WORK: dict[str, Callable[[], object]] = {
    "seal": seal,
    "count": roll_up,
    "remove months": lambda: list(reap()),
    "verify": lambda: verify(1),
    "anchor": make_anchor,
    "follow": lambda: end_of(1),
    "follow on": lambda: read_on(Entry.objects.all(), Position(1), 10, "id"),
    "compare": lambda: Entry.objects.for_account(1).count_since("1:1:", 10),
}


def test_what_needs_the_order_of_commits_refuses_to_read_from_it(settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    caught_up()
    for work in WORK.values():
        with pytest.raises(NotHere, match=r"This database is a replica: .* on the primary\."):
            replica.read(work)


def test_commands_refuse_to_work_on_a_replica(standby: LocalPostgres, acme: Account, settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    caught_up()
    host = connection.settings_dict["HOST"]
    connection.close()
    connection.settings_dict["HOST"] = _host(standby)
    try:
        for command in (
            ("seal_log", "--once"),
            ("roll_up_log", "--once"),
            ("pack_log",),
            ("reap_log",),
            ("verify_log",),
            ("anchor_log",),
        ):
            with pytest.raises(CommandError, match=r"This database is a replica: .* on the primary\.") as refused:
                call_command(*command)
            assert refused.value.returncode == 3
    finally:
        connection.close()
        connection.settings_dict["HOST"] = host

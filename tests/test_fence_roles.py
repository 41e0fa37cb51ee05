"""The roles of the database: each may do what it needs, and no more. Tried as each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import Account
from auditlog.deleted import deleted_accounts
from auditlog.fence.rights import FENCED, TABLES, Part, tables
from auditlog.ids import new_id
from auditlog.models import Block, Entry, Seal
from auditlog.partitions import default_is_empty
from auditlog.sealing.models import Verification
from auditlog.sealing.results import raise_alarm
from auditlog.sealing.sealer import pending
from auditlog.sealing.verify import ALTERED, Report
from controlcenter.fence import FENCED as TOLD
from controlcenter.fence import outside, within
from controlcenter.operations import Operation

from .factories import AppFactory, People
from .history import multiply, sign_in_long_ago
from .test_every_page import CHANGING, OWN_READING, PERSONAL, READING, address, make_world, sent

pytestmark = pytest.mark.django_db

APP, SEALER, REAPER = (part.default_name for part in Part)


def run(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def acting_under(role: str) -> Iterator[None]:
    """Inside, the database treats us as this role."""
    run(f"SET ROLE {role}")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            run("RESET ROLE")


def harden(*options: str) -> list[str]:
    out = StringIO()
    call_command("harden_database", *options, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def complaints() -> str:
    """Return what ``--check`` complains of; "" for nothing."""
    out = StringIO()
    try:
        call_command("harden_database", "--check", stdout=out)
    except CommandError:
        return out.getvalue()
    return ""


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[People]:
    """One of everything in a database that is fenced, for all tests: what each changes is rolled back inside."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        harden()
        made = make_world()
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@pytest.fixture
def people(world: People, db: None) -> People:
    return world


# The command


def test_it_does_nothing_twice(people: People) -> None:
    assert harden()[:1] == ["The database is as it should be."]
    assert complaints() == ""


HARMS = {
    f"GRANT DELETE ON auditlog_entry TO {APP}": f"{APP} has DELETE on auditlog_entry",
    f"GRANT SELECT ON auditlog_entry_default TO {APP}": f"{APP} has SELECT on auditlog_entry_default",
    "GRANT INSERT ON auditlog_seal TO PUBLIC": "PUBLIC has INSERT on auditlog_seal",
    f"GRANT UPDATE (email) ON auditlog_subject TO {APP}": f"{APP} has UPDATE (email) on auditlog_subject",
    f"REVOKE INSERT ON resources_app FROM {APP}": f"{APP} lacks INSERT on resources_app",
    f"ALTER ROLE {APP} BYPASSRLS": f"The role {APP} may do more than sign in",
    f"GRANT pg_write_all_data TO {APP}": f"The role {APP} is a member of pg_write_all_data",
    f"ALTER TABLE accounts_plan OWNER TO {SEALER}": f"The role {SEALER} owns the ",
    "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC": "PUBLIC has TEMPORARY on DATABASE",
    f"GRANT CREATE ON SCHEMA public TO {APP}": f"{APP} has CREATE on SCHEMA public",
    f"GRANT EXECUTE ON FUNCTION auditlog_drop_month TO {APP}": f"{APP} may run auditlog_drop_month",
    "GRANT EXECUTE ON FUNCTION auditlog_observe TO PUBLIC": "PUBLIC may run auditlog_observe",
    "ALTER TABLE auditlog_block DISABLE ROW LEVEL SECURITY": "auditlog_block has no row-level security",
    "DROP POLICY one_account ON auditlog_entry": "auditlog_entry has no policy one_account",
    "ALTER POLICY one_account ON auditlog_seal USING (true)": "auditlog_seal has no policy one_account",
    f"CREATE POLICY more ON auditlog_hour TO {APP} USING (true)": "auditlog_hour has a policy more of somebody's",
    "ALTER FUNCTION jsonb_contains(jsonb, jsonb) NOT LEAKPROOF": "is not marked leakproof",
}


@pytest.mark.parametrize("harm", HARMS)
def test_it_finds_and_mends_what_was_loosened(people: People, harm: str) -> None:
    run(harm.format(database=connection.settings_dict["NAME"]))
    assert HARMS[harm] in complaints()
    harden()
    assert complaints() == ""


def test_a_check_changes_nothing(people: People) -> None:
    run("DROP POLICY one_account ON auditlog_entry")
    assert complaints() == complaints() != ""


def test_roles_may_have_other_names(people: People) -> None:
    harden("--app", "web", "--sealer", "Other Sealer", "--reaper", "mower")
    assert run("SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'Other Sealer'") == [(True, False)]
    with pytest.raises(CommandError, match="a role of its own"):
        harden("--app", "web", "--sealer", "web")


def test_a_password_comes_from_the_environment(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ROLE_PASSWORD", "correct horse")
    said = harden()
    assert f"{APP} has the password of APP_ROLE_PASSWORD." in said
    assert "correct horse" not in "".join(said)
    [(kept,)] = run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", APP)
    assert kept.startswith("SCRAM-SHA-256$")


def test_who_may_not_harden_is_told_what_somebody_else_has_to_run(people: People) -> None:
    run("DROP POLICY one_account ON auditlog_entry")
    run("CREATE ROLE clerk")
    with pytest.raises(CommandError, match="1 things"), acting_under("clerk"):
        harden()


def test_every_table_of_the_log_says_who_may_write_it(people: People) -> None:
    present = {
        table for (table,) in run("SELECT relname FROM pg_class WHERE relname LIKE 'auditlog%%' AND relkind = 'r'")
    }
    partitions = {table for table in present if table.startswith("auditlog_entry_")}
    assert present - partitions <= TABLES.keys()
    assert {table for table, _ in tables()} >= present - partitions
    assert FENCED.keys() == set(TOLD)


def test_a_server_is_told_when_nothing_holds_it_back(people: People) -> None:
    def found() -> list[str]:
        return [str(problem.id) for problem in run_checks(databases=["default"], tags=["database"])]

    assert "auditlog.W002" in found()
    for role in (APP, SEALER, REAPER):
        with acting_under(role):
            assert found() == []


# What a role may not do

REFUSED = {
    APP: [
        "UPDATE auditlog_entry SET success = true",
        "DELETE FROM auditlog_entry",
        "TRUNCATE auditlog_entry",
        "SELECT FROM auditlog_entry_default",
        "INSERT INTO auditlog_entry_default SELECT * FROM auditlog_entry",
        "UPDATE auditlog_subject SET email = ''",
        "DELETE FROM auditlog_subject",
        "INSERT INTO auditlog_seal SELECT * FROM auditlog_seal",
        "INSERT INTO auditlog_block SELECT * FROM auditlog_block",
        "INSERT INTO auditlog_certificate SELECT * FROM auditlog_certificate",
        "DELETE FROM auditlog_stall",
        "UPDATE auditlog_verification SET status = 0",
        "UPDATE auditlog_sealerstate SET watermark = 0",
        "UPDATE auditlog_hour SET done_0 = 0",
        "ALTER TABLE auditlog_entry DISABLE TRIGGER ALL",
        "ALTER TABLE auditlog_entry DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE resources_app DISABLE TRIGGER unattributed_change",
        "DROP TABLE auditlog_entry_default",
        "SET session_replication_role = replica",
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE FUNCTION pg_temp.look(text) RETURNS text LANGUAGE sql AS 'SELECT 1'",
        "SELECT auditlog_drop_month('2020-01-01', false)",
        "SELECT auditlog_canonical('{}')",
        "SELECT auditlog_place('{}', '{}')",
        "SELECT auditlog_month_is_free('2020-01-01')",
        "TRUNCATE resources_app",
        "DELETE FROM django_migrations",
        "COPY auditlog_entry TO PROGRAM 'cat'",
        f"ALTER ROLE {APP} SUPERUSER",
        f"ALTER ROLE {APP} BYPASSRLS",
    ],
    SEALER: [
        "INSERT INTO auditlog_entry SELECT * FROM auditlog_entry",
        "UPDATE auditlog_seal SET seq = 1",
        "DELETE FROM auditlog_block",
        "SELECT FROM accounts_token",
        "SELECT FROM django_session",
        "UPDATE accounts_user SET is_staff = true",
        "SELECT auditlog_erase(1)",
        "SELECT auditlog_drop_month('2020-01-01', false)",
        "SELECT auditlog_observe(',resources_app:*,', '')",
        "CREATE TABLE mine ()",
    ],
    REAPER: [
        "DELETE FROM auditlog_entry",
        "DROP TABLE auditlog_entry_default",
        "ALTER TABLE auditlog_entry DETACH PARTITION auditlog_entry_default",
        "DELETE FROM auditlog_hour",
        "INSERT INTO auditlog_seal SELECT * FROM auditlog_seal",
        "UPDATE accounts_account SET held_at = NULL",
        "SELECT FROM accounts_user",
        "SELECT auditlog_erase(1)",
        "SELECT auditlog_observe(',resources_app:*,', '')",
    ],
}


@pytest.mark.parametrize("role", REFUSED)
def test_a_role_may_do_no_more_than_it_needs(people: People, role: str) -> None:
    refused = pytest.raises(DatabaseError, match=r"permission denied|must be (owner|able)|only roles")
    for sql in REFUSED[role]:
        run(f"SET ROLE {role}")
        with refused, transaction.atomic():
            run(sql)
        run("RESET ROLE")


# What the servers need


def test_every_page_works_for_the_servers_role(people: People) -> None:
    client = Client()
    sign_in_long_ago(client, people.owner)
    with acting_under(APP):
        for name, (_, at) in READING.items():
            assert client.get(address(name, at)).status_code == 200, name
        for name in OWN_READING:
            assert client.get(reverse(name)).status_code == 200, name


def test_every_change_works_for_the_servers_role(people: People) -> None:
    client = Client()
    sign_in_long_ago(client, people.owner)
    personal = Client()
    sign_in_long_ago(personal, people.member)
    with acting_under(APP):
        for name, row in CHANGING.items():
            browser, point = (personal if name in PERSONAL else client), transaction.savepoint()
            url = address(name, row.at)
            answer = browser.post(url, sent(browser.get(url), row.form))
            assert answer.status_code in (200, 302), (name, answer.status_code)
            assert not (answer.context and "form" in answer.context and answer.context["form"].errors), name
            run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
            assert not Entry.objects.with_operation(Operation.LOG_UNATTRIBUTED_CHANGE).exists(), name
            transaction.savepoint_rollback(point)


def test_the_export_and_the_check_of_integrity_read_the_log(people: People) -> None:
    client = Client()
    sign_in_long_ago(client, people.owner)
    entries = Entry.objects.for_account(people.acme.pk).count()
    with acting_under(APP):
        answer = client.post(reverse("log-export", args=["acme"]) + "?range=6m", {"format": "ndjson"})
        lines = b"".join(answer.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert len(lines) >= entries - 1 > 10


def test_an_export_looks_for_a_text_behind_the_fence_as_well(people: People) -> None:
    AppFactory.create(account=people.acme, slug="needle", name="Needle")
    client = Client()
    sign_in_long_ago(client, people.owner)
    asked = "?range=6m&operation=APPLICATION_CREATE&operation=APPLICATION_DELETE&text=needle"
    with acting_under(APP):
        answer = client.post(reverse("log-export", args=["acme"]) + asked, {"format": "ndjson"})
        [line] = b"".join(answer.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert b'"needle"' in line


def test_a_check_raises_the_alarm_and_can_not_end_it(people: People) -> None:
    with acting_under(APP):
        raise_alarm(Report(people.acme.pk, problems=["entry 4: its body"]))
        raise_alarm(Report(people.acme.pk, problems=["something else"]))
        [kept] = Verification.objects.filter(account_id=people.acme.pk)
    assert (kept.status, kept.problem) == (ALTERED, "entry 4: its body")


def test_support_staff_still_find_deleted_organizations(people: People) -> None:
    gone = Account.objects.create(slug="gone", name="Gone", plan=people.acme.plan)
    gone.delete()
    with acting_under(APP):
        assert [account.slug for account in deleted_accounts()] == ["gone"]
        assert pending(5) == 5
        default_is_empty()


# One account at a time


def test_a_query_that_forgot_its_account_finds_that_of_the_page(people: People) -> None:
    with acting_under(APP), within(people.acme.pk):
        assert {entry.account_id for entry in Entry.objects.all()} == {people.acme.pk}
        assert not Entry.objects.for_account(people.stranger.home_id or 0).exists()


def test_a_query_from_nowhere_finds_nothing(people: People) -> None:
    with acting_under(APP), outside():
        assert not Entry.objects.exists()


def test_the_fence_stands_around_seals_blocks_and_counts(people: People) -> None:
    acme, other = people.acme.pk, people.stranger.home_id
    counts = ", ".join(["0"] * 8)
    for account in (acme, other):
        run("INSERT INTO auditlog_seal VALUES (%s, 1, %s, '')", account, new_id(people.owner.created_at))
        run("INSERT INTO auditlog_block VALUES (%s, 1, 1, 1, '', now(), 1, '', '')", account)
        run(f"INSERT INTO auditlog_hour VALUES (%s, 0, 0, 0, {counts})", account)  # noqa: S608
    with acting_under(APP), within(acme):
        assert list(Seal.objects.values_list("account_id", flat=True)) == [acme]
        assert list(Block.objects.values_list("account_id", flat=True)) == [acme]
        assert run("SELECT account_id FROM auditlog_hour") == [(acme,)]


def test_what_is_refused_is_recorded_in_whosoever_log_it_concerns(people: People) -> None:
    app = AppFactory(account=people.stranger.home, slug="theirs")
    client = Client()
    sign_in_long_ago(client, people.owner)
    before = Entry.objects.for_account(app.account_id).failed().count()
    with acting_under(APP):
        answer = client.post(reverse("app-delete", args=[people.stranger.home.slug, "theirs"]))  # type: ignore[union-attr]
    assert answer.status_code == 404
    assert Entry.objects.for_account(app.account_id).failed().count() == before + 1


def test_targets_are_found_by_their_index_behind_the_fence(people: People) -> None:
    multiply(Entry.objects.for_account(people.acme.pk).newest_first()[0], 2000)
    run("ANALYZE auditlog_entry")
    with acting_under(APP), within(people.acme.pk):
        plan = Entry.objects.for_account(people.acme.pk).with_target("model", "nothing").explain()
    assert "targets_idx" in plan


def test_a_cursor_that_can_t_tell_is_refused(people: People) -> None:
    with pytest.raises(TypeError, match="in parts"):
        list(Entry.objects.iterator())

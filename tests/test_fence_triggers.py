"""What is changed past the application becomes an entry, which the database makes as the recorder would."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection, models, transaction
from django.db.models import Model as DjangoModel
from django.utils import timezone

from accounts.models import Account, Plan, Team, TeamMember, Token, User
from auditlog.canonical import canonical, leaf_of
from auditlog.fence.triggers import MOST_NAMED, differing, install
from auditlog.ids import time_of
from auditlog.models import Entry
from auditlog.sealing.health import alarms
from auditlog.sealing.verify import LEAF
from auditlog.sealing.verify import differing as differing_columns
from auditlog.tracked import TRACKED
from controlcenter.operations import Operation
from controlcenter.resources.models import (
    App,
    Collaborator,
    Deployment,
    ModelVersion,
    TeamApp,
    Workflow,
    WorkflowVersion,
)

from .factories import FACTORIES, AppFactory, MemberFactory, ModelFactory, TokenFactory, UserFactory

pytestmark = pytest.mark.django_db

NASTY = [
    "plain",
    'quote " backslash \\ slash /',
    "tab \t line \n return \r bell \x07 escape \x1b unit \x1f delete \x7f",
    "\b\f\v",
    "é ß 漢字 🙂 \u2028 \u2029 \ufeff \uffff \u202e",
    "<script>&amp;'",
    "%s {0} \\u0041 \\n",
]


def settle() -> None:
    """Do what a commit would: the triggers look, and what was observed before is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SET LOCAL controlcenter.observed = ''; SET LOCAL controlcenter.gone = ''")


def run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def unattributed() -> list[Entry]:
    settle()
    return list(Entry.objects.with_operation(Operation.LOG_UNATTRIBUTED_CHANGE).order_by("id"))


def changes_of(entry: Entry) -> dict[str, Any]:
    return {name: change for name, change in entry.event["changes"].items() if not name.startswith("database ")}


@pytest.fixture
def app() -> App:
    made: App = AppFactory(slug="vision", name="Vision")
    assert unattributed() == []
    return made


def test_an_update_by_raw_sql_is_an_entry(app: App) -> None:
    run("UPDATE resources_app SET name = 'Sight', updated_at = now() WHERE id = %s", app.pk)
    [entry] = unattributed()
    assert (entry.account_id, entry.app_id, entry.actor_id, entry.success) == (app.account_id, app.pk, None, True)
    assert entry.event["sentence"] == f"Update of row {app.pk} of resources_app past the application"
    assert entry.event["actor"] == {"type": "system"}
    assert entry.event["targets"] == [{"id": "vision", "name": "Sight", "type": "app"}]
    assert entry.event["app"] == {"id": "vision", "key": app.pk, "name": "Sight", "type": "app"}
    assert changes_of(entry) == {"name": ["Vision", "Sight"]}
    assert entry.event["changes"]["database role"] == [None, "controlcenter"]


def test_it_names_the_program(app: App) -> None:
    run("SET LOCAL application_name = 'psql'")
    run("UPDATE resources_app SET name = 'Sight' WHERE id = %s", app.pk)
    assert unattributed()[0].event["where"] == {"agent": "psql"}


def test_an_insertion_and_a_deletion_are_entries(app: App) -> None:
    run(
        "INSERT INTO accounts_team (account_id, slug, name, description, created_at) VALUES (%s, 'x', 'X', '', now())",
        app.account_id,
    )
    run("DELETE FROM resources_app WHERE id = %s", app.pk)
    made, deleted = unattributed()
    assert made.event["sentence"].startswith("Insertion of row")
    assert changes_of(made) == {"account": [None, str(app.account_id)], "name": [None, "X"], "slug": [None, "x"]}
    assert deleted.event["sentence"] == f"Deletion of row {app.pk} of resources_app past the application"
    assert changes_of(deleted)["name"] == ["Vision", None]


def test_it_is_found_in_the_account_and_app_that_the_row_is_part_of() -> None:
    model = ModelFactory()
    settle()
    run("UPDATE resources_model SET name = 'Other' WHERE id = %s", model.pk)
    [entry] = unattributed()
    assert (entry.account_id, entry.app_id) == (model.app.account_id, model.app_id)
    assert entry.event["targets"][0]["type"] == "model"


def test_what_moves_to_another_account_is_told_to_both(app: App) -> None:
    other = AppFactory(slug="theirs")
    model = ModelFactory(app=app)
    settle()
    run("UPDATE resources_model SET app_id = %s WHERE id = %s", other.pk, model.pk)
    entries = unattributed()
    assert [(entry.account_id, entry.app_id) for entry in entries] == [
        (other.account_id, other.pk),
        (app.account_id, app.pk),
    ]
    assert [changes_of(entry) for entry in entries] == [{"app": [str(app.pk), str(other.pk)]}] * 2
    run("UPDATE resources_app SET account_id = %s WHERE id = %s", other.account_id, app.pk)
    assert [entry.account_id for entry in unattributed()[2:]] == [other.account_id, app.account_id]


RESOURCES = ("modelversion", "model", "workflowversion", "workflow", "collaborator", "teamapp", "app")


@pytest.mark.parametrize("tables", [RESOURCES, RESOURCES[::-1]], ids=["leaves first", "roots first"])
def test_what_is_deleted_with_what_it_was_in_is_told_to_its_account(tables: tuple[str, ...]) -> None:
    version = FACTORIES[ModelVersion]()
    app = version.model.app
    FACTORIES[WorkflowVersion](workflow=FACTORIES[Workflow](app=app))
    FACTORIES[Collaborator](app=app)
    FACTORIES[TeamApp](app=app, team=FACTORIES[Team](account=app.account))
    AppFactory.create_batch(2, account=app.account)
    settle()
    for table in tables:
        run(f"DELETE FROM resources_{table}")  # noqa: S608
    entries = unattributed()
    assert len(entries) == len(RESOURCES) + 2
    assert {entry.account_id for entry in entries} == {app.account_id}
    assert sum(entry.app_id == app.pk for entry in entries) == len(RESOURCES)
    assert all(bytes(entry.body) == canonical(json.loads(bytes(entry.body))) for entry in entries)


def test_nodepools_and_team_members_too() -> None:
    deployment, member = FACTORIES[Deployment](), FACTORIES[TeamMember]()
    settle()
    owners = {deployment.nodepool.cluster.account_id, member.team.account_id}
    for table in ("resources_computecluster", "resources_nodepool", "resources_deployment"):
        run(f"DELETE FROM {table}")  # noqa: S608
    run("DELETE FROM accounts_team; DELETE FROM accounts_teammember")
    entries = unattributed()
    assert len(entries) == 5
    assert {entry.account_id for entry in entries} == owners


def test_thousands_of_deletions_at_once_are_noted_up_to_a_length(app: App) -> None:
    run(
        "INSERT INTO resources_app"
        " (account_id, slug, name, description, visibility, duplicated_from, created_at, updated_at)"
        " SELECT account_id, 'many-' || n, 'Many', '', 'private', '', now(), now()"
        " FROM resources_app, generate_series(1, 600) AS n"
    )
    run("DELETE FROM resources_app")
    with connection.cursor() as cursor:
        cursor.execute("SELECT length(current_setting('controlcenter.gone'))")
        assert 10_000 < cursor.fetchone()[0] < 200_000


def test_the_whole_row_of_another_account_is_theirs(app: App) -> None:
    run("UPDATE accounts_plan SET rank = rank + 1 WHERE slug = 'enterprise'")
    assert unattributed()[0].account_id == Account.PLATFORM_ID


@pytest.mark.parametrize("text", NASTY)
def test_its_body_is_canonical_to_the_byte(app: App, text: str) -> None:
    run("UPDATE resources_app SET name = %s, description = %s WHERE id = %s", text, text * 2, app.pk)
    [entry] = unattributed()
    body = bytes(entry.body)
    assert body == canonical(json.loads(body))
    assert bytes(entry.leaf) == leaf_of(body)
    assert changes_of(entry)["name"] == ["Vision", text]
    assert entry.event["id"] == str(entry.id)
    assert time_of(entry.id).strftime("%Y-%m-%dT%H:%M:%S.%fZ") == entry.event["time"]


@pytest.mark.parametrize(
    "nodes",
    [
        [{"b": 1, "a": [None, True, -0.5, 1e30, 12345678901234567890], "é": {}, "Z": [], "": ""}],
        [{"\U0001f642": 1, "\ufffd": 2, "a\tb": {"y": "\x1f", "x": "\\"}}],
        [],
    ],
)
def test_documents_within_are_canonical_too(nodes: list[Any]) -> None:
    version = FACTORIES[WorkflowVersion]()
    run("UPDATE resources_workflowversion SET nodes = %s::jsonb WHERE id = %s", json.dumps(nodes), version.pk)
    for entry in unattributed():
        assert bytes(entry.body) == canonical(json.loads(bytes(entry.body)))


def test_its_columns_say_what_its_body_says(app: App) -> None:
    """As the verifier compares them."""
    run("UPDATE resources_app SET name = 'Sight' WHERE id = %s", app.pk)
    from auditlog.sealing.rows import UNSEALED

    unattributed()
    with connection.cursor() as cursor:
        cursor.execute(UNSEALED, [app.account_id])
        rows = [(json.loads(header), bytes(body)) for header, body in cursor.fetchall()]
    assert len(rows) > 1
    assert [differing_columns(row[3:LEAF], body) for row, body in rows] == [""] * len(rows)


def test_what_may_not_be_shown_is_masked() -> None:
    user, token = UserFactory(), TokenFactory()
    settle()
    run("UPDATE accounts_user SET password = 'x', email = 'other@example.com', last_name = 'Y' WHERE id = %s", user.pk)
    run("UPDATE accounts_token SET digest = 'abc' WHERE id = %s", token.pk)
    person, key = unattributed()
    masked = ["[masked]", "[masked]"]
    assert changes_of(person) == {"password": masked, "email": masked, "last_name": masked}
    assert changes_of(key) == {"digest": masked}
    assert b"other@example.com" not in bytes(person.body)


def test_bookkeeping_is_none() -> None:
    token = TokenFactory()
    run("UPDATE accounts_token SET last_used_at = now() WHERE id = %s", token.pk)
    run("UPDATE accounts_user SET last_login = now(), theme = 'dark'")
    models.QuerySet.update(Token.objects.all(), last_used_at=None)
    assert unattributed() == []


def test_an_update_that_changes_nothing_is_none(app: App) -> None:
    run("UPDATE resources_app SET name = name")
    assert unattributed() == []


def test_raw_sql_beside_a_recorded_change_is_found(app: App) -> None:
    other = AppFactory(account=app.account)
    settle()
    app.name = "Recorded"
    app.save()
    run("UPDATE resources_app SET name = 'Raw' WHERE id = %s", other.pk)
    assert [changes_of(entry)["name"] for entry in unattributed()] == [[other.name, "Raw"]]


def test_what_a_savepoint_took_back_excuses_nothing(app: App) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        app.name = "Never"
        app.save()
        raise ZeroDivisionError
    run("UPDATE resources_app SET name = 'Raw' WHERE id = %s", app.pk)
    assert len(unattributed()) == 1


@pytest.mark.django_db(transaction=True)
def test_the_next_transaction_begins_anew() -> None:
    app = AppFactory()
    app.name = "Recorded"
    app.save()
    run("UPDATE resources_app SET name = 'Raw' WHERE id = %s", app.pk)
    assert Entry.objects.with_operation(Operation.LOG_UNATTRIBUTED_CHANGE).count() == 1


STALE = ("''", "',resources_app:*,'", "'|,resources_app:*,'", "'1|,resources_app:*,'", "'{gone'")


@pytest.mark.parametrize("scope", ["SESSION", "LOCAL"])
@pytest.mark.parametrize("value", STALE)
def test_a_setting_that_is_not_of_this_transaction_excuses_nothing(app: App, scope: str, value: str) -> None:
    run(f"SET {scope} controlcenter.observed = {value}; SET {scope} controlcenter.gone = {value}")
    run("UPDATE resources_app SET name = 'Raw' WHERE id = %s", app.pk)
    run("DELETE FROM resources_app WHERE id = %s", app.pk)
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert Entry.objects.with_operation(Operation.LOG_UNATTRIBUTED_CHANGE).count() == 2


def test_nor_does_it_hinder_the_recorder(app: App) -> None:
    run("SET SESSION controlcenter.observed = ',resources_app:*,'")
    app.name = "Recorded"
    app.save()
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    assert not Entry.objects.with_operation(Operation.LOG_UNATTRIBUTED_CHANGE).exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_whose_entry_can_t_be_written_does_not_happen() -> None:
    app = AppFactory(name="Vision")
    run("ALTER TABLE auditlog_entry ADD CONSTRAINT full_disk CHECK (id IS NULL) NOT VALID")
    try:
        with pytest.raises(Exception, match="full_disk"):
            run("UPDATE resources_app SET name = 'Raw' WHERE id = %s", app.pk)
    finally:
        run("ALTER TABLE auditlog_entry DROP CONSTRAINT full_disk")
    assert App.objects.get().name == "Vision"


def _after_much_else(app: App) -> None:
    settle()
    run("SELECT set_config('controlcenter.observed', pg_current_xact_id() || '|' || repeat('x', 20001), true)")
    for name in ("One", "Other"):
        app.name = name
        app.save()


WAYS: dict[str, Callable[[App], object]] = {
    "bulk_create": lambda app: App.objects.bulk_create(
        App(account=app.account, slug=f"many-{number}", name="Many") for number in range(MOST_NAMED + 1)
    ),
    "update": lambda app: App.objects.update(name="Updated"),
    "bulk_update": lambda app: App.objects.bulk_update([app], ["name"]),
    "delete": lambda app: app.account.delete(),
    "empty to null": lambda app: WorkflowVersion.objects.update(description=""),
    "after much else": _after_much_else,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_recorder_observed_is_none(app: App, way: str) -> None:
    FACTORIES[WorkflowVersion](workflow=FACTORIES[Workflow](app=app))
    WAYS[way](app)
    assert unattributed() == []


@pytest.mark.parametrize("model", FACTORIES, ids=lambda model: model.__name__)
def test_every_tracked_table_is_watched(model: type[DjangoModel]) -> None:
    row = FACTORIES[model]()
    assert unattributed() == []
    for relation in model._meta.related_objects:  # What hangs on it is gone first.
        table: Any = relation.related_model
        if not isinstance(relation, models.ManyToManyRel):
            run(f"DELETE FROM {table._meta.db_table} WHERE {relation.field.column} = %s", row.pk)  # noqa: S608
    before = len(unattributed())
    run(f"UPDATE {model._meta.db_table} SET id = id")  # noqa: S608
    assert len(unattributed()) == before
    if model not in (Plan, User, Account):
        run(f"DELETE FROM {model._meta.db_table} WHERE id = %s", row.pk)  # noqa: S608
        assert len(unattributed()) == before + 1


WRITES = re.compile(
    r"\b(INSERT INTO auditlog_entry\b(?! SELECT)|Entry\.objects\.(create|bulk_create)|\bEntry\([a-z_]+=)"
)
WRITERS = {
    "auditlog/recorder.py",
    "auditlog/migrations/0010_unattributed.py",
    "auditlog/partitions.py",  # moves entries from the default partition into their month
}


def test_two_write_entries_and_nobody_else() -> None:
    packages = ("accounts", "auditlog", "controlcenter")
    files = (file for package in packages for file in (settings.BASE_DIR / package).rglob("*.py"))
    found = {str(file.relative_to(settings.BASE_DIR)) for file in files if WRITES.search(file.read_text())}
    assert found == WRITERS


# The triggers themselves


def test_each_tracked_table_has_its_triggers() -> None:
    assert differing() == []
    assert {row.model for row in TRACKED} == FACTORIES.keys()


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TRIGGER unattributed_change ON resources_app",
        "ALTER TABLE resources_app DISABLE TRIGGER unattributed_change",
        "COMMENT ON TRIGGER unattributed_change ON resources_app IS 'other'",
    ],
)
def test_a_check_finds_a_trigger_that_is_off_and_migrate_makes_it_anew(harm: str) -> None:
    settle()
    run(harm)
    assert differing() == [("resources_app", "unattributed_change")]
    [problem] = [
        problem for problem in run_checks(databases=["default"], tags=["database"]) if problem.id == "auditlog.W003"
    ]
    assert "resources_app" in problem.msg
    assert any("Changes of resources_app past" in alarm.sentence for alarm in alarms(timezone.now()))
    install()
    assert differing() == []
    assert not any("past the application" in alarm.sentence for alarm in alarms(timezone.now()))


def test_members_are_told_by_their_row() -> None:
    member = MemberFactory()
    settle()
    run("UPDATE accounts_member SET role = 'auditor' WHERE id = %s", member.pk)
    [entry] = unattributed()
    assert entry.event["targets"] == []
    assert entry.event["changes"]["database row"] == [None, str(member.pk)]

"""What an entry says about a change, and what writing it costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import pytest
import time_machine
from django.core.serializers import deserialize, serialize
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Invitation, Plan, Team, Token, User
from accounts.roles import Role
from auditlog import recorder
from auditlog.canonical import canonical, leaf_of
from auditlog.events import Change
from auditlog.models import Entry
from auditlog.tracked import TRACKED
from controlcenter.context import acting_as
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, ModelVersion, Module, TeamApp
from controlcenter.tracking import BOOKKEEPING

from . import PASSWORD
from .factories import (
    AccountFactory,
    AppFactory,
    CollaboratorFactory,
    ComputeClusterFactory,
    DeploymentFactory,
    InvitationFactory,
    MemberFactory,
    ModelFactory,
    ModelVersionFactory,
    ModuleFactory,
    ModuleVersionFactory,
    NodepoolFactory,
    People,
    PlanFactory,
    SavedViewFactory,
    SecondFactorFactory,
    TeamAppFactory,
    TeamFactory,
    TeamMemberFactory,
    TokenFactory,
    UserFactory,
    WorkflowFactory,
    WorkflowVersionFactory,
    make_people,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def newest() -> Entry:
    return Entry.objects.newest_first()[0]


def operations(count: int) -> list[int]:
    return [entry.operation for entry in Entry.objects.newest_first()[:count]]


# What is said. The table is written out on purpose: it must not follow the one that it checks.


def a_place() -> dict[str, Any]:
    acme = AccountFactory(slug="acme", name="Acme")
    app = AppFactory(account=acme, slug="vision", name="Vision")
    return {"acme": acme, "app": app, "ben": UserFactory(slug="ben", home=acme)}


MADE: dict[str, tuple[Any, Op, bool, str, str]] = {
    "account": (
        lambda acme, **_: AccountFactory(slug="globex", name="Globex"),
        Op.ORGANIZATION_CREATE, False, "organization:globex", "Create organization 'Globex'",
    ),
    "plan": (
        lambda **_: PlanFactory(slug="gold", name="Gold"),
        Op.PLAN_CREATE, False, "plan:gold", "Create plan 'Gold'",
    ),
    "user": (
        lambda acme, **_: UserFactory(slug="cleo", home=acme),
        Op.USER_CREATE, False, "user:cleo", "Create user 'cleo'",
    ),
    "second factor": (
        lambda ben, **_: SecondFactorFactory(user=ben),
        Op.USER_SECOND_FACTOR_ADD, False, "user:ben", "Set up a second factor of user 'ben'",
    ),
    "member": (
        lambda acme, ben, **_: MemberFactory(account=acme, user=ben, role=Role.AUDITOR),
        Op.ORGANIZATION_MEMBER_ADD, False, "user:ben role:auditor", "Add user 'ben' to the organization as 'Auditor'",
    ),
    "invitation": (
        lambda acme, **_: InvitationFactory(pk=77, account=acme, email="dora@example.com", role=Role.AUDITOR),
        Op.ORGANIZATION_MEMBER_INVITATION_CREATE, False, "invitation:77 role:auditor",
        "Invite 'd…@example.com' to the organization as 'Auditor'",
    ),
    "team": (
        lambda acme, **_: TeamFactory(account=acme, slug="labelers", name="Labelers"),
        Op.ORGANIZATION_TEAM_CREATE, False, "team:labelers", "Create team 'Labelers'",
    ),
    "team member": (
        lambda acme, ben, **_: TeamMemberFactory(
            team=TeamFactory(account=acme, slug="labelers", name="Labelers"),
            member=MemberFactory(account=acme, user=ben),
        ),
        Op.ORGANIZATION_TEAM_MEMBER_ADD, False, "user:ben team:labelers", "Add user 'ben' to team 'Labelers'",
    ),
    "team app": (
        lambda acme, app, **_: TeamAppFactory(
            team=TeamFactory(account=acme, slug="labelers", name="Labelers"), app=app
        ),
        Op.ORGANIZATION_TEAM_APP_ADD, True, "app:vision team:labelers",
        "Add application 'Vision' to team 'Labelers'",
    ),
    "token": (
        lambda acme, ben, **_: TokenFactory(account=acme, user=ben, slug="t1", name="CI"),
        Op.USER_TOKEN_CREATE, False, "token:t1 user:ben", "Create API token 'CI'",
    ),
    "app": (
        lambda acme, **_: AppFactory(account=acme, slug="new", name="New"),
        Op.APPLICATION_CREATE, True, "app:new", "Create application 'New'",
    ),
    "model": (
        lambda app, **_: ModelFactory(app=app, slug="resnet", name="ResNet"),
        Op.MODEL_CREATE, True, "model:resnet app:vision", "Create model 'ResNet'",
    ),
    "model version": (
        lambda app, **_: ModelVersionFactory(model=ModelFactory(app=app, slug="resnet", name="ResNet"), slug="a1"),
        Op.MODEL_VERSION_CREATE, True, "model_version:a1 model:resnet app:vision",
        "Create model version 'a1' for model 'ResNet'",
    ),
    "training": (
        lambda app, **_: ModelVersionFactory(
            model=ModelFactory(app=app, slug="resnet", name="ResNet"), slug="a1", state="training"
        ),
        Op.MODEL_VERSION_TRAIN, True, "model_version:a1 model:resnet app:vision",
        "Train model version 'a1' of model 'ResNet'",
    ),
    "workflow": (
        lambda app, **_: WorkflowFactory(app=app, slug="flow", name="Flow"),
        Op.WORKFLOW_CREATE, True, "workflow:flow app:vision", "Create workflow 'Flow'",
    ),
    "workflow version": (
        lambda app, **_: WorkflowVersionFactory(workflow=WorkflowFactory(app=app, slug="flow", name="Flow"), slug="a1"),
        Op.WORKFLOW_VERSION_CREATE, True, "workflow_version:a1 workflow:flow app:vision",
        "Create workflow version 'a1' for workflow 'Flow'",
    ),
    "module": (
        lambda app, **_: ModuleFactory(app=app, slug="map", name="Map"),
        Op.MODULE_CREATE, True, "module:map app:vision", "Create module 'Map'",
    ),
    "module version": (
        lambda app, **_: ModuleVersionFactory(module=ModuleFactory(app=app, slug="map", name="Map"), slug="a1"),
        Op.MODULE_VERSION_CREATE, True, "module_version:a1 module:map app:vision",
        "Create module version 'a1' for module 'Map'",
    ),
    "collaborator": (
        lambda app, ben, **_: CollaboratorFactory(app=app, user=ben),
        Op.COLLABORATOR_ADD, True, "user:ben app:vision", "Add collaborator 'ben' to application 'Vision'",
    ),
    "cluster": (
        lambda acme, **_: ComputeClusterFactory(account=acme, slug="east", name="East"),
        Op.COMPUTE_CLUSTER_CREATE, False, "compute_cluster:east", "Create compute cluster 'East'",
    ),
    "nodepool": (
        lambda acme, **_: NodepoolFactory(
            cluster=ComputeClusterFactory(account=acme, slug="east", name="East"), slug="gpu"
        ),
        Op.NODEPOOL_CREATE, False, "nodepool:gpu compute_cluster:east",
        "Create nodepool 'gpu' in compute cluster 'East'",
    ),
    "deployment": (
        lambda acme, app, **_: DeploymentFactory(
            nodepool=NodepoolFactory(
                cluster=ComputeClusterFactory(account=acme, slug="east", name="East"), slug="gpu"
            ),
            model_version=ModelVersionFactory(model=ModelFactory(app=app)),
            slug="live",
        ),
        Op.DEPLOYMENT_CREATE, False, "deployment:live nodepool:gpu compute_cluster:east",
        "Create deployment 'live' on nodepool 'gpu'",
    ),
    "view": (
        lambda acme, ben, **_: SavedViewFactory(account=acme, slug="0a1b2c3d", name="Deletions"),
        Op.LOG_VIEW_SAVE, False, "view:0a1b2c3d", "Save the log view 'Deletions'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "operation", "in_app", "targets", "sentence"), MADE.values(), ids=MADE)
def test_it_says_what_was_made_and_where(make: Any, operation: Op, in_app: bool, targets: str, sentence: str) -> None:
    place = a_place()

    made = make(**place)

    entry = newest()
    assert entry.operation == operation
    assert entry.event["sentence"] == sentence
    assert " ".join(f"{target['type']}:{target['id']}" for target in entry.targets) == targets
    assert [(target["type"], target["id"]) for target in entry.event["targets"]] == [
        (target["type"], target["id"]) for target in entry.targets
    ]
    assert bool(entry.app_id) == in_app
    assert entry.account_id == {Account: getattr(made, "pk", 0), Plan: 0}.get(type(made), place["acme"].pk)


def test_every_tracked_model_is_spoken_of() -> None:
    assert len(MADE) == len(TRACKED) + 1  # training a version is told from creating one


CHOSEN: dict[str, tuple[Any, Op]] = {
    "plan change": (lambda: _change(AccountFactory(), plan=PlanFactory()), Op.ORGANIZATION_PLAN_CHANGE),
    "password": (lambda: _change(UserFactory(), password="x"), Op.USER_PASSWORD_CHANGE),
    "password and name": (lambda: _change(UserFactory(), password="x", last_name="X"), Op.USER_PASSWORD_CHANGE),
    "accepted": (
        lambda: _change(InvitationFactory(), state="accepted"),
        Op.ORGANIZATION_MEMBER_INVITATION_ACCEPT,
    ),
    "declined": (
        lambda: _change(InvitationFactory(), state="declined"),
        Op.ORGANIZATION_MEMBER_INVITATION_DECLINE,
    ),
    "cancelled": (
        lambda: _change(InvitationFactory(), state="cancelled"),
        Op.ORGANIZATION_MEMBER_INVITATION_CANCEL,
    ),
    "expired": (lambda: _change(InvitationFactory(), state="expired"), Op.ORGANIZATION_MEMBER_INVITATION_EXPIRE),
    "revoked": (lambda: TokenFactory().revoke(), Op.USER_TOKEN_REVOKE),
    "revived": (lambda: _change(_revoked(), revoked_at=None), Op.USER_TOKEN_UPDATE),
    "transferred": (lambda: _change(AppFactory(), account=AccountFactory()), Op.APPLICATION_TRANSFER),
    "duplicated": (lambda: AppFactory().duplicate("copy", "Copy"), Op.APPLICATION_DUPLICATE),
    "trained": (lambda: ModelFactory().train(), Op.MODEL_VERSION_TRAIN),
    "trainer's report": (
        lambda: ModelFactory().train().report(ModelVersion.State.FAILED, "no data"),
        Op.MODEL_VERSION_UPDATE,
    ),
    "published": (lambda: ModelVersionFactory().publish(), Op.MODEL_VERSION_PUBLISH),
    "unpublished": (lambda: _published(ModelVersionFactory).unpublish(), Op.MODEL_VERSION_UNPUBLISH),
    "workflow published": (lambda: WorkflowVersionFactory().publish(), Op.WORKFLOW_VERSION_PUBLISH),
    "workflow unpublished": (
        lambda: _published(WorkflowVersionFactory).unpublish(),
        Op.WORKFLOW_VERSION_UNPUBLISH,
    ),
    "team app access": (
        lambda: _change(TeamAppFactory(), access=TeamApp.Access.LABELER_LEAD),
        Op.ORGANIZATION_TEAM_APP_CHANGE,
    ),
    "role": (lambda: _change(MemberFactory(), role=Role.AUDITOR), Op.ORGANIZATION_MEMBER_CHANGE),
}


def _change(row: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def _revoked() -> Token:
    token: Token = TokenFactory()
    token.revoke()
    return token


def _published(factory: Any) -> Any:
    version = factory()
    version.publish()
    return version


@pytest.mark.parametrize(("act", "operation"), CHOSEN.values(), ids=CHOSEN)
def test_it_calls_the_operation_by_its_precise_name(act: Any, operation: Op) -> None:
    act()
    assert newest().operation == operation


def test_it_records_a_rename(people: People) -> None:
    app = AppFactory(account=people.acme, name="Vision")
    app.name = "Sight"

    with acting_as(people.owner.as_actor()):
        app.save()

    entry = newest()
    assert (entry.operation, entry.actor_id) == (Op.APPLICATION_UPDATE, people.owner.pk)
    assert entry.event["changes"] == {"name": ["Vision", "Sight"]}
    assert entry.event["sentence"] == "Update application 'Sight'"


def test_it_records_only_what_was_written() -> None:
    app = AppFactory(name="Vision")
    app.name, app.description = "Not saved", "saved"
    app.save(update_fields=["description"])
    assert newest().event["changes"] == {"description": ["", "saved"]}
    assert newest().event["sentence"] == "Update application 'Vision'"


def test_it_records_what_the_database_worked_out() -> None:
    app = AppFactory(name="Vision")
    app.name = Concat(F("name"), Value(" 2"))
    app.save()
    assert newest().event["changes"] == {"name": ["Vision", "Vision 2"]}
    assert newest().event["sentence"] == "Update application 'Vision 2'"


def test_it_records_what_the_database_worked_out_for_many() -> None:
    account = AccountFactory()
    App.objects.bulk_create([App(account=account, slug="a", name=Concat(Value("Vi"), Value("sion")))])
    assert newest().event["changes"]["name"] == [None, "Vision"]


def test_a_deletion_shows_what_was_stored_not_what_was_typed() -> None:
    app = AppFactory(slug="vision", name="Vision")
    app.slug = app.name = "typed"
    app.delete()
    assert newest().event["sentence"] == "Delete application 'Vision'"
    assert newest().event["changes"]["name"] == ["Vision", None]


def test_a_related_thing_is_shown_by_its_public_id() -> None:
    app = AppFactory(account=AccountFactory(slug="acme"))
    app.account = AccountFactory(slug="globex")
    app.save()
    assert newest().event["changes"] == {"account": ["acme", "globex"]}


def test_deleting_what_is_gone_already_is_no_operation() -> None:
    app = AppFactory()
    twin = App.objects.get(pk=app.pk)
    app.delete()
    before = Entry.objects.count()
    twin.delete()
    assert Entry.objects.count() == before


def test_a_row_that_was_never_saved_can_t_be_deleted() -> None:
    with pytest.raises(ValueError, match="never saved"):
        App(slug="ghost").delete()


# What is not said


def test_every_field_is_recorded_or_silent_for_a_reason() -> None:
    reasons = {
        "User.home": "where a person's entries go; set once, and null again only when that account is deleted",
        "User.theme": "how pages look to one person: a preference, and no operation",
        "Account.held_by": "the actor of the hold's entry",
        "Invitation.invited_by": "the actor of the invitation's first entry",
        "SecondFactor.recovery_codes": "secrets, even as digests; how many are left is recorded",
        "SecondFactor.last_step": "bookkeeping: which code was used last",
    }
    silent = {
        f"{row.model.__name__}.{field.name}"
        for row in TRACKED
        for field in row.model._meta.concrete_fields
        if field not in row.fields and field.name not in BOOKKEEPING
    }
    assert silent == set(reasons)
    assert set(BOOKKEEPING) == {"id", "created_at", "updated_at", "last_login", "last_used_at"}


def test_no_recorded_field_is_written_by_a_cascade() -> None:
    """What Django does on deletion, other than deleting, it does without signals."""
    assert [
        field
        for row in TRACKED
        for field in row.fields
        if isinstance(field, models.ForeignKey)
        and field.remote_field.on_delete not in (models.CASCADE, models.PROTECT, models.RESTRICT)
    ] == []


def test_a_password_never_shows() -> None:
    user = UserFactory()
    created = newest()
    user.set_password("another long password")
    user.save()

    assert newest().event["changes"] == {"password": ["[masked]", "[masked]"]}
    for entry in (created, newest()):
        assert PASSWORD.encode() not in bytes(entry.body)
        assert user.password.split("$")[0].encode() + b"$" not in bytes(entry.body)


def test_a_token_never_shows() -> None:
    user = UserFactory()
    token, secret = Token.issue(user, user.home, "CI", ["apps:read"])
    token.revoke()
    token.delete()
    for entry in Entry.objects.all():
        assert secret.encode() not in bytes(entry.body)
        assert token.digest.encode() not in bytes(entry.body)


def test_saving_without_a_change_makes_no_entry() -> None:
    app = AppFactory()
    before = Entry.objects.count()
    app.save()
    App.objects.update(name=app.name)
    App.objects.bulk_update([app], ["name"])
    assert Entry.objects.count() == before


@pytest.mark.parametrize("spelled", ["180", 180.0])
def test_the_same_number_written_differently_makes_no_entry(spelled: Any) -> None:
    plan = PlanFactory(retention_days=180)
    before = Entry.objects.count()
    plan.retention_days = spelled
    plan.save()
    assert Entry.objects.count() == before


def test_signing_in_is_recorded_as_signing_in_only(client: Any, people: People) -> None:
    before = Entry.objects.count()
    with transaction.atomic():
        client.force_login(people.member)
    assert Entry.objects.count() == before + 1
    assert newest().operation == Op.USER_SIGN_IN
    assert (newest().actor_id, newest().account_id) == (people.member.pk, people.acme.pk)


# Names are those of the time


@pytest.mark.parametrize("fate", ["renamed", "deleted"])
def test_an_entry_reads_the_same_after_everyone_in_it_is(people: People, fate: str) -> None:
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    team = TeamFactory(account=people.acme, slug="labelers", name="Labelers")
    with acting_as(people.member.as_actor()):
        team.apps.add(app)
    entry = Entry.objects.select_related("subject").get(operation=Op.ORGANIZATION_TEAM_APP_ADD)

    for row in (app, team, people.member):
        if fate == "deleted":
            row.delete()
        else:
            names = {"first_name": "X", "slug": "x"} if isinstance(row, User) else {"name": "X", "slug": "x"}
            _change(row, **names)

    later = Entry.objects.select_related("subject").get(id=entry.id)
    assert later.event == entry.event
    assert later.event["sentence"] == "Add application 'Vision' to team 'Labelers'"
    assert later.subject is not None
    assert (later.subject.full_name, later.subject.slug) == ("Max Member", "max")
    assert later.targets == [{"id": "vision", "type": "app"}, {"id": "labelers", "type": "team"}]


# The body


def test_columns_and_leaf_follow_from_the_body(people: People) -> None:
    with acting_as(people.member.as_actor()):
        AppFactory(account=people.acme)
    entry = newest()
    body = bytes(entry.body)
    assert canonical(entry.event) == body
    assert bytes(entry.leaf) == leaf_of(body)
    assert entry.event["id"] == str(entry.id)
    assert entry.event["account"] == entry.account_id
    assert entry.event["operation"] == {"code": entry.operation, "name": "APPLICATION_CREATE"}
    assert entry.event["time"] == entry.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert entry.event["success"] is entry.success is True


@time_machine.travel("2026-11-22 23:59:59.999999+00:00", tick=False)
def test_rows_written_together_keep_their_order() -> None:
    account = AccountFactory()
    made = App.objects.bulk_create([App(account=account, slug=f"a{n}", name=f"{n}") for n in range(50)])
    entries = Entry.objects.filter(operation=Op.APPLICATION_CREATE).order_by("id")
    assert [entry.app_id for entry in entries] == [app.pk for app in made]


# In the transaction of the change


def test_a_fixture_is_recorded_as_any_other_change() -> None:
    app = AppFactory(name="Vision")
    fixture = serialize("json", [app]).replace("Vision", "Sight")
    for row in deserialize("json", fixture):
        with transaction.atomic():
            row.save()
    assert newest().event["changes"] == {"name": ["Vision", "Sight"]}


@pytest.mark.django_db(transaction=True)
def test_recording_outside_of_a_transaction_is_refused() -> None:
    app = AppFactory()
    with pytest.raises(transaction.TransactionManagementError):
        recorder.record([Change(app, None, {}, app.created_at)])
    with pytest.raises(transaction.TransactionManagementError):
        recorder.record_events([])


@pytest.mark.django_db(transaction=True)
def test_a_save_past_the_transaction_changes_nothing() -> None:
    app = AppFactory(name="Vision")
    app.name = "Changed"
    with pytest.raises(transaction.TransactionManagementError):
        app.save_base()
    with pytest.raises(transaction.TransactionManagementError):
        App(account=app.account, slug="new", name="New").save_base(raw=True)
    assert list(App.objects.values_list("name", flat=True)) == ["Vision"]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_takes_the_entry_with_it() -> None:
    app = AppFactory(name="Vision")
    before = Entry.objects.count()
    with pytest.raises(KeyError), transaction.atomic():  # noqa: PT012
        app.delete()
        raise KeyError
    assert App.objects.exists()
    assert Entry.objects.count() == before


def _elsewhere(work: Any) -> Thread:
    """Start work on a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


@contextmanager
def _first(work: Any) -> Iterator[None]:
    """Do work in another transaction that stays open for a moment after the block was entered."""
    done, go_on = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            work()
            done.set()
            go_on.wait(0.3)

    thread = _elsewhere(hold)
    assert done.wait(60)
    yield
    go_on.set()
    thread.join()


RENAMES: dict[str, Any] = {
    "save": lambda app, name: _change(app, name=name),
    "update": lambda app, name: App.objects.filter(pk=app.pk).update(name=name),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", RENAMES)
def test_the_before_of_the_second_is_the_after_of_the_first(way: str) -> None:
    app = AppFactory(name="one")
    stale = App.objects.get(pk=app.pk)

    with _first(lambda: RENAMES[way](app, "two")):
        RENAMES[way](stale, "three")

    renames = Entry.objects.filter(operation=Op.APPLICATION_UPDATE).order_by("id")
    assert [entry.event["changes"]["name"] for entry in renames] == [["one", "two"], ["two", "three"]]


DELETIONS: dict[str, Any] = {
    "delete": lambda model: model.delete(),
    "QuerySet.delete": lambda model: type(model).objects.filter(pk=model.pk).delete(),
    "cascade": lambda model: model.app.delete(),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", DELETIONS)
def test_what_two_delete_at_once_is_deleted_once(way: str) -> None:
    model = ModelFactory()
    twin = type(model).objects.get(pk=model.pk)

    with _first(model.delete):
        DELETIONS[way](twin)

    assert Entry.objects.filter(operation=Op.MODEL_DELETE).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", DELETIONS)
def test_a_deletion_shows_what_somebody_else_wrote_last(way: str) -> None:
    model = ModelFactory(name="one")
    twin = type(model).objects.get(pk=model.pk)

    with _first(lambda: _change(model, name="two")):
        DELETIONS[way](twin)

    [deletion] = Entry.objects.filter(operation=Op.MODEL_DELETE)
    assert deletion.event["changes"]["name"] == ["two", None]


# What it costs


@pytest.fixture
def warm() -> People:
    """Everyone is known already."""
    people = make_people()
    with acting_as(people.owner.as_actor()):
        AppFactory(account=people.acme)
    return people


@contextmanager
def statements(people: People) -> Iterator[CaptureQueriesContext]:
    with acting_as(people.owner.as_actor()), CaptureQueriesContext(connection) as captured:
        yield captured


def _starting(captured: CaptureQueriesContext, *verbs: str) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if query["sql"].startswith(verbs)]


def inserts(captured: CaptureQueriesContext) -> int:
    return len(_starting(captured, "INSERT INTO auditlog_entry"))


@pytest.mark.django_db(transaction=True)
def test_a_creation_costs_one_insert_more(warm: People) -> None:
    with statements(warm) as captured:
        App.objects.create(account=warm.acme, slug="new", name="New")
    assert len(_starting(captured, "INSERT", "UPDATE", "SELECT")) == 2
    assert inserts(captured) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [{}, {"update_fields": ["name"]}, {"force_update": True}])
def test_an_update_costs_one_message_more(warm: People, options: dict[str, Any]) -> None:
    app = warm.acme.apps.get()
    app.name = "Renamed"
    with statements(warm) as captured:
        app.save(**options)
    update, insert = _starting(captured, "INSERT", "UPDATE", "SELECT")
    assert update.startswith("SELECT")  # what it was, and held until the end, by the message that changes it
    assert "FOR NO KEY UPDATE; UPDATE" in update
    assert insert.startswith("INSERT INTO auditlog_entry")


@pytest.mark.django_db(transaction=True)
def test_what_is_all_of_its_transaction_is_committed_by_the_message_that_records_it(warm: People) -> None:
    app = warm.acme.apps.get()
    for change in (lambda: AppFactory(account=warm.acme), app.save, app.delete):
        app.name += "!"
        with statements(warm) as captured:
            change()
        [recorded] = _starting(captured, "INSERT INTO auditlog_entry")
        assert recorded.endswith("; COMMIT")


@pytest.mark.django_db(transaction=True)
def test_what_is_part_of_a_transaction_is_committed_with_it(warm: People) -> None:
    app = warm.acme.apps.get()
    with statements(warm) as captured, pytest.raises(KeyError), transaction.atomic():  # noqa: PT012
        _change(app, name="Renamed")
        app.delete()
        raise KeyError
    assert not [query["sql"] for query in captured.captured_queries if query["sql"].endswith("; COMMIT")]
    assert warm.acme.apps.get().name != "Renamed"


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_at_the_commit_is_no_fault_of_the_log(warm: People) -> None:
    before = Entry.objects.count()
    with pytest.raises(IntegrityError, match="held_by"):
        _change(warm.acme, name="Renamed", held_by_id=1_000_000_000)
    assert Account.objects.get(pk=warm.acme.pk).name != "Renamed"
    assert Entry.objects.count() == before


def test_what_is_saved_after_somebody_deleted_it_is_created() -> None:
    app = AppFactory(name="Vision")
    App.objects.filter(pk=app.pk).delete()
    app.save()
    assert newest().operation == Op.APPLICATION_CREATE
    assert newest().event["changes"]["name"] == [None, "Vision"]


def test_a_deletion_asks_nothing_of_what_the_row_belongs_to(people: People) -> None:
    app = AppFactory(account=people.acme)
    with CaptureQueriesContext(connection) as captured:
        app.delete()
    assert not [query for query in captured.captured_queries if 'FROM "accounts_account"' in query["sql"]]
    assert newest().event["changes"]["account"] == [people.acme.slug, None]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("modules", [0, 3])
def test_a_deletion_asks_once_for_what_it_takes_along(warm: People, modules: int) -> None:
    app = warm.acme.apps.get()
    for number in range(modules):
        Module.objects.create(app=app, slug=f"module-{number}", name="Module")
    with statements(warm) as captured:
        app.delete()
    held, asked, *further = _starting(captured, "SELECT")
    assert held.endswith('FOR UPDATE OF "resources_app"')
    assert asked.count("EXISTS") == 5
    assert len(further) == (2 if modules else 0)  # the modules, and their versions
    assert (len(_starting(captured, "DELETE")), inserts(captured)) == (2 if modules else 1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rows", [2, 1000])
def test_creating_many_costs_one_insert_more(warm: People, rows: int) -> None:
    new = [App(account=warm.acme, slug=f"new-{n}", name=f"New {n}") for n in range(rows)]
    with statements(warm) as captured:
        App.objects.bulk_create(new)
    assert len(_starting(captured, "INSERT", "UPDATE", "SELECT")) == 2
    assert inserts(captured) == 1
    assert Entry.objects.filter(app_id__in=[app.pk for app in new]).count() == rows


def _cost(people: People, prepare: Any, act: Any, rows: int) -> tuple[int, int]:
    """Return how many entry INSERTs and how many SELECTs it takes."""
    account = AccountFactory()
    prepare(account, rows)
    before = Entry.objects.count()
    with statements(people) as captured:
        act(Account.objects.get(pk=account.pk))
    assert Entry.objects.count() - before >= rows
    return inserts(captured), len(_starting(captured, "SELECT"))


MANY: dict[str, tuple[Any, Any]] = {
    "update": (
        lambda account, rows: AppFactory.create_batch(rows, account=account),
        lambda account: account.apps.update(description="same"),
    ),
    "delete": (
        lambda account, rows: AppFactory.create_batch(rows, account=account),
        lambda account: account.apps.all().delete(),
    ),
    "cascade": (
        lambda account, rows: ModelFactory.create_batch(rows, app=AppFactory(account=account)),
        lambda account: account.apps.get().delete(),
    ),
    "deep cascade": (
        lambda account, rows: [
            ModelVersionFactory(model__app__account=account) and TeamMemberFactory(team__account=account)
            for _ in range(rows // 2)
        ],
        lambda account: account.delete(),
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", MANY)
def test_many_cost_as_many_statements_as_few(warm: People, way: str) -> None:
    prepare, act = MANY[way]
    few, many = (_cost(warm, prepare, act, rows) for rows in (4, 100))
    assert few == many
    assert few[0] == 1


# Things that hang together


def test_deleting_an_organization_records_all_that_goes_with_it(people: People) -> None:
    app = AppFactory(account=people.acme, slug="vision")
    ModelVersionFactory(model=ModelFactory(app=app, slug="resnet"), slug="a1")
    team = TeamFactory(account=people.acme, slug="labelers")
    team.members.set(people.acme.members.all())
    team.apps.add(app)
    before = Entry.objects.count()

    people.acme.delete()

    deleted = [Op(operation).name for operation in sorted(operations(Entry.objects.count() - before))]
    assert deleted == [
        "ORGANIZATION_MEMBER_REMOVE",
        "ORGANIZATION_MEMBER_REMOVE",
        "ORGANIZATION_TEAM_DELETE",
        "ORGANIZATION_TEAM_MEMBER_REMOVE",
        "ORGANIZATION_TEAM_MEMBER_REMOVE",
        "ORGANIZATION_TEAM_APP_REMOVE",
        "ORGANIZATION_DELETE",
        "MODEL_DELETE",
        "MODEL_VERSION_DELETE",
        "APPLICATION_DELETE",
    ]
    assert set(Entry.objects.newest_first()[:10].values_list("account_id", flat=True)) == {
        Entry.objects.get(operation=Op.ORGANIZATION_DELETE).account_id
    }


def test_a_duplicate_records_its_parts_in_one_insert(people: People) -> None:
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    ModelVersionFactory(model=ModelFactory(app=app))
    WorkflowVersionFactory(workflow=WorkflowFactory(app=app))
    with CaptureQueriesContext(connection) as captured:
        app.duplicate("copy", "Copy")
    assert inserts(captured) == 1
    assert set(operations(5)) == {
        Op.APPLICATION_DUPLICATE,
        Op.MODEL_CREATE,
        Op.MODEL_VERSION_CREATE,
        Op.WORKFLOW_CREATE,
        Op.WORKFLOW_VERSION_CREATE,
    }
    assert Entry.objects.get(operation=Op.APPLICATION_DUPLICATE).event["sentence"] == (
        "Duplicate application 'vision' as 'Copy'"
    )


def test_deleting_a_pending_invitation_cancels_it() -> None:
    invitation = InvitationFactory(state=Invitation.State.PENDING)
    invitation.delete()
    assert newest().operation == Op.ORGANIZATION_MEMBER_INVITATION_CANCEL


def test_moving_somebody_to_another_team_says_where_to(people: People) -> None:
    place = TeamMemberFactory(team__name="Old", member__user__slug="ben")
    place.team = TeamFactory(account=place.team.account, slug="new", name="New")
    place.save()
    assert newest().event["sentence"] == "Add user 'ben' to team 'New'"
    assert isinstance(place.team, Team)


@pytest.mark.parametrize(("before", "after"), [(0.5, "0.5"), (1, True), ([1], ["1"]), ({"a": 0.5}, {"a": "0.5"})])
def test_it_records_that_a_number_became_text(before: Any, after: Any) -> None:
    version = WorkflowVersionFactory(nodes=before)
    version.nodes = after
    version.save()
    assert Entry.objects.filter(operation=Op.WORKFLOW_VERSION_UPDATE).count() == 1

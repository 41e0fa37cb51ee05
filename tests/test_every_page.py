"""Every address there is × every role × a stranger × nobody: who gets in, and what the log says of it.

An address without a row here fails, so that no page comes into being unguarded.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from accounts.models import Member, User
from accounts.roles import Permission, Reach, Role, reach_of
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import ModelVersion, TeamApp

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
    SavedViewFactory,
    SecondFactorFactory,
    TeamFactory,
    TeamMemberFactory,
    TokenFactory,
    UserFactory,
    WorkflowFactory,
    WorkflowVersionFactory,
    make_people,
)

pytestmark = pytest.mark.django_db

ALL = None
"""Instead of a permission: every member of the account."""


class Row(NamedTuple):
    """A page that changes something: what it attempts, who may, where it is in acme, and a form that is in order."""

    operation: Op
    permission: Permission | None
    at: dict[str, str]
    form: dict[str, Any]


APP = {"app_slug": "vision"}
MODEL, MODEL_V1 = {**APP, "slug": "detector"}, {**APP, "slug": "detector", "version_slug": "model-v1"}
WORKFLOW, WORKFLOW_V1 = {**APP, "slug": "pipeline"}, {**APP, "slug": "pipeline", "version_slug": "workflow-v1"}
MODULE, MODULE_V1 = {**APP, "slug": "board"}, {**APP, "slug": "board", "version_slug": "module-v1"}
PUBLISHED, TRAINING = {"version_slug": "published"}, {"version_slug": "training"}
PARTS = Permission.MANAGE_RESOURCES

TEAMS, TEAM = Permission.MANAGE_TEAMS, {"team_slug": "quality"}
TEAM_APP, TEAM_MEMBER = {**TEAM, **APP}, {**TEAM, "user_slug": "max"}
COLLABORATORS, CARLA = Permission.MANAGE_COLLABORATORS, {**APP, "user_slug": "carla"}
COMPUTE, CLUSTER = Permission.MANAGE_COMPUTE, {"cluster_slug": "cluster"}
NODEPOOL = {**CLUSTER, "nodepool_slug": "pool"}
DEPLOYMENT = {**NODEPOOL, "deployment_slug": "deployment"}
TOKEN = {"token_slug": "token"}
VIEW = {"view_slug": "0badcafe"}
MEMBERS, INVITATION = Permission.MANAGE_MEMBERS, {"invitation_id": "700000"}

CHANGING: dict[str, Row] = {
    "token-create": Row(Op.USER_TOKEN_CREATE, ALL, {}, {"name": "New", "scopes": ["apps:read"]}),
    "token-edit": Row(Op.USER_TOKEN_UPDATE, ALL, TOKEN, {"name": "Other"}),
    "token-revoke": Row(Op.USER_TOKEN_REVOKE, ALL, TOKEN, {"reason": "Not used any more"}),
    "invitation-create": Row(Op.ORGANIZATION_MEMBER_INVITATION_CREATE, MEMBERS, {}, {"emails": "new@example.com"}),
    "invitation-resend": Row(Op.ORGANIZATION_MEMBER_INVITATION_CREATE, MEMBERS, INVITATION, {}),
    "invitation-cancel": Row(Op.ORGANIZATION_MEMBER_INVITATION_CANCEL, MEMBERS, INVITATION, {"reason": "A mistake"}),
    "member-role": Row(Op.ORGANIZATION_MEMBER_CHANGE, MEMBERS, {"user_slug": "nina"}, {"role": "auditor"}),
    "member-remove": Row(Op.ORGANIZATION_MEMBER_REMOVE, MEMBERS, {"user_slug": "nina"}, {"reason": "Has left"}),
    "leave": Row(Op.ORGANIZATION_MEMBER_REMOVE, ALL, {}, {"reason": "Another job"}),
    "settings": Row(Op.ORGANIZATION_UPDATE, Permission.MANAGE_ACCOUNT, {}, {"name": "Acme Robotics"}),
    "hold": Row(Op.LOG_HOLD, Permission.HOLD_LOG, {}, {"reason": "Case 17"}),
    "settings-delete": Row(Op.ORGANIZATION_DELETE, Permission.MANAGE_ACCOUNT, {}, {"confirm": "acme"}),
    "plan": Row(Op.ORGANIZATION_PLAN_CHANGE, Permission.MANAGE_ACCOUNT, {}, {"plan": "professional"}),
    "app-create": Row(
        Op.APPLICATION_CREATE, Permission.MANAGE_APPS, {}, {"name": "New", "slug": "new", "visibility": "private"}
    ),
    "app-edit": Row(Op.APPLICATION_UPDATE, Permission.EDIT_APPS, APP, {"description": "Other"}),
    "app-duplicate": Row(Op.APPLICATION_DUPLICATE, Permission.MANAGE_APPS, APP, {"name": "Copy", "slug": "copy"}),
    "app-transfer": Row(Op.APPLICATION_TRANSFER, Permission.TRANSFER_APPS, APP, {"account": "second"}),
    "app-delete": Row(Op.APPLICATION_DELETE, Permission.MANAGE_APPS, APP, {"confirm": "vision"}),
    "model-create": Row(Op.MODEL_CREATE, PARTS, APP, {"name": "New", "slug": "new"}),
    "model-edit": Row(Op.MODEL_UPDATE, PARTS, MODEL, {"name": "Other"}),
    "model-delete": Row(Op.MODEL_DELETE, PARTS, MODEL, {"confirm": "detector"}),
    "model-train": Row(Op.MODEL_VERSION_TRAIN, PARTS, MODEL, {"description": "New"}),
    "model-version-create": Row(Op.MODEL_VERSION_CREATE, PARTS, MODEL, {"description": "New"}),
    "model-version-edit": Row(Op.MODEL_VERSION_UPDATE, PARTS, MODEL_V1, {"description": "Other"}),
    "model-version-report": Row(Op.MODEL_VERSION_UPDATE, PARTS, {**MODEL_V1, **TRAINING}, {"state": "trained"}),
    "model-version-publish": Row(Op.MODEL_VERSION_PUBLISH, PARTS, MODEL_V1, {}),
    "model-version-unpublish": Row(Op.MODEL_VERSION_UNPUBLISH, PARTS, {**MODEL_V1, **PUBLISHED}, {}),
    "model-version-delete": Row(Op.MODEL_VERSION_DELETE, PARTS, MODEL_V1, {}),
    "workflow-create": Row(Op.WORKFLOW_CREATE, PARTS, APP, {"name": "New", "slug": "new"}),
    "workflow-edit": Row(Op.WORKFLOW_UPDATE, PARTS, WORKFLOW, {"name": "Other"}),
    "workflow-delete": Row(Op.WORKFLOW_DELETE, PARTS, WORKFLOW, {"confirm": "pipeline"}),
    "workflow-version-create": Row(Op.WORKFLOW_VERSION_CREATE, PARTS, WORKFLOW, {"nodes": '[{"id": "a"}]'}),
    "workflow-version-edit": Row(Op.WORKFLOW_VERSION_UPDATE, PARTS, WORKFLOW_V1, {"nodes": '[{"id": "b"}]'}),
    "workflow-version-publish": Row(Op.WORKFLOW_VERSION_PUBLISH, PARTS, WORKFLOW_V1, {}),
    "workflow-version-unpublish": Row(Op.WORKFLOW_VERSION_UNPUBLISH, PARTS, {**WORKFLOW_V1, **PUBLISHED}, {}),
    "workflow-version-delete": Row(Op.WORKFLOW_VERSION_DELETE, PARTS, WORKFLOW_V1, {}),
    "module-create": Row(Op.MODULE_CREATE, PARTS, APP, {"name": "New", "slug": "new"}),
    "module-edit": Row(Op.MODULE_UPDATE, PARTS, MODULE, {"name": "Other"}),
    "module-delete": Row(Op.MODULE_DELETE, PARTS, MODULE, {"confirm": "board"}),
    "module-version-create": Row(Op.MODULE_VERSION_CREATE, PARTS, MODULE, {"git_commit": "9f2c1ab"}),
    "module-version-edit": Row(Op.MODULE_VERSION_UPDATE, PARTS, MODULE_V1, {"git_commit": "9f2c1ab"}),
    "module-version-delete": Row(Op.MODULE_VERSION_DELETE, PARTS, MODULE_V1, {}),
    "collaborator-add": Row(
        Op.COLLABORATOR_ADD, COLLABORATORS, APP, {"who": "sam@globex.example", "scopes": ["apps:read"]}
    ),
    "collaborator-edit": Row(Op.COLLABORATOR_UPDATE, COLLABORATORS, CARLA, {"scopes": ["models:read"]}),
    "collaborator-remove": Row(Op.COLLABORATOR_REMOVE, COLLABORATORS, CARLA, {"reason": "Has finished"}),
    "team-create": Row(Op.ORGANIZATION_TEAM_CREATE, TEAMS, {}, {"name": "New", "slug": "new"}),
    "team-edit": Row(Op.ORGANIZATION_TEAM_UPDATE, TEAMS, TEAM, {"name": "Other"}),
    "team-delete": Row(Op.ORGANIZATION_TEAM_DELETE, TEAMS, TEAM, {"confirm": "quality"}),
    "team-members-add": Row(Op.ORGANIZATION_TEAM_MEMBER_ADD, TEAMS, TEAM, {"members": ["nina", "olga"]}),
    "team-member-remove": Row(Op.ORGANIZATION_TEAM_MEMBER_REMOVE, TEAMS, TEAM_MEMBER, {"reason": "Moved on"}),
    "team-apps-add": Row(Op.ORGANIZATION_TEAM_APP_ADD, TEAMS, TEAM, {"apps": ["speech"]}),
    "team-app-edit": Row(Op.ORGANIZATION_TEAM_APP_CHANGE, TEAMS, TEAM_APP, {"access": "labeler_lead"}),
    "team-app-remove": Row(Op.ORGANIZATION_TEAM_APP_REMOVE, TEAMS, TEAM_APP, {"reason": "Not theirs"}),
    "cluster-create": Row(
        Op.COMPUTE_CLUSTER_CREATE, COMPUTE, {}, {"name": "New", "slug": "new", "provider": "gcp", "region": "eu-west3"}
    ),
    "cluster-edit": Row(Op.COMPUTE_CLUSTER_UPDATE, COMPUTE, CLUSTER, {"name": "Other"}),
    "cluster-delete": Row(Op.COMPUTE_CLUSTER_DELETE, COMPUTE, CLUSTER, {"confirm": "cluster"}),
    "nodepool-create": Row(Op.NODEPOOL_CREATE, COMPUTE, CLUSTER, {"slug": "new", "instance_type": "g5.xlarge"}),
    "nodepool-edit": Row(Op.NODEPOOL_UPDATE, COMPUTE, NODEPOOL, {"max_instances": "5"}),
    "nodepool-delete": Row(Op.NODEPOOL_DELETE, COMPUTE, NODEPOOL, {"confirm": "pool"}),
    "deployment-create": Row(
        Op.DEPLOYMENT_CREATE, COMPUTE, NODEPOOL, {"slug": "new", "model_version": "vision/detector/model-v1"}
    ),
    "deployment-edit": Row(Op.DEPLOYMENT_UPDATE, COMPUTE, DEPLOYMENT, {"max_replicas": "5"}),
    "log-view-create": Row(Op.LOG_VIEW_SAVE, Permission.READ_LOG, {}, {"name": "New", "shown_to": "own"}),
    "log-view-edit": Row(Op.LOG_VIEW_SAVE, Permission.READ_LOG, VIEW, {"name": "Other", "shown_to": "own"}),
    "log-view-replace": Row(Op.LOG_VIEW_SAVE, Permission.READ_LOG, VIEW, {"reason": "Better"}),
    "log-view-delete": Row(Op.LOG_VIEW_SAVE, Permission.READ_LOG, VIEW, {"reason": "Not needed"}),
    "deployment-delete": Row(Op.DEPLOYMENT_DELETE, COMPUTE, DEPLOYMENT, {"confirm": "deployment"}),
}
"""Pages of an account that change something."""

PERSONAL = {"token-edit", "log-view-edit", "log-view-replace", "log-view-delete"}
"""Pages about something of one member, here of Max, which nobody else can change, administrators neither."""

OWN: dict[str, Row] = {
    "organization-create": Row(Op.ORGANIZATION_CREATE, ALL, {}, {"name": "New", "slug": "new"}),
    "you": Row(Op.USER_UPDATE, ALL, {}, {"first_name": "Maxine"}),
    "you-recovery-codes": Row(Op.USER_UPDATE, ALL, {}, {"password": PASSWORD}),
    "you-second-factor-remove": Row(Op.USER_SECOND_FACTOR_REMOVE, ALL, {}, {"password": PASSWORD}),
    "you-sign-out-everywhere": Row(Op.USER_SIGN_OUT, ALL, {}, {}),
    "you-password": Row(
        Op.USER_PASSWORD_CHANGE,
        ALL,
        {},
        {"old_password": PASSWORD, "new_password1": "another-long-secret", "new_password2": "another-long-secret"},
    ),
}
"""Pages that change something of who is signed in: as CHANGING, but everybody has their own."""

READING: dict[str, tuple[Permission | None, dict[str, str]]] = {
    "tokens": (ALL, {}),
    "members": (ALL, {}),
    "member": (ALL, {"user_slug": "nina"}),
    "invitations": (MEMBERS, {}),
    "overview": (ALL, {}),
    "logs": (Permission.READ_LOG, {}),
    "log-results": (Permission.READ_LOG, {}),
    "log-suggestions": (Permission.READ_LOG, {}),
    "log-newer": (Permission.READ_LOG, {}),
    "log-histogram": (Permission.READ_LOG, {}),
    "log-views": (Permission.READ_LOG, {}),
    "log-copy": (Permission.READ_LOG, {}),
    "log-integrity": (Permission.EXPORT_LOG, {}),
    "log-integrity-document": (Permission.EXPORT_LOG, {"part": "keys"}),
    "apps": (ALL, {}),
    "app": (ALL, APP),
    "app-workflows": (ALL, APP),
    "app-modules": (ALL, APP),
    "model": (ALL, MODEL),
    "model-version": (ALL, MODEL_V1),
    "workflow": (ALL, WORKFLOW),
    "workflow-version": (ALL, WORKFLOW_V1),
    "module": (ALL, MODULE),
    "module-version": (ALL, MODULE_V1),
    "collaborators": (ALL, APP),
    "teams": (ALL, {}),
    "team": (ALL, TEAM),
    "compute": (ALL, {}),
    "cluster": (ALL, CLUSTER),
    "nodepool": (ALL, NODEPOOL),
    "deployment": (ALL, DEPLOYMENT),
}
"""Pages of an account that only show something, and who may see it."""

OWN_READING: set[str] = {"you-sign-ins"}
"""Pages that only show something of who is signed in."""

ELSEWHERE = {
    "log-integrity-check": "test_integrity_page: computes, changes nothing but the alarm",
    "hold-release": "test_legal_hold: needs a hold, which stands against other rows",
    "health": "test_health: for everybody",
    "health-log": "test_health: for everybody",
    "log-health": "test_health: for support staff",
    "support": "test_support_access: for support staff",
    "support-open": "test_support_access: for support staff",
    "support-end": "test_support_access: for support staff",
    "home": "leads on",
    "sign-in": "test_sign_in",
    "sign-in-code": "test_second_factor",
    "you-second-factor": "test_second_factor: needs a code",
    "invitation": "test_invitation_pages: for who has the link, whoever it is",
    "sign-out": "test_sign_in",
    "preferences": "test_shell: cookies only",
    "log-entry": "test_log_entry_page",
    "log-display": "test_log_display: changes nothing for anybody else",
    "log-compare-with": "test_log_comparing",
    "log-compare": "test_log_comparing",
    "log-view": "test_saved_views: leads on",
    "log-export": "test_exports: each form sent is a download",
    "log-manifest": "test_exports",
}
"""Pages with tests of their own."""


def make_world() -> People:
    """Create acme with one of everything, named as the rows name it; Max is in a team that has full access."""
    people = make_people()
    acme = people.acme
    app = AppFactory(account=acme, slug="vision", name="Vision")
    model = ModelFactory(app=app, slug="detector", name="Detector")
    ModelVersionFactory(model=model, slug="model-v1", state=ModelVersion.State.TRAINED)
    ModelVersionFactory(model=model, slug="training", state=ModelVersion.State.TRAINING)
    ModelVersionFactory(model=model, slug="published").publish()
    workflow = WorkflowFactory(app=app, slug="pipeline", name="Pipeline")
    WorkflowVersionFactory(workflow=workflow, slug="workflow-v1")
    WorkflowVersionFactory(workflow=workflow, slug="published").publish()
    module = ModuleFactory(app=app, slug="board", name="Board")
    ModuleVersionFactory(module=module, slug="module-v1")
    CollaboratorFactory(app=app, user=UserFactory(slug="carla", email="carla@example.com"))
    cluster = ComputeClusterFactory(account=acme, slug="cluster", name="Cluster")
    nodepool = NodepoolFactory(cluster=cluster, slug="pool")
    DeploymentFactory(nodepool=nodepool, slug="deployment")
    team = TeamFactory(account=acme, slug="quality", name="Quality")
    TeamMemberFactory(team=team, member=Member.objects.get(user=people.member))
    TeamApp.objects.create(team=team, app=app)
    AppFactory(account=acme, slug="speech", name="Speech")
    nina = UserFactory(slug="nina", email="nina@acme.example", home=acme)
    MemberFactory(account=acme, user=nina, role=Role.ADMINISTRATOR)  # so that Olga may leave
    InvitationFactory(account=acme, email="guest@example.com", pk=int(INVITATION["invitation_id"]))
    SecondFactorFactory(user=people.member)
    TokenFactory(account=acme, user=people.member, slug="token", name="Token", scopes=["apps:read"])
    SavedViewFactory(account=acme, owner=Member.objects.get(user=people.member), slug="0badcafe")
    second = AccountFactory(slug="second", name="Second")
    for user in (people.owner, people.member):
        MemberFactory(account=second, user=user, role=Role.ADMINISTRATOR)
    return people


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[People]:
    """One of everything, made once: it takes longer than most tests, whose own changes are rolled back inside."""
    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        made = make_world()
    yield made
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        outer.__exit__(None, None, None)


@pytest.fixture
def people(world: People, db: None) -> People:
    return deepcopy(world)


def named_patterns(patterns: list[Any], prefix: str = "") -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver) and pattern.app_name not in {"admin"} and "v2/" not in str(pattern.pattern):
            yield from named_patterns(pattern.url_patterns, prefix)
        elif isinstance(pattern, URLPattern) and not str(pattern.pattern).startswith("v2/"):
            yield pattern


PATTERNS = {str(pattern.name): pattern for pattern in named_patterns(get_resolver().url_patterns)}


def attempts_of(name: str) -> Op | None:
    operation: Op | None = getattr(PATTERNS[name].callback, "attempts", None)
    return operation


def address(name: str, at: dict[str, str], account: str = "acme") -> str:
    return reverse(name, kwargs={"account_slug": account, **at})


def as_role(people: People, role: Role) -> User:
    Member.objects.filter(user=people.member).update(role=role)
    return people.member


def sent(page: Any, form: dict[str, Any]) -> dict[str, Any]:
    """Return what a browser would send: what the form showed, and what a person changed."""
    shown = page.context["form"] if page.context and "form" in page.context else []
    values = {field.html_name: field.value() for field in shown}
    return {name: value for name, value in {**values, **form}.items() if value is not None}


def told_since(before: int, operation: Op) -> list[Entry]:
    """Return the entries of an operation beyond the first ``before``."""
    return list(Entry.objects.filter(operation=operation).order_by("id"))[before:]


def count_of(operation: Op) -> int:
    return Entry.objects.filter(operation=operation).count()


def code_of(entry: Entry) -> str:
    return str((entry.event["failure"] or {}).get("code", ""))


def may(role: Role, permission: Permission | None) -> bool:
    return permission is None or reach_of(role, permission) is not Reach.NONE


def test_every_address_has_a_row() -> None:
    listed = [*CHANGING, *OWN, *READING, *OWN_READING, *ELSEWHERE]
    assert sorted(listed) == sorted(PATTERNS), set(listed) ^ set(PATTERNS)


def test_each_page_attempts_what_its_row_says() -> None:
    rows = {**CHANGING, **OWN}
    assert {name: attempts_of(name) for name in rows} == {name: row.operation for name, row in rows.items()}
    assert not [name for name in [*READING, *OWN_READING] if attempts_of(name)]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", CHANGING)
def test_a_role_may_change_what_the_table_says(name: str, role: Role, client: Client, people: People) -> None:
    row = CHANGING[name]
    client.force_login(as_role(people, role))
    where = address(name, row.at)
    page, before = client.get(where), count_of(row.operation)
    data = sent(page, row.form)
    response = client.post(where, data)
    if may(role, row.permission):
        assert page.status_code == 200
        assert response.status_code in {200, 302}, response.context and response.context["form"].errors
        told = told_since(before, row.operation)
        assert told
        assert all(entry.success and entry.actor_id == people.member.pk for entry in told)
    else:
        # To open the page of a change is to attempt it; the plan may be looked at by some who can't change it.
        assert page.status_code == 403 or name == "plan"
        assert response.status_code == 403
        told = told_since(before, row.operation)
        assert [(entry.success, code_of(entry)) for entry in told] == [(False, "role_denied")]


@pytest.mark.parametrize("name", CHANGING)
def test_a_stranger_changes_nothing(name: str, client: Client, people: People) -> None:
    row = CHANGING[name]
    client.force_login(people.stranger)
    where, before = address(name, row.at), count_of(row.operation)
    assert client.get(where).status_code == 404
    assert client.post(where, row.form).status_code == 404
    assert [code_of(entry) for entry in told_since(before, row.operation)] == ["not_a_member"]


@pytest.mark.parametrize("name", CHANGING)
def test_nobody_is_asked_to_sign_in(name: str, client: Client, people: People) -> None:
    row = CHANGING[name]
    where, before = address(name, row.at), count_of(row.operation)
    assert client.get(where)["Location"].startswith(reverse("sign-in"))
    assert client.post(where, row.form)["Location"].startswith(reverse("sign-in"))
    assert [code_of(entry) for entry in told_since(before, row.operation)] == ["not_signed_in"]


@pytest.mark.parametrize("name", CHANGING)
def test_a_form_sent_twice_is_carried_out_once(name: str, client: Client, people: People) -> None:
    row = CHANGING[name]
    client.force_login(people.member if name in PERSONAL else people.owner)
    where = address(name, row.at)
    data = {**sent(client.get(where), row.form), "submission": "0191e7a8-0000-7000-8000-000000000001"}
    before = count_of(row.operation)
    first = client.post(where, data)
    once = Entry.objects.count()
    second = client.post(where, data)
    assert told_since(before, row.operation)
    assert second.status_code == 302
    if first.status_code == 302:
        assert second["Location"] == first["Location"]
    assert Entry.objects.count() == once, "the second leaves no entry"


@pytest.mark.parametrize("name", CHANGING)
def test_what_is_not_there_is_not_found(name: str, client: Client, people: People) -> None:
    row = CHANGING[name]
    client.force_login(people.owner)
    for part in row.at:
        elsewhere = address(name, {**row.at, part: "0" if row.at[part].isdigit() else "nothing"})
        before = count_of(row.operation)
        assert client.get(elsewhere).status_code == 404
        assert client.post(elsewhere, row.form).status_code == 404
        assert [code_of(entry) for entry in told_since(before, row.operation)] == ["not_found"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", sorted(PERSONAL))
def test_what_is_personal_is_not_there_for_other_members(name: str, role: Role, client: Client, people: People) -> None:
    row = CHANGING[name]
    Member.objects.filter(user__slug="nina").update(role=role)
    client.force_login(User.objects.get(slug="nina"))
    where, before = address(name, row.at), count_of(row.operation)
    assert client.get(where).status_code == 404
    assert client.post(where, row.form).status_code == 404
    assert [code_of(entry) for entry in told_since(before, row.operation)] == ["not_found"]


@pytest.mark.parametrize("name", OWN)
def test_everybody_changes_their_own(name: str, client: Client, people: People) -> None:
    row = OWN[name]
    where = reverse(name, kwargs=row.at)
    assert client.get(where)["Location"].startswith(reverse("sign-in"))
    assert client.post(where, row.form)["Location"].startswith(reverse("sign-in"))
    client.force_login(people.member)
    before = count_of(row.operation)
    response = client.post(where, sent(client.get(where), row.form))
    assert response.status_code in {200, 302}
    assert [entry.actor_id for entry in told_since(before, row.operation)] == [people.member.pk]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", READING)
def test_a_role_sees_what_the_table_says(name: str, role: Role, client: Client, people: People) -> None:
    permission, at = READING[name]
    client.force_login(as_role(people, role))
    assert client.get(address(name, at)).status_code == (200 if may(role, permission) else 403)
    assert client.post(address(name, at)).status_code == 405
    client.force_login(people.stranger)
    assert client.get(address(name, at)).status_code == 404
    client.logout()
    assert client.get(address(name, at))["Location"].startswith(reverse("sign-in"))


@pytest.mark.parametrize("name", sorted(OWN_READING))
def test_everybody_sees_their_own(name: str, client: Client, people: People) -> None:
    assert client.get(reverse(name))["Location"].startswith(reverse("sign-in"))
    client.force_login(people.member)
    assert client.get(reverse(name)).status_code == 200


UNREACHED = {
    Op.PLAN_CREATE: "support staff, in the admin",
    Op.PLAN_UPDATE: "support staff, in the admin",
    Op.PLAN_DELETE: "support staff, in the admin",
    Op.ORGANIZATION_MEMBER_INVITATION_EXPIRE: "time does it",
    Op.USER_CREATE: "accepting an invitation: tests of invitations",
    Op.USER_DELETE: "no page: people are erased",
    Op.USER_ERASE: "support staff, in the admin: test_erasure",
    Op.LOG_EXPIRE: "the reaper: test_retention",
    Op.LOG_UNATTRIBUTED_CHANGE: "the database itself: test_fence_triggers",
    Op.LOG_RELEASE: "needs a hold: test_legal_hold",
    Op.USER_SIGN_IN: "sign-in",
    Op.USER_SECOND_FACTOR_ADD: "a code that an app makes: test_second_factor",
    Op.USER_SIGN_IN_FAILED: "sign-in",
    Op.ORGANIZATION_MEMBER_ADD: "accepting an invitation: tests of invitations",
    Op.ORGANIZATION_MEMBER_INVITATION_ACCEPT: "the signed link: tests of invitations",
    Op.ORGANIZATION_MEMBER_INVITATION_DECLINE: "the signed link: tests of invitations",
    Op.LOG_VIEW: "looking at the log",
    Op.LOG_SUPPORT_VIEW: "support staff, in the admin",
    Op.LOG_EXPORT: "a download: test_exports",
    Op.SUPPORT_ACCESS: "support staff, in the admin: test_support_access",
}
"""Operations that no page of the tables above attempts, and where they come from."""


def test_every_operation_is_reached_by_a_page() -> None:
    reached = {row.operation for row in (*CHANGING.values(), *OWN.values())}
    assert reached | set(UNREACHED) == set(Op), set(Op) - reached - set(UNREACHED)
    assert not reached & set(UNREACHED)

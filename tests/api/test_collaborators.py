"""Each operation on collaborators through the public client, and what it leaves in the log."""

from typing import Any

import pytest
from clarifai_grpc.grpc.api import resources_pb2 as r
from clarifai_grpc.grpc.api import service_pb2 as s
from clarifai_grpc.grpc.api.status import status_code_pb2 as codes
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, Collaborator
from tests.factories import AppFactory, CollaboratorFactory, People, UserFactory

from .calling import Http, Stub, entries, failure_codes, failures, names, token_for

IN_VISION = r.UserAppIDSet(user_id="acme", app_id="vision")
PATH = "/users/acme/apps/vision/collaborators"


@pytest.fixture
def app(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


@pytest.fixture
def sam(app: App, people: People) -> Collaborator:
    made: Collaborator = CollaboratorFactory(app=app, user=people.stranger, scopes=["apps:read", "models:read"])
    return made


def added(stub: Stub, *collaborators: r.Collaborator) -> Any:
    return stub.PostCollaborators(s.PostCollaboratorsRequest(user_app_id=IN_VISION, collaborators=collaborators))


def by_id(slug: str, *scopes: str) -> r.Collaborator:
    return r.Collaborator(user=r.User(id=slug), scopes=scopes or ["apps:read"])


def by_email(email: str, *scopes: str) -> r.Collaborator:
    return r.Collaborator(user=r.User(primary_email=email), scopes=scopes or ["apps:read"])


def test_it_adds_collaborators_by_id_and_by_address(stub: Stub, app: App, people: People) -> None:
    UserFactory(slug="kim", email="kim@globex.example")
    answer = added(stub, by_id("sam", "models:read", "apps:read"), by_email("Kim@Globex.example"))

    assert answer.status.code == codes.SUCCESS, answer
    first, second = answer.collaborators
    assert (first.id, first.user.id, first.user.first_name, list(first.scopes)) == (
        "sam",
        "sam",
        "Sam",
        ["apps:read", "models:read"],
    )
    assert (second.id, second.user.primary_email, second.app.id) == ("kim", "kim@globex.example", "vision")
    assert answer.app_owner.id == "acme"
    [one, other] = entries(Op.COLLABORATOR_ADD)
    assert (names(one), names(other), one.app_id) == (["sam", "Vision"], ["kim", "Vision"], app.pk)
    assert one.event["actor"]["token_name"] == "ci"


def test_it_lists_collaborators_a_page_at_a_time(stub: Stub, app: App) -> None:
    for slug in ("ann", "bob", "cyd"):
        CollaboratorFactory(app=app, user__slug=slug)
    CollaboratorFactory()
    answer = stub.ListCollaborators(s.ListCollaboratorsRequest(user_app_id=IN_VISION, page=2, per_page=2))
    assert [collaborator.id for collaborator in answer.collaborators] == ["cyd"]
    assert answer.app_owner.id == "acme"


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("merge", ["apps:read", "models:read", "models:write"]),
        ("overwrite", ["models:read", "models:write"]),
        ("remove", ["apps:read"]),
    ],
)
def test_it_changes_scopes(stub: Stub, sam: Collaborator, action: str, left: list[str]) -> None:
    change = r.Collaborator(id="sam", scopes=["models:write", "models:read"])
    answer = stub.PatchCollaborators(
        s.PatchCollaboratorsRequest(user_app_id=IN_VISION, collaborators=[change], action=action)
    )
    assert list(answer.collaborators[0].scopes) == left
    [entry] = entries(Op.COLLABORATOR_UPDATE)
    assert names(entry) == ["sam", "Vision"]
    assert entry.event["changes"]["scopes"][1] == left


def test_it_removes_collaborators(stub: Stub, sam: Collaborator) -> None:
    CollaboratorFactory(app=sam.app, user__slug="kim", user__email="kim@globex.example")
    CollaboratorFactory(app=sam.app, user__slug="kept")
    answer = stub.DeleteCollaborators(
        s.DeleteCollaboratorsRequest(
            user_app_id=IN_VISION, collaborator_ids=["sam"], user_emails=["KIM@globex.example"]
        )
    )
    assert answer.status.code == codes.SUCCESS, answer
    assert [collaborator.user.slug for collaborator in Collaborator.objects.all()] == ["kept"]
    assert {names(entry)[0] for entry in entries(Op.COLLABORATOR_REMOVE)} == {"sam", "kim"}


# Refusals


def test_who_is_not_there_keeps_the_others_out(stub: Stub, app: App) -> None:
    answer = added(stub, by_id("sam"), by_id("ghost"), by_email("nobody@globex.example"))
    assert answer.status.code == codes.CONN_DOES_NOT_EXIST
    assert answer.status.details.startswith("collaborators[1].user is nobody")
    assert not Collaborator.objects.exists()
    assert [entry.event["sentence"] for entry in failures()] == [
        "Add collaborator 'sam' to application 'Vision'",
        "Add collaborator 'ghost' to application 'Vision'",
        "Add collaborator 'collaborators[2].user' to application 'Vision'",
    ]


def test_the_log_keeps_no_address_of_somebody_unknown(stub: Stub, sam: Collaborator) -> None:
    added(stub, by_email("nobody@globex.example"))
    answer = stub.DeleteCollaborators(
        s.DeleteCollaboratorsRequest(user_app_id=IN_VISION, user_emails=["nobody@globex.example"])
    )
    assert answer.status.details == "There is no collaborator 'user_emails[0]': check the id."
    assert failure_codes() == ["not_found", "not_found"]
    assert not [entry for entry in Entry.objects.all() if b"nobody@" in bytes(entry.body)]


def test_who_can_t_sign_in_is_nobody(stub: Stub, app: App, people: People) -> None:
    User.objects.filter(pk=people.stranger.pk).update(is_active=False)
    assert added(stub, by_id("sam")).status.code == codes.CONN_DOES_NOT_EXIST


@pytest.mark.parametrize(
    ("collaborator", "told", "code"),
    [
        (by_id("max"), "is a member of Acme", "conflict"),
        (by_id("sam"), "collaborates on Vision already", "conflict"),
        (by_id("kim", "apps:write"), "There is no scope apps:write", "invalid"),
        (r.Collaborator(user=r.User(id="kim")), "Choose at least one scope", "invalid"),
        (r.Collaborator(scopes=["apps:read"]), "collaborators[0].user is nobody", "not_found"),
    ],
)
def test_who_can_t_be_a_collaborator(
    stub: Stub, sam: Collaborator, collaborator: r.Collaborator, told: str, code: str
) -> None:
    UserFactory(slug="kim")
    assert told in added(stub, collaborator).status.details
    assert failure_codes() == [code]
    assert Collaborator.objects.count() == 1


def test_somebody_stands_in_a_list_once(stub: Stub, app: App) -> None:
    assert "'sam' stands twice" in added(stub, by_id("sam"), by_email("sam@globex.example")).status.details
    assert failure_codes() == ["invalid", "invalid"]


def test_the_last_scope_is_not_taken(stub: Stub, sam: Collaborator) -> None:
    change = r.Collaborator(id="sam", scopes=["apps:read", "models:read"])
    answer = stub.PatchCollaborators(
        s.PatchCollaboratorsRequest(user_app_id=IN_VISION, collaborators=[change], action="remove")
    )
    assert "remove the collaborator" in answer.status.details
    sam.refresh_from_db()
    assert (sam.scopes, failure_codes()) == (["apps:read", "models:read"], ["invalid"])


def test_an_unknown_one_stops_a_removal(stub: Stub, sam: Collaborator) -> None:
    CollaboratorFactory(user__slug="elsewhere", user__email="else@globex.example")
    for request in (
        s.DeleteCollaboratorsRequest(user_app_id=IN_VISION, collaborator_ids=["sam", "elsewhere"]),
        s.DeleteCollaboratorsRequest(
            user_app_id=IN_VISION, collaborator_ids=["sam"], user_emails=["else@globex.example"]
        ),
    ):
        assert stub.DeleteCollaborators(request).status.code == codes.CONN_DOES_NOT_EXIST
    assert Collaborator.objects.count() == 2
    assert failure_codes() == ["not_found"] * 4


def test_scopes_of_tokens(live_server: LiveServer, sam: Collaborator, people: People) -> None:
    reader = Http(live_server.url, token_for(people.owner, people.acme, "collaborators:read", "apps:write"))
    assert reader("GET", PATH).ok
    assert reader("DELETE", PATH, {"collaborator_ids": ["sam"]}).json()["status"]["reason"] == "scope_missing"
    assert [entry.event["sentence"] for entry in failures()] == ["Remove collaborator 'sam'"]


@pytest.mark.parametrize("role", [Role.TEAM_CONTRIBUTOR, Role.ORGANIZATION_USER, Role.FINANCIAL_MANAGER])
def test_a_role_too_low(live_server: LiveServer, sam: Collaborator, people: People, role: Role) -> None:
    Member.objects.filter(user=people.member).update(role=role)
    http = Http(live_server.url, token_for(people.member, people.acme))
    one = {"collaborators": [{"id": "sam", "scopes": ["models:read"]}]}
    for method, body in (("POST", one), ("PATCH", one), ("DELETE", {"collaborator_ids": ["sam"]})):
        assert http(method, PATH, body).json()["status"]["reason"] == "role_denied"
    assert [entry.operation for entry in failures()] == [700, 701, 702]
    assert Collaborator.objects.get().scopes == ["apps:read", "models:read"]


def test_collaborators_of_others_do_not_exist(http: Http, people: People, app: App) -> None:
    theirs = CollaboratorFactory(app__account=people.stranger.home, app__slug="secret").app
    path = f"/users/{theirs.account.slug}/apps/secret/collaborators"
    assert http("GET", path).status_code == http("GET", "/users/acme/apps/secret/collaborators").status_code == 404
    assert http("POST", path, {"collaborators": [{"id": "max", "scopes": ["apps:read"]}]}).status_code == 404
    [entry] = failures()
    assert (entry.account_id, entry.event["failure"]["code"]) == (theirs.account_id, "not_a_member")

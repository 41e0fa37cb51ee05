"""Each operation on organizations over plain HTTP, and what it leaves in the log."""

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Token
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation as Op
from tests.factories import AccountFactory, MemberFactory, People

from .calling import Http, done, entries, failure_codes, failures, names, refused, token_for

ORGANIZATIONS = "/organizations"
ACME = f"{ORGANIZATIONS}/acme"


def test_it_creates_organizations(http: Http, people: People) -> None:
    body = {"organizations": [{"id": "labs", "name": "Labs"}, {"id": "shop"}]}
    made = done(http("POST", ORGANIZATIONS, body))["organizations"]
    assert [(one["id"], one["name"], one["plan_id"]) for one in made] == [
        ("labs", "Labs", "community"),
        ("shop", "shop", "community"),
    ]
    labs = Account.objects.get(slug="labs")
    assert [(who.user.slug, who.role) for who in labs.members.all()] == [("olga", Role.ADMINISTRATOR)]
    first = entries(Op.ORGANIZATION_CREATE)[-2]
    assert (first.account_id, names(first), first.event["actor"]["token_name"]) == (labs.pk, ["Labs"], "ci")


def test_the_token_stays_one_for_its_own_account(http: Http) -> None:
    done(http("POST", ORGANIZATIONS, {"organizations": [{"id": "labs"}]}))
    refused(http("GET", "/organizations/labs"), 404, "not_found")


def test_it_creates_all_or_none(http: Http, people: People) -> None:
    before = Account.objects.count()
    taken = {"organizations": [{"id": "labs"}, {"id": "acme"}]}
    assert "'acme' exists already" in refused(http("POST", ORGANIZATIONS, taken), 409, "conflict")
    wrong = {"organizations": [{"id": "labs"}, {"id": "No!"}]}
    assert "organizations[1].id is 'No!'" in refused(http("POST", ORGANIZATIONS, wrong), 422, "invalid")
    assert Account.objects.count() == before
    assert failure_codes() == ["conflict", "conflict", "invalid", "invalid"]
    assert {entry.account_id for entry in failures()} == {people.acme.pk}


def test_it_gets_the_organization(http: Http) -> None:
    for path in (ACME, "/organizations/me"):
        told = done(http("GET", path))["organization"]
        assert (told["id"], told["name"], told["plan_id"]) == ("acme", "Acme", "enterprise")


def test_only_some_roles_see_the_plan(live_server: LiveServer, people: People) -> None:
    http = Http(live_server.url, token_for(people.member, people.acme))
    assert "plan_id" not in done(http("GET", ACME))["organization"]


def test_it_renames(http: Http, people: People) -> None:
    body = {"organization": {"id": "acme", "name": "Acme 2"}, "action": "overwrite"}
    assert done(http("PATCH", ACME, body))["organization"]["name"] == "Acme 2"
    [entry] = entries(Op.ORGANIZATION_UPDATE)
    assert entry.event["changes"] == {"name": ["Acme", "Acme 2"]}


def test_an_id_stays(http: Http, people: People) -> None:
    assert "an id stays" in refused(http("PATCH", ACME, {"organization": {"id": "acme-2"}}), 422, "invalid")
    refused(http("PATCH", ACME, {"organization": {"name": ""}}), 422, "invalid")
    assert Account.objects.filter(slug="acme", name="Acme").exists()


def test_it_changes_the_plan(http: Http, people: People) -> None:
    body = {"plan": {"id": "professional"}}
    assert done(http("PATCH", f"{ACME}/plan", body))["organization"]["plan_id"] == "professional"
    [entry] = entries(Op.ORGANIZATION_PLAN_CHANGE)
    assert entry.event["success"]


def test_an_unknown_plan_is_answered_with_those_there_are(http: Http, people: People) -> None:
    told = refused(http("PATCH", f"{ACME}/plan", {"plan": {"id": "gold"}}), 404, "not_found")
    assert "community, essential, professional, enterprise" in told
    assert [entry.operation for entry in failures()] == [Op.ORGANIZATION_PLAN_CHANGE]


def test_it_deletes_the_organization_and_keeps_its_log(http: Http, people: People) -> None:
    done(http("DELETE", ACME))
    assert not Account.objects.filter(slug="acme").exists()
    assert not Token.objects.exists()
    refused(http("GET", ACME), 401, "token_unknown")
    [entry] = entries(Op.ORGANIZATION_DELETE)
    assert (entry.account_id, entry.event["actor"]["token_name"]) == (people.acme.pk, "ci")


def test_a_personal_account_stays(live_server: LiveServer, people: People) -> None:
    own = AccountFactory(slug="olgas", kind=Account.Kind.PERSONAL)
    MemberFactory(account=own, user=people.owner, role=Role.ADMINISTRATOR)
    http = Http(live_server.url, token_for(people.owner, own))
    assert "personal account" in refused(http("DELETE", "/organizations/olgas"), 422, "invalid")


CHANGES: list[tuple[str, str, Any, Op]] = [
    ("PATCH", ACME, {"organization": {"name": "Acme 2"}}, Op.ORGANIZATION_UPDATE),
    ("PATCH", f"{ACME}/plan", {"plan": {"id": "community"}}, Op.ORGANIZATION_PLAN_CHANGE),
    ("DELETE", ACME, None, Op.ORGANIZATION_DELETE),
]


@pytest.mark.parametrize("role", [Role.ORGANIZATION_CONTRIBUTOR, Role.FINANCIAL_MANAGER])
def test_a_role_that_may_not(live_server: LiveServer, people: People, role: Role) -> None:
    people.acme.members.get(user=people.member).change_role(role)
    http = Http(live_server.url, token_for(people.member, people.acme))
    for method, path, body, _ in CHANGES:
        refused(http(method, path, body), 403, "role_denied")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in CHANGES]


def test_a_scope_too_few(live_server: LiveServer, people: People) -> None:
    http = Http(live_server.url, token_for(people.owner, people.acme, "members:read", "members:write"))
    create = ("POST", ORGANIZATIONS, {"organizations": [{"id": "labs"}]}, Op.ORGANIZATION_CREATE)
    for method, path, body, _ in [create, *CHANGES]:
        assert "organizations:write" in refused(http(method, path, body), 403, "scope_missing")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in [create, *CHANGES]]


def test_organizations_of_others_do_not_exist(live_server: LiveServer, people: People) -> None:
    assert people.stranger.home
    http = Http(live_server.url, token_for(people.stranger, people.stranger.home))
    for method, path, body, _ in CHANGES:
        refused(http(method, path, body), 404, "not_found")
    assert {(entry.account_id, entry.event["failure"]["code"]) for entry in Entry.objects.failed()} == {
        (people.acme.pk, "not_a_member")
    }

"""Each operation on members over plain HTTP, and what it leaves in the log."""

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Member
from accounts.roles import Role
from controlcenter.operations import Operation as Op
from tests.factories import AccountFactory, MemberFactory, People, TeamFactory, TeamMemberFactory

from .calling import Http, done, entries, failure_codes, failures, refused, token_for

MEMBERS = "/users/acme/members"
MAX = f"{MEMBERS}/max"


def role_of(slug: str) -> str:
    return Member.objects.get(account__slug="acme", user__slug=slug).role


def test_it_lists_members_by_user_id(http: Http, people: People) -> None:
    assert [who["id"] for who in done(http("GET", MEMBERS))["members"]] == ["max", "olga"]
    assert [who["id"] for who in done(http("GET", f"{MEMBERS}?per_page=1&page=2"))["members"]] == ["olga"]
    assert [who["id"] for who in done(http("GET", f"{MEMBERS}?search=owner"))["members"]] == ["olga"]


def test_it_gets_a_member(http: Http) -> None:
    told = done(http("GET", MAX))["member"]
    told.pop("created_at")
    assert told == {
        "id": "max",
        "first_name": "Max",
        "last_name": "Member",
        "email": "max@acme.example",
        "role": "organization_contributor",
    }
    refused(http("GET", f"{MEMBERS}/sam"), 404, "not_found")


def test_it_changes_roles(http: Http, people: People) -> None:
    body = {"members": [{"id": "max", "role": "auditor"}], "action": "merge"}
    assert done(http("PATCH", MEMBERS, body))["members"][0]["role"] == "auditor"
    [entry] = entries(Op.ORGANIZATION_MEMBER_CHANGE)
    assert entry.event["changes"] == {"role": ["organization_contributor", "auditor"]}
    assert [target["id"] for target in entry.event["targets"]] == ["max", "auditor"]
    assert entry.event["actor"]["token_name"] == "ci"


def test_administrators_swap_in_any_order(http: Http, people: People) -> None:
    body = {"members": [{"id": "olga", "role": "organization_user"}, {"id": "max", "role": "administrator"}]}
    answer = done(http("PATCH", MEMBERS, body))
    assert [(who["id"], who["role"]) for who in answer["members"]] == [
        ("olga", "organization_user"),
        ("max", "administrator"),
    ]


def test_the_last_administrator_stays_one(http: Http, people: People) -> None:
    body = {"members": [{"id": "max", "role": "auditor"}, {"id": "olga", "role": "auditor"}]}
    assert "last administrator" in refused(http("PATCH", MEMBERS, body), 422, "invalid")
    assert (role_of("max"), role_of("olga")) == ("organization_contributor", "administrator")
    assert "last administrator" in refused(http("DELETE", f"{MEMBERS}/olga"), 422, "invalid")
    assert [entry.operation for entry in failures()] == [
        Op.ORGANIZATION_MEMBER_CHANGE,
        Op.ORGANIZATION_MEMBER_CHANGE,
        Op.ORGANIZATION_MEMBER_REMOVE,
    ]


def test_there_is_no_such_role(http: Http, people: People) -> None:
    told = refused(http("PATCH", MEMBERS, {"members": [{"id": "max", "role": "king"}]}), 422, "invalid")
    assert "members[0].role is 'king'" in told
    assert [entry.operation for entry in failures()] == [Op.ORGANIZATION_MEMBER_CHANGE]


def test_it_changes_all_or_none(http: Http, people: People) -> None:
    body = {"members": [{"id": "max", "role": "auditor"}, {"id": "sam", "role": "auditor"}]}
    assert "'sam'" in refused(http("PATCH", MEMBERS, body), 404, "not_found")
    assert role_of("max") == "organization_contributor"
    assert failure_codes() == ["not_found", "not_found"]


def test_it_removes_a_member_with_their_places_and_tokens(live_server: LiveServer, http: Http, people: People) -> None:
    place = TeamMemberFactory(team=TeamFactory(account=people.acme), member=people.acme.members.get(user=people.member))
    theirs = Http(live_server.url, token_for(people.member, people.acme))
    done(http("DELETE", MAX))
    assert not people.acme.members.filter(user=people.member).exists()
    assert not place.team.members.exists()
    refused(theirs("GET", MEMBERS), 401, "token_revoked")
    [entry] = entries(Op.ORGANIZATION_MEMBER_REMOVE)
    assert entry.event["targets"][0]["id"] == "max"


def test_it_removes_several_or_none(http: Http, people: People) -> None:
    MemberFactory(account=people.acme, user__slug="nina")
    refused(http("DELETE", MEMBERS, {"ids": ["max", "olga", "nina"]}), 422, "invalid")
    assert people.acme.members.count() == 3
    done(http("DELETE", MEMBERS, {"ids": ["max", "nina"]}))
    assert people.acme.members.count() == 1


def test_everybody_may_leave(live_server: LiveServer, people: People) -> None:
    http = Http(live_server.url, token_for(people.member, people.acme))
    refused(http("DELETE", f"{MEMBERS}/olga"), 403, "role_denied")
    done(http("DELETE", MAX))
    assert [who.user.slug for who in people.acme.members.all()] == ["olga"]


def test_the_owner_of_a_personal_account_stays(live_server: LiveServer, people: People) -> None:
    own = AccountFactory(slug="olgas", kind=Account.Kind.PERSONAL)
    MemberFactory(account=own, user=people.owner, role=Role.ADMINISTRATOR)
    http = Http(live_server.url, token_for(people.owner, own))
    assert "personal account" in refused(http("DELETE", "/users/olgas/members/olga"), 422, "invalid")


CHANGES: list[tuple[str, str, Any, Op]] = [
    ("PATCH", MEMBERS, {"members": [{"id": "olga", "role": "auditor"}]}, Op.ORGANIZATION_MEMBER_CHANGE),
    ("DELETE", MEMBERS, {"ids": ["olga"]}, Op.ORGANIZATION_MEMBER_REMOVE),
    ("DELETE", f"{MEMBERS}/olga", None, Op.ORGANIZATION_MEMBER_REMOVE),
]


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_a_role_that_may_not(live_server: LiveServer, people: People, role: Role) -> None:
    people.acme.members.get(user=people.member).change_role(role)
    http = Http(live_server.url, token_for(people.member, people.acme))
    for method, path, body, _ in CHANGES:
        assert "Administrator" in refused(http(method, path, body), 403, "role_denied")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in CHANGES]


def test_a_scope_too_few(live_server: LiveServer, people: People) -> None:
    http = Http(live_server.url, token_for(people.owner, people.acme, "members:read"))
    for method, path, body, _ in CHANGES:
        assert "members:write" in refused(http(method, path, body), 403, "scope_missing")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in CHANGES]
    refused(
        Http(live_server.url, token_for(people.owner, people.acme, "apps:read"))("GET", MEMBERS), 403, "scope_missing"
    )


def test_members_of_others_do_not_exist(live_server: LiveServer, people: People) -> None:
    assert people.stranger.home
    http = Http(live_server.url, token_for(people.stranger, people.stranger.home))
    for method, path, body, _ in [*CHANGES, ("GET", MEMBERS, None, None), ("GET", MAX, None, None)]:
        refused(http(method, path, body), 404, "not_found")
        if path != MEMBERS or method != "GET":
            refused(http(method, path.replace("acme", "me"), body), 404, "not_found")
    assert people.acme.members.count() == 2

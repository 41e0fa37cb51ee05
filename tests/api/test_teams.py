"""Each operation on teams, their members and their apps over plain HTTP, and what it leaves in the log."""

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.models import Team, TeamMember
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, TeamApp
from tests.factories import AppFactory, People, TeamAppFactory, TeamFactory, TeamMemberFactory

from .calling import Http, done, entries, failure_codes, failures, names, refused, token_for

TEAMS = "/users/acme/teams"
RESEARCH = f"{TEAMS}/research"
MEMBERS, APPS = f"{RESEARCH}/members", f"{RESEARCH}/apps"


@pytest.fixture
def research(people: People) -> Team:
    made: Team = TeamFactory(account=people.acme, slug="research", name="Research")
    return made


@pytest.fixture
def vision(people: People) -> App:
    made: App = AppFactory(account=people.acme, slug="vision", name="Vision")
    return made


def test_it_creates_teams(http: Http, people: People) -> None:
    teams = [{"id": "research", "name": "Research", "description": "Tries."}, {"id": "sales"}]
    made = done(http("POST", TEAMS, {"teams": teams}))["teams"]
    assert [(team["id"], team["name"], team["user_id"]) for team in made] == [
        ("research", "Research", "acme"),
        ("sales", "sales", "acme"),
    ]
    assert [names(entry) for entry in entries(Op.ORGANIZATION_TEAM_CREATE)] == [["Research"], ["sales"]]
    assert entries(Op.ORGANIZATION_TEAM_CREATE)[0].event["actor"]["token_name"] == "ci"


def test_it_gets_and_lists_teams(http: Http, research: Team) -> None:
    TeamFactory(account=research.account, slug="sales")
    TeamFactory(slug="elsewhere")
    assert done(http("GET", RESEARCH))["team"]["name"] == "Research"
    assert [team["id"] for team in done(http("GET", TEAMS))["teams"]] == ["research", "sales"]
    assert [team["id"] for team in done(http("GET", f"{TEAMS}?search=sale"))["teams"]] == ["sales"]


def test_it_changes_teams(http: Http, research: Team) -> None:
    body = {"teams": [{"id": "research", "description": "Finds out."}], "action": "merge"}
    assert done(http("PATCH", TEAMS, body))["teams"][0]["description"] == "Finds out."
    [entry] = entries(Op.ORGANIZATION_TEAM_UPDATE)
    assert entry.event["changes"] == {"description": ["", "Finds out."]}


def test_it_deletes_teams(http: Http, research: Team, vision: App) -> None:
    TeamAppFactory(team=research, app=vision)
    for slug in ("sales", "support"):
        TeamFactory(account=research.account, slug=slug, name=slug)
    done(http("DELETE", RESEARCH))
    done(http("DELETE", TEAMS, {"ids": ["support", "sales"]}))
    assert not Team.objects.exists()
    assert App.objects.get() == vision
    assert {names(entry)[0] for entry in entries(Op.ORGANIZATION_TEAM_DELETE)} == {"Research", "sales", "support"}


# Members


def test_it_adds_members(http: Http, research: Team) -> None:
    added = done(http("POST", MEMBERS, {"members": [{"id": "max"}, {"id": "olga"}]}))["members"]
    assert [(member["id"], member["role"]) for member in added] == [
        ("max", "organization_contributor"),
        ("olga", "administrator"),
    ]
    assert [member["id"] for member in done(http("GET", MEMBERS))["members"]] == ["max", "olga"]
    first = entries(Op.ORGANIZATION_TEAM_MEMBER_ADD)[0]
    assert first.event["targets"][0]["id"] == "max"
    assert names(first)[1] == "Research"


def test_it_adds_no_stranger_and_nobody_else_with_them(http: Http, research: Team, people: People) -> None:
    told = refused(http("POST", MEMBERS, {"members": [{"id": "max"}, {"id": "sam"}]}), 404, "not_found")
    assert "'sam'" in told
    assert not TeamMember.objects.exists()
    assert failure_codes() == ["not_found", "not_found"]


def test_it_adds_nobody_twice(http: Http, research: Team) -> None:
    done(http("POST", MEMBERS, {"members": [{"id": "max"}]}))
    assert "max is in Research" in refused(http("POST", MEMBERS, {"members": [{"id": "max"}]}), 409, "conflict")
    refused(http("POST", MEMBERS, {"members": [{"id": "olga"}, {"id": "olga"}]}), 422, "invalid")
    assert TeamMember.objects.count() == 1


def test_it_removes_members(http: Http, research: Team, people: People) -> None:
    done(http("POST", MEMBERS, {"members": [{"id": "max"}, {"id": "olga"}]}))
    refused(http("DELETE", MEMBERS, {"ids": ["max", "nobody"]}), 404, "not_found")
    done(http("DELETE", MEMBERS, {"ids": ["max"]}))
    assert [place.member.user.slug for place in TeamMember.objects.all()] == ["olga"]
    assert people.acme.members.count() == 2
    [*_, entry] = entries(Op.ORGANIZATION_TEAM_MEMBER_REMOVE)
    assert (entry.event["success"], entry.event["targets"][0]["id"]) == (True, "max")


# Apps


def test_it_gives_access_to_apps(http: Http, research: Team, vision: App) -> None:
    AppFactory(account=research.account, slug="speech", name="Speech")
    body = {"apps": [{"id": "vision", "access": "labeler_lead"}, {"id": "speech"}]}
    given = done(http("POST", APPS, body))["apps"]
    assert [(app["id"], app["name"], app["access"]) for app in given] == [
        ("vision", "Vision", "labeler_lead"),
        ("speech", "Speech", "full"),
    ]
    assert [app["id"] for app in done(http("GET", APPS))["apps"]] == ["speech", "vision"]
    found = entries(Op.ORGANIZATION_TEAM_APP_ADD)
    assert {tuple(names(entry)) for entry in found} == {("Vision", "Research"), ("Speech", "Research")}


def test_it_gives_no_access_to_apps_elsewhere(http: Http, research: Team, vision: App) -> None:
    AppFactory(slug="elsewhere")
    refused(http("POST", APPS, {"apps": [{"id": "vision"}, {"id": "elsewhere"}]}), 404, "not_found")
    assert not TeamApp.objects.exists()
    assert failure_codes() == ["not_found", "not_found"]


def test_it_gives_no_access_twice(http: Http, research: Team, vision: App) -> None:
    TeamAppFactory(team=research, app=vision)
    refused(http("POST", APPS, {"apps": [{"id": "vision"}]}), 409, "conflict")


def test_it_changes_access(http: Http, research: Team, vision: App) -> None:
    TeamAppFactory(team=research, app=vision)
    body = {"apps": [{"id": "vision", "access": "labeler_worker"}], "action": "overwrite"}
    assert done(http("PATCH", APPS, body))["apps"][0]["access"] == "labeler_worker"
    [entry] = entries(Op.ORGANIZATION_TEAM_APP_CHANGE)
    assert entry.event["changes"] == {"access": ["full", "labeler_worker"]}
    told = refused(http("PATCH", APPS, {"apps": [{"id": "vision", "access": "all"}]}), 422, "invalid")
    assert "apps[0].access is 'all'" in told


def test_it_takes_access_away(http: Http, research: Team, vision: App) -> None:
    TeamAppFactory(team=research, app=vision)
    done(http("DELETE", APPS, {"ids": ["vision"]}))
    assert not TeamApp.objects.exists()
    assert names(entries(Op.ORGANIZATION_TEAM_APP_REMOVE)[0]) == ["Vision", "Research"]


# Who may not

CHANGES = [
    ("POST", TEAMS, {"teams": [{"id": "new"}]}, Op.ORGANIZATION_TEAM_CREATE),
    ("PATCH", TEAMS, {"teams": [{"id": "research", "name": "R"}]}, Op.ORGANIZATION_TEAM_UPDATE),
    ("DELETE", RESEARCH, None, Op.ORGANIZATION_TEAM_DELETE),
    ("DELETE", TEAMS, {"ids": ["research"]}, Op.ORGANIZATION_TEAM_DELETE),
    ("POST", MEMBERS, {"members": [{"id": "olga"}]}, Op.ORGANIZATION_TEAM_MEMBER_ADD),
    ("DELETE", MEMBERS, {"ids": ["max"]}, Op.ORGANIZATION_TEAM_MEMBER_REMOVE),
    ("POST", APPS, {"apps": [{"id": "speech"}]}, Op.ORGANIZATION_TEAM_APP_ADD),
    ("PATCH", APPS, {"apps": [{"id": "vision", "access": "full"}]}, Op.ORGANIZATION_TEAM_APP_CHANGE),
    ("DELETE", APPS, {"ids": ["vision"]}, Op.ORGANIZATION_TEAM_APP_REMOVE),
]


@pytest.fixture
def furnished(research: Team, vision: App, people: People) -> Team:
    """Research with Max in it and access to Vision; Max may only use things."""
    max_ = people.acme.members.get(user=people.member)
    max_.change_role("organization_user")  # type: ignore[arg-type]
    TeamMemberFactory(team=research, member=max_)
    TeamAppFactory(team=research, app=vision)
    AppFactory(account=people.acme, slug="speech")
    return research


def test_a_role_that_may_not(live_server: LiveServer, people: People, furnished: Team) -> None:
    http = Http(live_server.url, token_for(people.member, people.acme))
    for method, path, body, _ in CHANGES:
        assert "manage teams" in refused(http(method, path, body), 403, "role_denied")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in CHANGES]
    assert {*failure_codes()} == {"role_denied"}
    assert {entry.event["actor"]["id"] for entry in failures()} == {"max"}


def test_a_scope_too_few(live_server: LiveServer, people: People, furnished: Team) -> None:
    http = Http(live_server.url, token_for(people.owner, people.acme, "teams:read"))
    for method, path, body, _ in CHANGES:
        assert "teams:write" in refused(http(method, path, body), 403, "scope_missing")
    assert [entry.operation for entry in failures()] == [operation for *_, operation in CHANGES]


def test_teams_of_others_do_not_exist(live_server: LiveServer, people: People, furnished: Team) -> None:
    assert people.stranger.home
    http = Http(live_server.url, token_for(people.stranger, people.stranger.home))
    for method, path, body, _ in CHANGES[1:]:
        refused(http(method, path, body), 404, "not_found")
        refused(http(method, path.replace("acme", "me"), body), 404, "not_found")
    assert Team.objects.get().name == "Research"


def test_every_member_sees_teams(live_server: LiveServer, people: People, furnished: Team) -> None:
    http = Http(live_server.url, token_for(people.member, people.acme, "teams:read"))
    for path in (TEAMS, RESEARCH, MEMBERS, APPS):
        done(http("GET", path))

"""The pages of teams: what each does and leaves in the log, and how long lists are searched and chosen from."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.models import Member, Team, TeamMember
from accounts.roles import Role
from controlcenter.operations import Operation as Op
from controlcenter.resources.models import App, TeamApp

from .factories import (
    AppFactory,
    MemberFactory,
    ModelFactory,
    People,
    TeamAppFactory,
    TeamFactory,
    TeamMemberFactory,
    UserFactory,
    make_people,
)
from .history import (
    entries_of,
    failures_of,
    form_of,
    member_with,
    queries_for,
    slugs_met,
    targets_of,
    text_of,
    the_entry,
)

pytestmark = pytest.mark.django_db

TEAMS, QUALITY, NEW = "/@acme/teams/", "/@acme/teams/quality/", "/@acme/new-team/"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def team(people: People) -> Team:
    team: Team = TeamFactory(account=people.acme, slug="quality", name="Quality", description="Looks twice")
    return team


@pytest.fixture
def app(people: People) -> App:
    app: App = AppFactory(account=people.acme, slug="vision", name="Vision", description="Sees")
    return app


def join(team: Team, *slugs: str) -> None:
    for slug in slugs:
        user = UserFactory(slug=slug, first_name=slug.capitalize(), last_name="Guest")
        TeamMemberFactory(team=team, member=MemberFactory(account=team.account, user=user))


def in_team(team: Team) -> list[str]:
    return sorted(team.members.values_list("user__slug", flat=True))


# The list


def test_it_lists_teams_with_members_and_apps(page: Client, team: Team) -> None:
    join(team, "ada", "bob", "cyd", "dan")
    TeamAppFactory.create_batch(2, team=team)
    TeamFactory(name="Elsewhere")
    text = text_of(page.get(TEAMS))
    assert "Quality Looks twice 4 members AG BG CG +1 2" in text
    assert "Elsewhere" not in text


def test_it_counts_no_further_than_anybody_wants_to_know(page: Client, team: Team, people: People) -> None:
    members = [MemberFactory(account=people.acme) for _ in range(105)]
    TeamMember.objects.bulk_create(TeamMember(team=team, member=member) for member in members)
    assert "100+ members" in text_of(page.get(TEAMS))


@pytest.mark.parametrize("query", ["quali", "QUALITY", "twice"])
def test_teams_are_found_by_id_name_and_description(query: str, page: Client, team: Team, people: People) -> None:
    TeamFactory(account=people.acme, name="Other")
    assert [row.slug for row in page.get(TEAMS, {"q": query}).context["found"].rows] == ["quality"]


def test_it_says_when_no_team_matches_and_when_there_are_none(page: Client) -> None:
    assert "No teams yet" in text_of(page.get(TEAMS))
    assert "No team matches “zebra”" in text_of(page.get(TEAMS, {"q": "zebra"}))


def test_its_pages_meet_every_team_once(page: Client, people: People) -> None:
    Team.objects.bulk_create(Team(account=people.acme, slug=f"t-{n:03}", name="T") for n in range(120))
    assert slugs_met(page, TEAMS, query="?q=t") == [f"t-{n:03}" for n in range(120)]


def test_the_list_costs_the_same_with_more_teams(page: Client, people: People) -> None:
    counts = []
    for number in (2, 30):
        for team in TeamFactory.create_batch(number, account=people.acme):
            TeamMemberFactory.create_batch(2, team=team)
            TeamAppFactory(team=team)
        counts.append(queries_for(page, TEAMS))
    assert counts[0] == counts[1] <= 6


# Create, edit, delete


def test_creating_a_team_is_an_entry(page: Client, people: People) -> None:
    data = form_of(page.get(NEW), name="Quality", slug="quality", description="Looks twice")
    assert page.post(NEW, data)["Location"] == QUALITY
    team = Team.objects.get()
    assert (team.account, team.name, team.description) == (people.acme, "Quality", "Looks twice")
    assert targets_of(the_entry(people.acme, Op.ORGANIZATION_TEAM_CREATE)) == [("team", "quality")]


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"slug": "quality"}, "conflict", "A team with the ID quality exists already. Choose another."),
        ({"slug": "Not an id"}, "invalid", "Use 1 to 64 lower-case letters"),
        ({"name": ""}, "invalid", "This field is required."),
        ({"name": "n\0"}, "invalid", "Null characters are not allowed."),
        ({"description": "d" * 301}, "invalid", "at most 300 characters"),
    ],
)
def test_bad_input_is_refused_and_kept(
    changed: dict[str, str], code: str, sentence: str, page: Client, people: People, team: Team
) -> None:
    TeamFactory(slug="new")
    data = {"name": "New", "slug": "new", "description": "Fresh", **changed}
    response = page.post(NEW, data)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert {name: response.context["form"][name].value() for name in data} == data
    [(told, why)] = failures_of(people.acme, Op.ORGANIZATION_TEAM_CREATE)
    assert (told, sentence in why) == (code, True)
    assert Team.objects.filter(account=people.acme).count() == 1


def test_a_team_called_like_a_page_has_its_page(page: Client, people: People) -> None:
    for slug in ("new", "settings", "delete", "members"):
        TeamFactory(account=people.acme, slug=slug, name=f"The {slug} team")
        assert f"The {slug} team" in text_of(page.get(f"{TEAMS}{slug}/"))


def test_renaming_a_team_says_before_and_after(page: Client, people: People, team: Team) -> None:
    data = form_of(page.get(f"{QUALITY}settings/"), name="Care", description="")
    assert page.post(f"{QUALITY}settings/", data)["Location"] == QUALITY
    changes = the_entry(people.acme, Op.ORGANIZATION_TEAM_UPDATE).event["changes"]
    assert changes == {"name": ["Quality", "Care"], "description": ["Looks twice", ""]}


def test_a_stale_page_overwrites_nothing(page: Client, people: People, team: Team) -> None:
    mine = form_of(page.get(f"{QUALITY}settings/"), name="Mine")
    Team.objects.update(name="Theirs")
    response = page.post(f"{QUALITY}settings/", mine)
    assert "Somebody else changed this after you opened the page. Name is “Theirs” now." in text_of(response)
    assert response.context["form"]["name"].value() == "Mine"
    assert "<h1><bdi>Theirs</bdi></h1>" in response.content.decode()
    team.refresh_from_db()
    assert team.name == "Theirs"
    assert [code for code, _ in failures_of(people.acme, Op.ORGANIZATION_TEAM_UPDATE)] == ["conflict"]


def test_deleting_a_team_says_what_goes_with_it_and_records_each(
    page: Client, people: People, team: Team, app: App
) -> None:
    join(team, "ada", "bob")
    TeamAppFactory(team=team, app=app)
    text = text_of(page.get(f"{QUALITY}delete/"))
    assert "Deleted with it: 2 memberships 1 app access level The members and the apps themselves stay." in text
    response = page.post(f"{QUALITY}delete/", {"confirm": "quality", "reason": "Merged"})
    assert response["Location"] == TEAMS
    assert (Team.objects.count(), App.objects.count(), Member.objects.filter(account=people.acme).count()) == (0, 1, 4)
    assert the_entry(people.acme, Op.ORGANIZATION_TEAM_DELETE).event["reason"] == "Merged"
    assert len(entries_of(people.acme, Op.ORGANIZATION_TEAM_MEMBER_REMOVE)) == 2
    assert targets_of(the_entry(people.acme, Op.ORGANIZATION_TEAM_APP_REMOVE)) == [
        ("app", "vision"),
        ("team", "quality"),
    ]


@pytest.mark.parametrize("typed", ["", "Quality", "quality\0"])
def test_without_its_id_typed_no_team_is_deleted(typed: str, page: Client, people: People, team: Team) -> None:
    response = page.post(f"{QUALITY}delete/", {"confirm": typed, "reason": "Because"})
    assert response.status_code == 422
    assert response.context["form"]["reason"].value() == "Because"
    assert Team.objects.exists()
    assert len(failures_of(people.acme, Op.ORGANIZATION_TEAM_DELETE)) == 1


# The page of a team


def test_it_shows_members_apps_and_the_way_to_its_history(page: Client, team: Team, app: App) -> None:
    join(team, "ada")
    TeamAppFactory(team=team, app=app, access=TeamApp.Access.LABELER_LEAD)
    ModelFactory.create_batch(3, app=app)
    response = page.get(QUALITY)
    text = text_of(response)
    assert "Ada Guest ada@example.com Organization contributor" in text
    assert "Vision Sees Labeler lead 3 –" in text
    assert "Looks twice" in text
    assert "?target=team:quality&amp;range=6m" in response.content.decode()


def test_its_history_is_what_happened_to_it_and_in_it(page: Client, team: Team, people: People) -> None:
    TeamFactory(account=people.acme, name="Another")
    page.post(f"{QUALITY}add-members/", {"members": ["max"]})
    text = text_of(page.get("/@acme/teams-and-logs/?target=team:quality&range=6m"))
    assert "Add user 'max' to team 'Quality'" in text
    assert "Create team 'Quality'" in text
    assert "Another" not in text


def test_an_empty_team_says_what_to_do_first(page: Client, team: Team) -> None:
    response = page.get(QUALITY)
    assert "Nobody is in this team yet" in text_of(response)
    assert "This team has no access to apps yet" in text_of(response)
    assert f'href="{QUALITY}add-members/"' in response.content.decode()


@pytest.mark.parametrize("query", ["ada", "ADA gue", "guest ada", "ada@example"])
def test_members_of_a_team_are_found(query: str, page: Client, team: Team) -> None:
    join(team, "ada", "bob")
    found = page.get(QUALITY, {"members-q": query}).context["members"]
    assert [member.user.slug for member in found.rows] == ["ada"]


def test_its_two_lists_are_searched_and_paged_by_themselves(page: Client, team: Team, people: People) -> None:
    join(team, *(f"m-{n:03}" for n in range(60)))
    apps = App.objects.bulk_create(App(account=people.acme, slug=f"a-{n:03}", name="A") for n in range(60))
    TeamApp.objects.bulk_create(TeamApp(team=team, app=app) for app in apps)
    assert slugs_met(page, QUALITY, "members", "?apps-q=a-00") == [f"m-{n:03}" for n in range(60)]
    assert slugs_met(page, QUALITY, "apps", "?members-q=m-01") == [f"a-{n:03}" for n in range(60)]
    response = page.get(QUALITY, {"apps-q": "a-00", "members-q": "m-01"})
    assert (len(response.context["apps"].rows), len(response.context["members"].rows)) == (10, 10)
    assert '<input type="hidden" name="apps-q" value="a-00">' in response.content.decode()


def test_it_says_when_nothing_of_a_team_matches(page: Client, team: Team, app: App) -> None:
    join(team, "ada")
    TeamAppFactory(team=team, app=app)
    text = text_of(page.get(QUALITY, {"members-q": "zebra", "apps-q": "yak"}))
    assert "No member of this team matches “zebra”" in text
    assert "No app of this team matches “yak”" in text


def test_its_page_costs_the_same_with_more_in_it(page: Client, team: Team) -> None:
    counts = []
    for number in (2, 30):
        TeamMemberFactory.create_batch(number, team=team)
        for place in TeamAppFactory.create_batch(number, team=team):
            ModelFactory(app=place.app)
        counts.append(queries_for(page, QUALITY))
    assert counts[0] == counts[1] <= 7


# Members come and go


def test_adding_members_is_one_entry_for_each(page: Client, people: People, team: Team) -> None:
    response = page.post(f"{QUALITY}add-members/", {"members": ["max", "olga"]}, follow=True)
    assert "Max Member and Olga Owner joined Quality." in text_of(response)
    assert in_team(team) == ["max", "olga"]
    entries = entries_of(people.acme, Op.ORGANIZATION_TEAM_MEMBER_ADD)
    assert [targets_of(entry) for entry in entries] == [
        [("user", slug), ("team", "quality")] for slug in ("max", "olga")
    ]


def test_who_is_in_the_team_is_not_offered(page: Client, people: People, team: Team) -> None:
    TeamMemberFactory(team=team, member=Member.objects.get(user=people.member))
    choice = page.get(f"{QUALITY}add-members/").context["choice"]
    assert [member.slug for member in choice.others] == ["olga"]
    assert page.get(f"{QUALITY}add-members/?q=sam").context["choice"].others == []


def test_what_is_chosen_stays_chosen_while_one_searches(page: Client, people: People, team: Team) -> None:
    response = page.get(f"{QUALITY}add-members/", {"q": "olga", "members": ["max"]})
    choice = response.context["choice"]
    assert [[row.slug for row in rows] for rows in (choice.chosen, choice.others)] == [["max"], ["olga"]]
    assert 'value="max" checked' in response.content.decode()
    assert not entries_of(people.acme, Op.ORGANIZATION_TEAM_MEMBER_ADD)


def test_it_stays_usable_with_many_members(page: Client, people: People, team: Team) -> None:
    MemberFactory.create_batch(60, account=people.acme)
    last = MemberFactory(account=people.acme, user=UserFactory(slug="zoe", first_name="Zoe"))
    assert queries_for(page, f"{QUALITY}add-members/?members=zoe") <= 6
    response = page.get(f"{QUALITY}add-members/")
    assert len(response.context["choice"].others) == 50
    assert "There are more." in text_of(response)
    assert page.get(f"{QUALITY}add-members/?q=zoe").context["choice"].others == [last]
    assert page.post(f"{QUALITY}add-members/", {"members": ["zoe"]}).status_code == 302


@pytest.mark.parametrize(
    ("slugs", "code", "sentence"),
    [
        ([], "invalid", "Choose at least one member."),
        (["max", "sam"], "invalid", "“sam” is no member of the organization, or not any more."),
        (["nobody"], "invalid", "“nobody” is no member of the organization, or not any more."),
        (["max", "ada"], "conflict", "ada is in Quality already."),
        (["a\0"], "invalid", "Null characters are not allowed."),
    ],
)
def test_who_can_not_join_is_said_and_nobody_does(
    slugs: list[str], code: str, sentence: str, page: Client, people: People, team: Team
) -> None:
    join(team, "ada")
    response = page.post(f"{QUALITY}add-members/", {"members": slugs})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert in_team(team) == ["ada"]
    [(told, why)] = failures_of(people.acme, Op.ORGANIZATION_TEAM_MEMBER_ADD)
    assert (told, sentence in why) == (code, True)


def test_a_team_takes_nobody_in_from_elsewhere(team: Team) -> None:
    with pytest.raises(ValidationError, match="Only members of Acme can be in Quality"):
        team.take_in([MemberFactory()])


def test_removing_a_member_is_an_entry_with_the_reason(page: Client, people: People, team: Team) -> None:
    join(team, "ada", "bob")
    address = f"{QUALITY}members/ada/remove/"
    assert "They stay a member of Acme" in text_of(page.get(address))
    assert page.post(address, {"reason": "Moved on"})["Location"] == QUALITY
    assert in_team(team) == ["bob"]
    entry = the_entry(people.acme, Op.ORGANIZATION_TEAM_MEMBER_REMOVE)
    assert (targets_of(entry), entry.event["reason"]) == ([("user", "ada"), ("team", "quality")], "Moved on")


def test_removing_twice_removes_once(page: Client, people: People, team: Team) -> None:
    join(team, "ada")
    statuses = [page.post(f"{QUALITY}members/ada/remove/", {}).status_code for _ in range(2)]
    assert statuses == [302, 404]
    assert [code for code, _ in failures_of(people.acme, Op.ORGANIZATION_TEAM_MEMBER_REMOVE)] == ["not_found"]


# Apps come and go


def test_giving_access_is_one_entry_for_each_app(page: Client, people: People, team: Team, app: App) -> None:
    AppFactory(account=people.acme, slug="speech", name="Speech")
    data = {"apps": ["speech", "vision"], "access": "model_trainer"}
    response = page.post(f"{QUALITY}add-apps/", data, follow=True)
    assert "Quality has access to Speech and Vision." in text_of(response)
    assert set(TeamApp.objects.values_list("app__slug", "access")) == {
        ("speech", "model_trainer"),
        ("vision", "model_trainer"),
    }
    entries = entries_of(people.acme, Op.ORGANIZATION_TEAM_APP_ADD)
    assert [targets_of(entry) for entry in entries] == [[("app", slug), ("team", "quality")] for slug in data["apps"]]
    assert entries[1].app_id == app.pk


def test_access_is_what_lets_a_team_contributor_change_models(
    page: Client, people: People, team: Team, app: App
) -> None:
    user = member_with(Role.TEAM_CONTRIBUTOR, people.acme)
    TeamMemberFactory(team=team, member=Member.objects.get(user=user))
    visitor = Client()
    visitor.force_login(user)
    assert visitor.get("/@acme/apps/vision/new-model/").status_code == 403
    page.post(f"{QUALITY}add-apps/", {"apps": ["vision"], "access": "labeler_lead"})
    assert visitor.get("/@acme/apps/vision/new-model/").status_code == 403
    page.post(f"{QUALITY}apps/vision/edit/", form_of(page.get(f"{QUALITY}apps/vision/edit/"), access="full"))
    assert visitor.get("/@acme/apps/vision/new-model/").status_code == 200


def test_apps_are_searched_with_the_access_kept(page: Client, people: People, team: Team, app: App) -> None:
    AppFactory(account=people.acme, slug="speech", name="Speech")
    response = page.get(f"{QUALITY}add-apps/", {"q": "see", "apps": ["speech"], "access": "labeler_lead"})
    choice = response.context["choice"]
    assert [[row.slug for row in rows] for rows in (choice.chosen, choice.others)] == [["speech"], ["vision"]]
    assert response.context["form"]["access"].value() == "labeler_lead"


@pytest.mark.parametrize(
    ("changed", "code", "sentence"),
    [
        ({"apps": []}, "invalid", "Choose at least one app."),
        ({"apps": ["vision", "elsewhere"]}, "invalid", "There is no app “elsewhere”, or not any more."),
        ({"apps": ["vision", "known"]}, "conflict", "Quality has access to known already. Change the access there."),
        ({"access": "king"}, "invalid", "Select a valid choice."),
    ],
)
def test_access_that_can_not_be_given_is_said_and_none_is(
    changed: dict[str, Any], code: str, sentence: str, page: Client, people: People, team: Team, app: App
) -> None:
    AppFactory(slug="elsewhere")
    TeamAppFactory(team=team, app=AppFactory(account=people.acme, slug="known"))
    response = page.post(f"{QUALITY}add-apps/", {"apps": ["vision"], "access": "full", **changed})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert [place.app.slug for place in TeamApp.objects.all()] == ["known"]
    [(told, why)] = failures_of(people.acme, Op.ORGANIZATION_TEAM_APP_ADD)
    assert (told, sentence in why) == (code, True)


def test_a_team_is_given_no_app_from_elsewhere(team: Team) -> None:
    with pytest.raises(ValidationError, match="Only apps of Acme can be given to Quality"):
        TeamApp.give(team, [AppFactory()], TeamApp.Access.FULL)


def test_changing_access_says_before_and_after(page: Client, people: People, team: Team, app: App) -> None:
    TeamAppFactory(team=team, app=app)
    address = f"{QUALITY}apps/vision/edit/"
    assert page.post(address, form_of(page.get(address), access="labeler_worker"))["Location"] == QUALITY
    entry = the_entry(people.acme, Op.ORGANIZATION_TEAM_APP_CHANGE)
    assert (entry.event["changes"], entry.app_id) == ({"access": ["full", "labeler_worker"]}, app.pk)


def test_access_that_somebody_changed_meanwhile_is_not_overwritten(
    page: Client, people: People, team: Team, app: App
) -> None:
    TeamAppFactory(team=team, app=app)
    address = f"{QUALITY}apps/vision/edit/"
    mine = form_of(page.get(address), access="labeler_worker")
    TeamApp.objects.update(access="model_trainer")
    assert page.post(address, mine).status_code == 422
    assert TeamApp.objects.get().access == "model_trainer"


def test_taking_access_away_is_an_entry_with_the_reason(page: Client, people: People, team: Team, app: App) -> None:
    TeamAppFactory(team=team, app=app)
    page.post(f"{QUALITY}apps/vision/remove/", {"reason": "Not theirs"})
    assert (TeamApp.objects.count(), App.objects.count()) == (0, 1)
    entry = the_entry(people.acme, Op.ORGANIZATION_TEAM_APP_REMOVE)
    assert (targets_of(entry), entry.event["reason"]) == ([("app", "vision"), ("team", "quality")], "Not theirs")


# Who may


def test_who_may_not_manage_teams_sees_locks_and_who_may(page: Client, people: People, team: Team) -> None:
    page.force_login(member_with(Role.ORGANIZATION_USER, people.acme))
    for address in (TEAMS, QUALITY):
        response = page.get(address)
        assert response.status_code == 200
        assert "(not in your role)" in text_of(response)
    refused = text_of(page.get(NEW))
    assert "Only the roles Administrator and Organization contributor may manage teams." in refused


def test_teams_of_others_are_not_there(page: Client, people: People) -> None:
    other = TeamFactory(slug="secret")
    assert page.get(f"{TEAMS}secret/").status_code == 404
    assert page.get(f"/@{other.account.slug}/teams/").status_code == 404
    assert not entries_of(people.acme, Op.ORGANIZATION_TEAM_UPDATE)

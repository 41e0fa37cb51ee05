"""Teams in a browser: each operation carried out, attempted in vain, and read in the log; for everybody to use."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Team
from accounts.roles import Role
from tests.factories import AppFactory, MemberFactory, TeamFactory, UserFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
TEAMS, QUALITY = "/@acme/teams/", "/@acme/teams/quality/"


def test_teams_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.member)
    work(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    refused(page, "/@acme/new-team/", f"{QUALITY}settings/", f"{QUALITY}delete/", f"{QUALITY}add-members/")
    refused(page, f"{QUALITY}members/olga/remove/", f"{QUALITY}add-apps/")
    refused(page, f"{QUALITY}apps/vision/edit/", f"{QUALITY}apps/vision/remove/")

    page.context.clear_cookies()
    sign_in(page, people.owner)
    assert told_of(page, "Organization team") == [
        ("Organization teams created", "Success"),
        ("Organization team members added", "Invalid"),
        ("Organization team members added", "Success"),
        ("Organization team members added", "Success"),
        ("Organization team apps added", "Success"),
        ("Organization team app access changed", "Success"),
        ("Organization team members removed", "Success"),
        ("Organization teams updated", "Success"),
        ("Organization teams created", "Role denied"),
        ("Organization teams updated", "Role denied"),
        ("Organization teams deleted", "Role denied"),
        ("Organization team members added", "Role denied"),
        ("Organization team members removed", "Role denied"),
        ("Organization team apps added", "Role denied"),
        ("Organization team app access changed", "Role denied"),
        ("Organization team apps removed", "Role denied"),
    ]
    page.goto(QUALITY)
    choose(page, "Vision", "Take access away")
    page.get_by_label("Reason").fill("Not theirs")
    page.get_by_role("button", name="Take access away").click()
    done(page, "Care has no access to Vision any more.")
    choose(page, "Care", "Delete")
    page.get_by_label("Team ID").fill("quality")
    page.get_by_role("button", name="Delete team").click()
    done(page, "Care is deleted.")
    assert told_of(page, "Organization team")[-3:] == [
        ("Organization team apps removed", "Success"),
        ("Organization team members removed", "Success"),
        ("Organization teams deleted", "Success"),
    ]


def work(page: Page) -> None:
    page.goto(TEAMS)
    page.get_by_role("link", name="Create team").click()
    page.get_by_label("Name").fill("Quality")
    page.get_by_label("Team ID").fill("quality")
    page.get_by_role("button", name="Create team").click()
    done(page, "Quality is created.")

    page.get_by_role("link", name="Add members").first.click()
    page.get_by_role("button", name="Add members").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one member.")
    page.get_by_label("Max Member").check()
    page.get_by_label("Olga Owner").check()
    page.get_by_role("button", name="Add members").click()
    done(page, "Max Member and Olga Owner joined Quality.")

    page.get_by_role("link", name="Give access to apps").first.click()
    page.get_by_label("Vision").check()
    page.get_by_label("Access").select_option("Labeler lead")
    page.get_by_role("button", name="Give access").click()
    done(page, "Quality has access to Vision.")
    choose(page, "Vision", "Change access")
    page.get_by_label("Access").select_option("Model trainer")
    page.get_by_role("button", name="Save changes").click()
    done(page, "The access of Quality to Vision is “Model trainer”.")

    choose(page, "Max Member", "Remove from team")
    page.get_by_label("Reason").fill("Moved on")
    page.get_by_role("button", name="Remove member").click()
    done(page, "Max Member is removed from Quality.")

    page.locator("main").get_by_role("link", name="Settings").click()
    page.get_by_label("Name").fill("Care")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Care is saved.")


def test_members_are_searched_without_losing_who_is_chosen_and_without_javascript(
    page_without_javascript: Page, sign_in: SignIn
) -> None:
    page, people = page_without_javascript, make_people()
    team = TeamFactory(account=people.acme, slug="quality", name="Quality")
    MemberFactory.create_batch(55, account=people.acme)
    MemberFactory(account=people.acme, user=UserFactory(slug="zoe", first_name="Zoe", last_name="Last"))
    sign_in(page, people.owner)
    page.goto(f"{QUALITY}add-members/")
    expect(page.get_by_text("There are more.")).to_be_visible()
    page.get_by_label("Max Member").check()
    page.get_by_label("Find a member").fill("zoe")
    page.keyboard.press("Enter")
    page.get_by_label("Zoe Last").check()
    expect(page.get_by_label("Max Member")).to_be_checked()
    assert "csrf" not in page.url
    page.get_by_role("button", name="Add members").click()
    done(page, "joined Quality.")
    assert sorted(team.members.values_list("user__slug", flat=True)) == ["max", "zoe"]


def test_clicking_twice_adds_once(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    team = TeamFactory(account=people.acme, slug="quality", name="Quality")
    sign_in(page, people.owner)
    page.goto(f"{QUALITY}add-members/")
    page.get_by_label("Max Member").check()
    page.get_by_role("button", name="Add members").dblclick()
    page.wait_for_url(f"**{QUALITY}")
    assert team.members.count() == 1
    assert told_of(page, "Organization team members") == [("Organization team members added", "Success")]


def test_a_team_leads_to_its_history_and_its_id_is_copied(page: Page, sign_in: SignIn, live_server: LiveServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    people = make_world()
    sign_in(page, people.owner)
    page.goto(QUALITY)
    page.get_by_role("button", name="Copy team ID").click()
    expect(page.locator("#say")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "quality"
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_text("Add user 'max' to team 'Quality'").first).to_be_visible()
    expect(page.get_by_text("Create application")).to_have_count(0)


PAGES = [
    TEAMS,
    f"{TEAMS}?q=zebra",
    "/@acme/new-team/",
    QUALITY,
    f"{QUALITY}?members-q=zebra&apps-q=yak",
    f"{QUALITY}settings/",
    f"{QUALITY}delete/",
    f"{QUALITY}add-members/?q=o&members=nina",
    f"{QUALITY}members/max/remove/",
    f"{QUALITY}add-apps/",
    f"{QUALITY}apps/vision/edit/",
    f"{QUALITY}apps/vision/remove/",
]


def test_a_page_is_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    Team.objects.update(name="A team with a name that is as long as names may be " * 2, description="long " * 50)
    sign_in(page, people.owner)
    assert [line for address in PAGES for line in findings(page, address, axe)] == []


@pytest.mark.parametrize(
    ("address", "button"), [(QUALITY, "Actions for Vision"), (f"{QUALITY}add-members/", "Add members")]
)
def test_an_open_menu_and_a_refused_choice_are_for_everybody(
    address: str, button: str, page: Page, sign_in: SignIn, axe: SizeCheck
) -> None:
    people = make_world()
    sign_in(page, people.owner)
    assert findings(page, address, axe, lambda page: page.get_by_role("button", name=button).click()) == []


def test_empty_and_locked_pages_are_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_people()
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    assert findings(page, TEAMS, axe) == []
    TeamFactory(account=people.acme, slug="quality")
    assert findings(page, QUALITY, axe) == []

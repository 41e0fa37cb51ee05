"""Organizations in a browser: founded, renamed, moved to another plan and deleted, or not; and read in the log."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account
from accounts.roles import Role
from tests.factories import AccountFactory, MemberFactory, People, UserFactory, make_people
from tests.history import member_with

from .reading import done, refused, send, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
NEW, SETTINGS, PLAN = "/organizations/new/", "/@acme/settings/", "/@acme/plan/"


@pytest.fixture
def people() -> People:
    return make_people()


def test_organizations_are_worked_on_or_not_and_all_of_it_is_in_the_log(
    page: Page, people: People, sign_in: SignIn
) -> None:
    sign_in(page, member_with(Role.ORGANIZATION_CONTRIBUTOR, people.acme))
    refused(page, SETTINGS, f"{SETTINGS}delete/", PLAN)

    page.context.clear_cookies()
    sign_in(page, people.owner)
    page.goto(SETTINGS)
    page.get_by_label("Name").fill("Acme Robotics")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Acme Robotics is saved.")
    page.get_by_role("link", name="Change plan").click()
    page.get_by_role("button", name="Switch to Professional").click()
    done(page, "The plan is Professional now.")
    page.goto(SETTINGS)
    page.get_by_role("link", name="Delete organization").click()
    page.get_by_label("Organization ID").fill("acne")
    page.get_by_role("button", name="Delete organization").click()
    expect(page.get_by_role("alert")).to_contain_text("Type acme to go on.")
    found(page)
    assert told_of(page, "Organizations", "Organization plans") == [
        ("Organizations created", "Success"),
        ("Organizations updated", "Role denied"),
        ("Organizations deleted", "Role denied"),
        ("Organization plans changed", "Role denied"),
        ("Organizations updated", "Success"),
        ("Organization plans changed", "Success"),
        ("Organizations deleted", "Not confirmed"),
        ("Organizations created", "Conflict"),
    ]

    page.goto(f"{SETTINGS}delete/")
    page.get_by_label("Organization ID").fill("acme")
    page.get_by_label("Reason").fill("Merged")
    page.get_by_role("button", name="Delete organization").click()
    done(page, "Acme Robotics is deleted. You are in Initech now.")
    page.context.clear_cookies()
    read_as_support(page, sign_in)


def found(page: Page) -> None:
    page.get_by_role("button", name="Switch account").click()
    page.get_by_role("link", name="Create organization").click()
    page.get_by_label("Name").fill("Initech")
    page.get_by_label("Organization ID").fill("acme")
    page.get_by_role("button", name="Create organization").click()
    expect(page.get_by_role("alert")).to_contain_text("The ID acme is taken.")
    expect(page.get_by_label("Name")).to_have_value("Initech")
    page.get_by_label("Organization ID").fill("initech")
    page.get_by_role("button", name="Create organization").click()
    done(page, "Initech is created. You are its administrator.")
    page.get_by_role("button", name="Switch account").click()
    page.get_by_role("link", name="Acme Robotics").click()


def read_as_support(page: Page, sign_in: SignIn) -> None:
    sign_in(page, UserFactory(slug="support", email="support@example.com", is_staff=True, home=None))
    page.goto("/admin/auditlog/entry/?q=acme")
    page.get_by_role("link", name="Acme Robotics").click()
    page.get_by_label("Reason:").fill("They want to know who deleted it")
    page.get_by_label("Ticket:").fill("4711")
    page.get_by_role("button", name="Open access").click()
    expect(page.get_by_role("heading", name="Entries of Acme Robotics")).to_be_visible()
    expect(page.get_by_text("Delete organization 'Acme Robotics'").first).to_be_visible()


def test_somebody_without_an_account_begins_with_one(page: Page, sign_in: SignIn) -> None:
    sign_in(page, UserFactory(home=None))
    page.get_by_role("main").get_by_role("link", name="Create organization").click()
    page.get_by_label("Name").fill("Initech")
    page.get_by_label("Organization ID").fill("initech")
    page.get_by_role("button", name="Create organization").dblclick()
    expect(page.get_by_role("link", name="Members")).to_be_visible()
    assert Account.objects.filter(slug="initech").count() == 1


@pytest.mark.parametrize(
    ("url", "button"),
    [(SETTINGS, ""), (f"{SETTINGS}delete/", "Delete organization"), (NEW, "Create organization"), (PLAN, "")],
)
def test_there_is_nothing_for_axe_to_find(
    url: str, button: str, page: Page, people: People, sign_in: SignIn, axe: SizeCheck
) -> None:
    sign_in(page, people.owner)
    assert findings(page, url, axe, lambda page: send(page, button) if button else None) == []


def test_a_personal_account_has_nothing_for_axe_to_find(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    account = AccountFactory(slug="mine", kind=Account.Kind.PERSONAL)
    sign_in(page, MemberFactory(account=account, role=Role.ADMINISTRATOR).user)
    for url in ("/@mine/members/", "/@mine/invitations/", "/@mine/settings/"):
        assert findings(page, url, axe) == []

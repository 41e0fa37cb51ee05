"""Collaborators in a browser: each operation carried out, attempted in vain, and read in the log; for everybody."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import Collaborator
from tests.factories import AppFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
VISION = "/@acme/apps/vision/"
LIST = f"{VISION}collaborators/"


def test_collaborators_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.member)
    work(page)

    page.context.clear_cookies()
    sign_in(page, member_with(Role.TEAM_CONTRIBUTOR, people.acme))
    refused(page, f"{VISION}new-collaborator/", f"{LIST}sam/edit/", f"{LIST}sam/remove/")

    page.context.clear_cookies()
    sign_in(page, people.owner)
    page.goto(LIST)
    choose(page, "Sam Stranger", "Remove")
    page.get_by_label("Reason").fill("Has finished")
    page.get_by_role("button", name="Remove collaborator").click()
    done(page, "Sam Stranger does not collaborate on Vision any more.")
    expect(page.get_by_role("heading", name="No collaborators yet")).to_be_visible()
    assert told_of(page, "Collaborators") == [
        ("Collaborators added", "Not found"),
        ("Collaborators added", "Success"),
        ("Collaborators updated", "Success"),
        ("Collaborators added", "Role denied"),
        ("Collaborators updated", "Role denied"),
        ("Collaborators removed", "Role denied"),
        ("Collaborators removed", "Success"),
    ]


def work(page: Page) -> None:
    page.goto(VISION)
    page.get_by_role("link", name="Collaborators").click()
    page.get_by_role("link", name="Add collaborator").click()
    page.get_by_label("Email or user ID").fill("sam@example.com")
    page.get_by_label("Train models").check()
    page.get_by_role("button", name="Add collaborator").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody here has this email address or user ID.")
    expect(page.get_by_label("Train models")).to_be_checked()
    page.get_by_label("Email or user ID").fill("sam@globex.example")
    page.get_by_role("button", name="Add collaborator").click()
    done(page, "Sam Stranger collaborates on Vision.")

    choose(page, "Sam Stranger", "Edit scopes")
    page.get_by_label("Train models").uncheck()
    page.get_by_label("See workflows").check()
    page.get_by_role("button", name="Save changes").click()
    done(page, "The scopes of Sam Stranger are saved.")
    assert Collaborator.objects.get().scopes == ["apps:read", "workflows:read"]


def test_a_collaborator_leads_to_their_history(page: Page, sign_in: SignIn) -> None:
    people = make_world()
    sign_in(page, people.owner)
    page.goto(LIST)
    choose(page, Collaborator.objects.get().user.full_name, "History")
    expect(page.locator(".ev")).to_have_count(1)
    expect(page.locator(".ev")).to_contain_text("Collaborators added")


PAGES = [
    LIST,
    f"{LIST}?q=zebra",
    f"{VISION}new-collaborator/",
    f"{LIST}carla/edit/",
    f"{LIST}carla/remove/",
]


def test_a_page_is_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    sign_in(page, people.owner)
    assert [line for address in PAGES for line in findings(page, address, axe)] == []


def test_an_empty_and_locked_list_is_for_everybody(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision")
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    assert findings(page, LIST, axe) == []

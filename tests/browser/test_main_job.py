"""The main job: do things to an app, have an attempt refused, and read all of it in Teams & Logs."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.roles import Role
from tests.factories import make_people
from tests.history import member_with

from .reading import LOGS

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
APPS = "/@acme/apps/"


def choose(page: Page, app: str, action: str) -> None:
    """Open the menu of an app and choose an action."""
    page.get_by_role("button", name=f"Actions for {app}", exact=True).click()
    page.get_by_role("dialog", name=f"Actions for {app}", exact=True).get_by_role("link", name=action).click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="You: ").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")


def do_it_all(page: Page) -> None:
    """Create, rename, duplicate and delete an app by clicking."""
    page.goto(APPS)
    page.get_by_role("link", name="Create app").click()
    page.get_by_label("Name").fill("Vision")
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Create app").click()
    expect(page.get_by_text("Vision is created.").first).to_be_visible()

    choose(page, "Vision", "Edit")
    page.get_by_label("Name").fill("Sight")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Sight is saved.").first).to_be_visible()

    choose(page, "Sight", "Duplicate")
    page.get_by_label("App ID").fill("sight-2")
    page.get_by_role("button", name="Duplicate app").click()
    expect(page.get_by_text("Sight is duplicated as Sight copy.").first).to_be_visible()

    choose(page, "Sight copy", "Delete")
    page.get_by_label("App ID").fill("sight-2")
    page.get_by_label("Reason").fill("Made by mistake")
    page.get_by_role("button", name="Delete app").click()
    expect(page.get_by_text("Sight copy is deleted.").first).to_be_visible()


def try_to_delete(page: Page) -> str:
    """Open the page that deletes an app, be refused, and return the request id shown."""
    page.goto(APPS)
    choose(page, "Sight", "Delete")
    expect(page.get_by_role("heading", name="You may not do this")).to_be_visible()
    expect(page.get_by_text("Only the roles Administrator and Organization contributor may")).to_be_visible()
    return page.locator("small code").inner_text()


def rows(page: Page) -> Locator:
    """Return the rows about apps."""
    return page.get_by_role("row").filter(has_text="Applications")


def details_of(page: Page, row: Locator) -> Locator:
    row.get_by_role("button", name="Details").click()
    return row.locator("xpath=following-sibling::tr[1]")


def test_what_was_done_and_refused_can_be_read(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    sign_in(page, people.owner)
    do_it_all(page)
    sign_out(page)
    sign_in(page, user)
    request_id = try_to_delete(page)
    page.context.clear_cookies()
    sign_in(page, people.owner)

    page.goto(LOGS)
    expect(rows(page)).to_have_count(5)
    told = [
        ("Applications deleted", user.full_name, "Delete application 'Sight'", "Failure"),
        ("Applications deleted", "Olga Owner", "Delete application 'Sight copy'", "Success"),
        ("Applications duplicated", "Olga Owner", "Duplicate application 'vision' as 'Sight copy'", "Success"),
        ("Applications updated", "Olga Owner", "Update application 'Sight'", "Success"),
        ("Applications created", "Olga Owner", "Create application 'Vision'", "Success"),
    ]
    for row, parts in zip(rows(page).all(), told, strict=True):
        for part in (*parts, "127.0.0.1"):
            expect(row).to_contain_text(part)

    refused = details_of(page, rows(page).nth(0))
    expect(refused).to_contain_text("role_denied")
    expect(refused).to_contain_text(f"Request ID{request_id}", use_inner_text=False)
    deleted = details_of(page, rows(page).filter(has_text="Sight copy").nth(0))
    expect(deleted).to_contain_text("Made by mistake")
    renamed = details_of(page, rows(page).filter(has_text="Applications updated"))
    change = renamed.get_by_role("table", name="Changed fields").get_by_role("row").nth(1)
    expect(change).to_contain_text("name")
    expect(change.locator("del")).to_have_text("Vision")
    expect(change.locator("ins")).to_have_text("Sight")


def test_an_app_leads_to_its_history(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    do_it_all(page)
    choose(page, "Sight", "History")
    expect(page.get_by_role("button", name="Apps: ")).to_contain_text("Sight")
    expect(rows(page)).to_have_count(2)


def test_a_deleted_app_is_still_in_the_picker(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    do_it_all(page)
    page.goto(LOGS)
    page.get_by_role("button", name="Apps: ").click()
    page.get_by_label("Find an app").fill("sight-2")
    page.get_by_role("dialog", name="Apps").get_by_text("Deleted").click()
    page.get_by_role("dialog", name="Apps").get_by_role("button", name="Apply").click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("Applications deleted")

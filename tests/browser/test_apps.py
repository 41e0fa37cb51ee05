"""The pages of apps in a browser: forms keep what was typed, and menus are for keyboards too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import App
from tests.factories import AccountFactory, AppFactory, MemberFactory, make_people
from tests.history import member_with
from tests.test_every_page import make_world

from .reading import choose, done, refused, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
APPS = "/@acme/apps/"


def test_a_refused_form_keeps_what_was_typed_and_leads_to_the_field(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    page.goto("/@acme/new-app/")
    page.get_by_label("Name").fill("Vision")
    page.get_by_label("App ID").fill("Not an id")
    page.get_by_label("Description").fill("Sees")
    page.get_by_role("button", name="Create app").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing was saved.")
    expect(page.get_by_label("Description")).to_have_value("Sees")
    expect(page.get_by_label("App ID")).to_have_attribute("aria-invalid", "true")
    alert.get_by_role("link", name="App ID").click()
    expect(page.get_by_label("App ID")).to_be_focused()
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Create app").click()
    expect(page.get_by_text("Vision is created.").first).to_be_visible()


def test_two_tabs_do_not_overwrite_each_other(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.owner)
    page.goto(f"{APPS}vision/settings/")
    app.description = "Theirs"
    app.save()
    page.get_by_label("Description").fill("Mine")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this after")
    expect(page.get_by_label("Description")).to_have_value("Mine")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Vision is saved.").first).to_be_visible()
    assert App.objects.get().description == "Mine"


def test_clicking_twice_creates_one_app(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    page.goto("/@acme/new-app/")
    page.get_by_label("Name").fill("Vision")
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Create app").dblclick()
    expect(page.get_by_role("heading", name="Vision")).to_be_visible()
    assert App.objects.count() == 1


def test_the_menu_of_an_app_works_by_keyboard_and_gives_focus_back(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, people.owner)
    page.goto(APPS)
    opener = page.get_by_role("button", name="Actions for Vision")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Duplicate")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Duplicate")).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Edit")).to_be_focused()


def test_the_search_is_a_key_away(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    for name in ("Vision", "Speech"):
        AppFactory(account=people.acme, slug=name.lower(), name=name)
    sign_in(page, people.owner)
    page.goto(APPS)
    page.keyboard.press("/")
    page.keyboard.type("spee")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=spee")
    expect(page.get_by_text("Speech").first).to_be_visible()
    expect(page.get_by_text("Vision")).to_have_count(0)


def test_what_a_role_does_not_include_is_marked(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    page.goto(APPS)
    page.get_by_role("button", name="Actions for Vision").click()
    for action in ("Edit", "Duplicate", "Delete"):
        expect(page.get_by_role("link", name=f"{action} (not in your role)")).to_be_visible()


def test_apps_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    MemberFactory(account=AccountFactory(slug="globex", name="Globex"), user=people.owner, role=Role.ADMINISTRATOR)
    sign_in(page, people.owner)
    page.goto(APPS)
    page.get_by_role("link", name="Create app").click()
    page.get_by_label("Name").fill("Vision")
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Create app").click()
    done(page, "Vision is created.")
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()

    page.get_by_role("link", name="Settings").last.click()
    page.get_by_label("Visibility").select_option("Public")
    page.get_by_role("button", name="Save changes").click()
    done(page, "Vision is saved.")
    choose(page, "Vision", "Duplicate")
    page.get_by_role("button", name="Duplicate app").click()
    done(page, "Vision is duplicated as Vision copy.")
    expect(page.get_by_role("heading", name="Vision copy")).to_be_visible()
    choose(page, "Vision copy", "Transfer")
    page.get_by_label("New owner").select_option("Globex (globex)")
    page.get_by_label("Reason").fill("Theirs now")
    page.get_by_role("button", name="Transfer app").click()
    done(page, "Vision copy belongs to Globex now.")
    assert page.url.endswith("/@globex/apps/vision-copy/")

    page.context.clear_cookies()
    sign_in(page, member_with(Role.ORGANIZATION_USER, people.acme))
    page.goto(f"{APPS}vision/")
    expect(page.get_by_role("link", name="Settings (not in your role)")).to_be_visible()
    refused(
        page, "/@acme/new-app/", *(f"{APPS}vision/{name}/" for name in ("settings", "duplicate", "transfer", "delete"))
    )

    page.context.clear_cookies()
    sign_in(page, people.owner)
    page.goto(f"{APPS}vision/delete/")
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Delete app").click()
    done(page, "Vision is deleted.")
    assert told_of(page, "Applications") == [
        ("Applications created", "Success"),
        ("Applications updated", "Success"),
        ("Applications duplicated", "Success"),
        ("Applications transferred", "Success"),
        ("Applications created", "Role denied"),
        ("Applications updated", "Role denied"),
        ("Applications duplicated", "Role denied"),
        ("Applications transferred", "Role denied"),
        ("Applications deleted", "Role denied"),
        ("Applications deleted", "Success"),
    ]
    page.goto("/@globex/teams-and-logs/")
    expect(page.locator(".ev").filter(has_text="Applications transferred")).to_have_count(1)


def test_an_id_is_copied(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="Vision")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, people.owner)
    page.goto(f"{APPS}vision/")
    page.get_by_role("button", name="Copy app ID").click()
    expect(page.locator("#say")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "vision"


@pytest.mark.parametrize("name", ["", "settings/", "transfer/"])
def test_axe_finds_nothing(name: str, page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    sign_in(page, people.owner)
    assert findings(page, f"{APPS}vision/{name}", axe) == []


@pytest.mark.parametrize("name", ["", "transfer/"])
def test_axe_finds_nothing_in_an_empty_app(name: str, page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_people()
    AppFactory(account=people.acme, slug="vision", name="A name without any space in it " * 3)
    sign_in(page, people.owner)
    assert findings(page, f"{APPS}vision/{name}", axe) == []

"""The pages of apps in a browser: forms keep what was typed, and menus are for keyboards too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.roles import Role
from controlcenter.resources.models import App
from tests.factories import AppFactory, make_people
from tests.history import member_with

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
APPS = "/@acme/apps/"


def test_a_refused_form_keeps_what_was_typed_and_leads_to_the_field(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    page.goto(f"{APPS}new/")
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
    page.goto(f"{APPS}vision/edit/")
    app.description = "Theirs"
    app.save()
    page.get_by_label("Description").fill("Mine")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this app")
    expect(page.get_by_label("Description")).to_have_value("Mine")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Vision is saved.").first).to_be_visible()
    assert App.objects.get().description == "Mine"


def test_clicking_twice_creates_one_app(page: Page, sign_in: SignIn) -> None:
    people = make_people()
    sign_in(page, people.owner)
    page.goto(f"{APPS}new/")
    page.get_by_label("Name").fill("Vision")
    page.get_by_label("App ID").fill("vision")
    page.get_by_role("button", name="Create app").dblclick()
    page.wait_for_load_state("networkidle")
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

"""Saved views in a browser: by pointer and by key, and all of it without JavaScript."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Member
from controlcenter.context import SYSTEM, acting_as
from tests.factories import People, SavedViewFactory, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS, done
from .test_accessibility import findings

pytestmark = pytest.mark.django_db(transaction=True)

Axe = Callable[[Page], list[str]]


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        olga = Member.objects.get(account=people.acme, user=people.owner)
        SavedViewFactory(account=people.acme, name="For all", query="status=success&range=7d&tz=UTC")
        SavedViewFactory(account=people.acme, owner=olga, name="Name" * 15)
    write(people.acme, people.owner, [(f"Entry {n}", timezone.now()) for n in range(3)])
    return people


def enter(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS)
    return page


def open_views(page: Page) -> None:
    page.get_by_role("button", name="Saved views:").click()


def menu(page: Page) -> "Page":
    open_views(page)
    return page.get_by_role("dialog", name="Saved views")  # type: ignore[return-value]


def save_and_open(page: Page) -> None:
    """Save a view, find it in the menu, rename it, replace it, delete it: links and forms only."""
    page.goto(f"{LOGS}?operation=MODEL_CREATE&range=7d")
    menu(page).get_by_role("link", name="Save current view").click()
    page.get_by_label("Name").fill("Models")
    page.get_by_label("Everybody in Acme", exact=True).check()
    page.get_by_role("button", name="Save view").click()
    done(page, "Models is saved.")
    expect(page.get_by_role("button", name="Saved views: Models")).to_be_visible()
    expect(page.locator(".ev")).to_have_count(3)

    page.goto(f"{LOGS}?status=failure")
    expect(page.get_by_role("button", name="Saved views: Failed operations")).to_be_visible()
    menu(page).get_by_role("link", name="Models").click()
    expect(page.get_by_role("button", name="Saved views: Models")).to_be_visible()

    page.goto(f"{LOGS}?status=failure&range=30d")
    menu(page).get_by_role("link", name="Save current view").click()
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_text("It shows now: operation:MODEL_CREATE")).to_be_visible()
    page.get_by_role("button", name="Replace view").click()
    done(page, "Models shows this from now on.")
    assert "status=failure" in page.url

    menu(page).get_by_role("link", name="Edit saved views").click()
    page.get_by_role("button", name="Actions for Models").click()
    page.get_by_role("dialog", name="Actions for Models").get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete view").click()
    done(page, "Models is deleted.")
    expect(page.get_by_role("link", name="Models")).to_have_count(0)


def test_a_view_is_saved_opened_replaced_and_deleted(page: Page, people: People, live_server: LiveServer) -> None:
    save_and_open(enter(page, people, live_server))


def test_it_works_without_javascript(page_without_javascript: Page, people: People, live_server: LiveServer) -> None:
    save_and_open(enter(page_without_javascript, people, live_server))


def test_copies_are_shown_without_javascript(
    page_without_javascript: Page, people: People, live_server: LiveServer
) -> None:
    page = enter(page_without_javascript, people, live_server)
    page.goto(f"{LOGS}?status=failure&range=7d")
    menu(page).get_by_role("link", name="Copy as…").click()
    expect(page.locator("#query-text")).to_have_text("status:failure")
    expect(page.locator("#api-json")).to_contain_text('"success": false')
    expect(page.locator("#curl")).to_contain_text("$TOKEN")
    assert "range=" not in page.locator("#address").inner_text()


def test_the_menu_follows_the_filters(page: Page, people: People, live_server: LiveServer) -> None:
    enter(page, people, live_server)
    page.get_by_role("searchbox").or_(page.locator("#q")).first.fill("status:failure")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Saved views: Failed operations")).to_be_visible()
    menu(page).get_by_role("link", name="Save current view").click()
    expect(page.get_by_text("It shows: status:failure")).to_be_visible()


def test_a_link_is_copied_with_its_dates(page: Page, people: People, live_server: LiveServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter(page, people, live_server)
    page.goto(f"{LOGS}?status=failure&range=7d")
    menu(page).get_by_role("button", name="Copy link").click()
    expect(page.locator("#say")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{live_server.url}{LOGS}?status=failure&from=")


def test_the_menu_works_by_key(page: Page, people: People, live_server: LiveServer) -> None:
    enter(page, people, live_server)
    page.get_by_role("button", name="Saved views:").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Failed operations")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Saved views: Failed operations")).to_be_visible()


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        (LOGS, open_views),
        (f"{LOGS}views/", lambda page: page.get_by_role("button", name="Actions for For all").click()),
        (f"{LOGS}views/?q=zebra", lambda page: None),
        (f"{LOGS}views/new/?status=failure", lambda page: page.get_by_role("button", name="Save view").click()),
        (f"{LOGS}copy/?status=failure&text={'long' * 40}", lambda page: None),
    ],
    ids=["menu", "list", "nothing found", "form", "copies"],
)
def test_axe_finds_nothing(
    url: str, reach: Callable[[Page], None], page: Page, people: People, live_server: LiveServer, axe: Axe
) -> None:
    assert findings(enter(page, people, live_server), url, axe, reach) == []

"""The keys of Teams & Logs, and the sheet that tells of them."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from controlcenter.context import SYSTEM, acting_as
from tests.browser.reading import LOGS
from tests.browser.test_accessibility import findings
from tests.factories import AppFactory, People, make_people
from tests.history import LONG_AGO, session_of, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        AppFactory(account=people.acme, slug="vision", name="Vision")
    write(people.acme, people.owner, [(f"E{n}", timezone.now() - timedelta(minutes=5 - n)) for n in range(5)])
    return people


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{LOGS}?range=7d")
    return page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_rows_are_walked_opened_and_closed(logs: Page) -> None:
    rows = logs.locator(".ev .x")
    logs.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    logs.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    logs.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    for _ in range(2):
        logs.keyboard.press("x")
        expect(logs.locator(".det")).to_be_visible()
        logs.keyboard.press("x")
        expect(logs.locator(".det")).to_have_count(0)
        expect(rows.nth(0)).to_be_focused()
    logs.keyboard.press("Enter")
    expect(logs.locator(".det")).to_be_visible()
    logs.keyboard.press("Escape")
    expect(logs.locator(".det")).to_have_count(0)


def slowly(route: Route) -> None:
    time.sleep(0.5)
    route.continue_()


def test_enter_waits_for_the_keys_before_it(logs: Page) -> None:
    logs.route("**/keys*.js", slowly)
    logs.locator("#apps").focus()
    logs.keyboard.press("j")
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev.open")).to_have_count(1)
    expect(logs.locator("#apps-pop")).to_be_hidden()


@pytest.mark.parametrize(
    ("key", "where"),
    [("/", "#q"), ("f", ".rail summary >> nth=0"), ("a", "[data-find-app]"), ("d", "#period-pop :checked")],
)
def test_a_key_leads_to_its_part(key: str, where: str, logs: Page) -> None:
    logs.keyboard.press(key)
    expect(logs.locator(where)).to_be_focused()


def test_filters_open_as_a_drawer_where_it_is_narrow(logs: Page) -> None:
    logs.set_viewport_size({"width": 390, "height": 900})
    logs.keyboard.press("f")
    expect(logs.locator(".rail:popover-open")).to_be_visible()


def test_the_entry_opens_in_the_panel(logs: Page) -> None:
    logs.keyboard.press("j")
    expect(logs.locator(".ev .x").first).to_be_focused()
    logs.keyboard.press("o")
    expect(logs.locator(".panel")).to_be_visible()


def test_live_is_turned_on_and_off(logs: Page) -> None:
    logs.keyboard.press("l")
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "true")
    logs.keyboard.press("l")
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")


def test_a_link_is_copied_to_the_page_or_to_the_entry(logs: Page) -> None:
    logs.keyboard.press("c")
    expect(logs.locator("#say")).to_have_text("Link to this page copied")
    assert clipboard(logs) == logs.url
    logs.keyboard.press("j")
    expect(logs.locator(".ev .x").first).to_be_focused()
    logs.keyboard.press("c")
    expect(logs.locator("#say")).to_have_text("Link to the entry copied")
    assert "/entries/" in clipboard(logs)


def test_the_sheet_opens_by_key_button_and_menu_and_closes(logs: Page) -> None:
    sheet = logs.get_by_role("dialog", name="Keyboard shortcuts")
    logs.keyboard.press("Shift+?")
    expect(sheet).to_be_visible()
    logs.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    logs.get_by_role("button", name="all shortcuts").click()
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()
    logs.get_by_role("button", name="Display").click()
    logs.locator("#disp").get_by_role("button", name="Keyboard shortcuts").click()
    expect(sheet).to_be_visible()


def test_keys_are_off_in_the_sheet_while_typing_and_with_modifiers(logs: Page) -> None:
    logs.keyboard.press("Shift+?")
    expect(logs.locator("#keys")).to_be_visible()
    logs.keyboard.press("a")
    expect(logs.locator("#apps-pop")).to_be_hidden()
    logs.keyboard.press("Escape")
    logs.locator("#q").fill("")
    logs.locator("#q").press_sequentially("jad?")
    expect(logs.locator("#q")).to_have_value("jad?")
    expect(logs.locator("#keys")).to_be_hidden()
    logs.locator("#results-heading").focus()
    logs.keyboard.press("Control+d")
    expect(logs.locator("#period-pop")).to_be_hidden()


def test_keys_stay_off_when_turned_off(logs: Page) -> None:
    logs.evaluate("document.documentElement.dataset.shortcuts = 'off'")
    for key in ("Shift+?", "a", "l", "j"):
        logs.keyboard.press(key)
    logs.wait_for_timeout(200)
    expect(logs.locator("#keys")).to_be_hidden()
    expect(logs.locator("#apps-pop")).to_be_hidden()
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")


def test_the_sheet_names_every_key(logs: Page) -> None:
    logs.keyboard.press("Shift+?")
    named = set("".join(logs.locator("#keys .kbd").all_inner_texts()).lower().replace("esc", ""))
    assert named == set("jk↵xo/fadlc→←[")


def test_the_sheet_is_accessible(logs: Page, axe: Callable[[Page], list[str]]) -> None:
    def open_sheet(page: Page) -> None:
        page.keyboard.press("Shift+?")
        expect(page.locator("#keys")).to_be_visible()

    assert findings(logs, LOGS, axe, open_sheet) == []

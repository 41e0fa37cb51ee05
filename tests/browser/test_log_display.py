"""The display menu in a browser: at once with JavaScript, by a button without; remembered either way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from auditlog.models import DisplayPreference
from controlcenter.context import SYSTEM, acting_as
from tests.browser.reading import LOGS
from tests.browser.test_accessibility import findings
from tests.factories import People, make_people
from tests.history import LONG_AGO, session_of, write

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
    write(people.acme, people.owner, [(f"E{n}", NOW - timedelta(hours=60 - n)) for n in range(60)])
    return people


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS)
    return page


@pytest.fixture
def plain(page_without_javascript: Page, people: People, live_server: LiveServer) -> Page:
    page_without_javascript.context.add_cookies(session_of(people.owner, live_server.url))
    page_without_javascript.goto(LOGS)
    return page_without_javascript


def menu(page: Page) -> None:
    page.get_by_role("button", name="Display").click()
    expect(page.locator("#disp")).to_be_visible()


def headers(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".ev-t th").all_inner_texts()[1:]]


def test_columns_come_and_go_at_once_and_are_remembered(logs: Page) -> None:
    menu(logs)
    logs.locator("#disp").get_by_label("Request ID").check()
    expect(logs.locator(".c-request").first).to_contain_text("made-")
    logs.locator("#disp").get_by_label("Where", exact=True).uncheck()
    expect(logs.locator(".c-where")).to_have_count(0)
    expect(logs.locator("#disp")).to_be_visible()
    expect(logs.locator("#disp").get_by_label("Where", exact=True)).to_be_focused()
    assert logs.url.endswith(LOGS)
    logs.reload()
    assert headers(logs) == ["When", "Who", "What", "Status", "Request ID"]


def test_an_open_row_is_as_wide_as_the_columns(logs: Page) -> None:
    menu(logs)
    logs.locator("#disp").get_by_label("Request ID").check()
    expect(logs.locator(".c-request").first).to_be_visible()
    logs.keyboard.press("Escape")
    logs.locator(".ev .x").first.click()
    expect(logs.locator(".det > td")).to_have_attribute("colspan", "7")


def test_rows_get_denser(logs: Page) -> None:
    tall = logs.locator(".ev").first.bounding_box()
    menu(logs)
    logs.locator("#disp").get_by_text("Compact").click()
    expect(logs.locator("#results")).to_have_attribute("data-density", "compact")
    low = logs.locator(".ev").first.bounding_box()
    assert tall
    assert low
    assert round(low["height"]) == 32 < tall["height"] - 10


def test_the_oldest_come_first_and_pages_lead_on(logs: Page) -> None:
    menu(logs)
    logs.locator("#disp").get_by_text("Oldest first").click()
    expect(logs.locator(".ev .r").first).to_have_text("E0")
    logs.keyboard.press("Escape")
    logs.keyboard.press("ArrowRight")
    expect(logs.locator(".ev .r").last).to_have_text("E59")
    assert "after=" in logs.url
    logs.keyboard.press("ArrowLeft")
    expect(logs.locator(".ev .r").first).to_have_text("E0")


def test_what_scripts_have_placed_is_not_copied_into_what_comes(logs: Page) -> None:
    logs.evaluate("document.querySelector('#plot').style.setProperty('--x', '1px')")
    logs.keyboard.press("ArrowRight")
    expect(logs.locator(".ev")).to_have_count(10)


def test_times_tell_how_long_ago_and_go_on(logs: Page) -> None:
    logs.clock.install(time=NOW)
    logs.goto(LOGS)
    menu(logs)
    logs.locator("#disp").get_by_text("Relative").click()
    newest = logs.locator(".ev time").first
    expect(newest).to_have_text("1 hour ago")
    expect(newest).to_have_attribute("title", "Nov 22 14:30:00")
    logs.clock.fast_forward("01:00:30")
    expect(newest).to_have_text("2 hours ago")


@pytest.fixture
def in_tokyo(browser: Browser, people: People, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url, timezone_id="Asia/Tokyo", locale="en-US")
    context.add_cookies(session_of(people.owner, live_server.url))
    page = context.new_page()
    page.goto(LOGS)
    yield page
    context.close()


def test_the_zone_is_the_browsers_or_any(in_tokyo: Page) -> None:
    menu(in_tokyo)
    in_tokyo.locator("#disp").get_by_text("Browser").click()
    expect(in_tokyo.locator(".count .zone")).to_have_text("Times in Asia/Tokyo")
    expect(in_tokyo.locator(".ev time").first).to_contain_text("23:30:00")
    in_tokyo.locator("#disp").get_by_text("Other", exact=True).click()
    in_tokyo.locator("#disp").get_by_label("Other time zone").fill("America/Lima")
    in_tokyo.locator("#disp").get_by_label("Other time zone").press("Tab")
    expect(in_tokyo.locator(".count .zone")).to_have_text("Times in America/Lima")
    in_tokyo.goto(LOGS)
    expect(in_tokyo.locator(".count .zone")).to_have_text("Times in America/Lima")
    menu(in_tokyo)
    expect(in_tokyo.locator("#disp").get_by_label("Other", exact=True)).to_be_checked()
    in_tokyo.locator("#disp").get_by_text("UTC").click()
    expect(in_tokyo.locator(".count .zone")).to_have_text("Times in UTC")


def test_what_is_chosen_as_soon_as_an_answer_is_there_stays(in_tokyo: Page) -> None:
    menu(in_tokyo)
    typed = in_tokyo.evaluate_handle("""() => ({value: new Promise((resolve) => {
        const other = document.querySelector('#other-zone');
        document.addEventListener('htmx:afterSwap', () => setTimeout(() => {
            other.value = 'America/Lima';
            setTimeout(() => resolve(other.value), 100);
        }), { once: true });
    })})""")
    in_tokyo.locator("#disp").get_by_text("Browser").click()
    assert typed.evaluate("typed => typed.value") == "America/Lima"


def test_the_menu_follows_an_address_that_shows_otherwise(logs: Page) -> None:
    logs.goto(f"{LOGS}?density=compact&sort=asc&tz=Asia%2FTokyo&col=what")
    menu(logs)
    expect(logs.locator("#disp").get_by_label("Compact")).to_be_checked()
    expect(logs.locator("#disp").get_by_label("Oldest first")).to_be_checked()
    expect(logs.locator("#disp").get_by_label("Other time zone")).to_have_value("Asia/Tokyo")
    expect(logs.locator("#disp").get_by_label("Who", exact=True)).not_to_be_checked()
    logs.locator("#disp").get_by_text("Comfortable").click()
    expect(logs.locator("#results")).to_have_attribute("data-density", "comfortable")
    assert headers(logs) == ["When", "What"]
    preference = DisplayPreference.objects.get()
    assert (preference.sort, preference.zone, len(preference.columns)) == ("desc", "", 4)


def test_back_leads_to_how_it_was_shown(logs: Page) -> None:
    logs.goto(f"{LOGS}?sort=asc")
    logs.get_by_role("link", name="Newer").click()
    expect(logs.locator(".ev")).to_have_count(10)
    logs.go_back()
    expect(logs.locator(".ev .r").first).to_have_text("E0")


def test_without_javascript_the_menu_has_a_button(plain: Page) -> None:
    menu(plain)
    plain.locator("#disp").get_by_text("Compact").click()
    plain.locator("#disp").get_by_text("Oldest first").click()
    plain.locator("#disp").get_by_label("Who", exact=True).uncheck()
    plain.locator("#disp").get_by_text("Other", exact=True).click()
    plain.locator("#disp").get_by_label("Other time zone").fill("Asia/Tokyo")
    plain.locator("#disp").get_by_role("button", name="Apply").click()
    assert headers(plain) == ["When", "What", "Where", "Status"]
    expect(plain.locator(".ev .r").first).to_have_text("E0")
    expect(plain.locator(".count .zone")).to_have_text("Times in Asia/Tokyo")
    plain.goto(LOGS)
    expect(plain.locator("#results")).to_have_attribute("data-density", "compact")


def test_without_javascript_a_zone_that_there_is_not_is_said(plain: Page) -> None:
    menu(plain)
    plain.locator("#disp").get_by_text("Other", exact=True).click()
    plain.locator("#disp").get_by_label("Other time zone").fill("Mars/Base")
    plain.locator("#disp").get_by_role("button", name="Apply").click()
    expect(plain.get_by_role("alert").first).to_contain_text("There is no time zone “Mars/Base”.")


ALL = "&".join(f"col={name}" for name in ("who", "what", "resource", "app", "where", "client", "status", "request"))


@pytest.mark.parametrize("query", ["", f"?density=compact&time=relative&sort=asc&{ALL}", "?col=when"])
def test_every_look_is_accessible(query: str, logs: Page, axe: Callable[[Page], list[str]]) -> None:
    assert findings(logs, f"{LOGS}{query}", axe) == []


def test_the_menu_is_accessible(logs: Page, axe: Callable[[Page], list[str]]) -> None:
    assert findings(logs, LOGS, axe, menu) == []

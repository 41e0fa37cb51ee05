"""Details in a browser: the panel by mouse and keys, copying, comparing, pivots and folds; also without JavaScript."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from controlcenter.context import SYSTEM, Where, acting_as
from controlcenter.operations import Operation
from controlcenter.resources.models import App
from tests.browser.test_accessibility import COLOUR_SCHEMES
from tests.factories import AppFactory, ModelFactory, People, make_people
from tests.history import LONG_AGO, entries_of, session_of, the_entry, write

from .reading import LOGS

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    """Sixty entries by Olga; after them two changes of an app, and the deletion of another one with three models."""
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        vision = AppFactory(account=people.acme, slug="vision", name="Vision", description="Finds cats on sofas")
        speech = AppFactory(account=people.acme, slug="speech", name="Speech")
        for number in range(3):
            ModelFactory(app=speech, slug=f"model-{number}", name=f"Model {number}")
    write(people.acme, people.owner, [(f"V{n}", NOW - timedelta(hours=70 - n)) for n in range(60)], vision)
    for minutes, text in ((9, "Finds dogs on sofas"), (7, "Finds dogs on chairs")):
        with acting_as(people.owner.as_actor(), where(f"edit-{minutes}"), at=NOW - timedelta(minutes=minutes)):
            vision.description = text
            vision.save()
    with acting_as(people.member.as_actor(), where("cascade"), at=NOW - timedelta(minutes=5)):
        App.objects.get(slug="speech").delete()
    return people


def where(request_id: str) -> Where:
    return Where("203.0.113.8", "203.0.113.8", user_agent="curl/8.7.1", request_id=request_id)


def entered(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    return page


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    entered(page, people, live_server).goto(LOGS)
    return page


@pytest.fixture
def plain(page_without_javascript: Page, people: People, live_server: LiveServer) -> Page:
    """The page without JavaScript."""
    return entered(page_without_javascript, people, live_server)


def rows(page: Page) -> list[str]:
    return [row.get_attribute("data-entry") or "" for row in page.locator(".ev[data-entry]").all()]


def open_by_key(page: Page, place: int) -> str:
    """Open an entry in the panel as the keyboard does, and return its id."""
    entry = rows(page)[place]
    page.locator(f"#entry-{entry} .x").focus()
    page.keyboard.press("o")
    expect(page.locator("#panel")).to_have_attribute("data-entry", entry)
    return entry


# The panel


def test_o_opens_the_panel_and_escape_returns_to_the_row(logs: Page) -> None:
    logs.goto(f"{LOGS}?fold=off")
    entry = open_by_key(logs, 6)
    expect(logs.locator("#panel-title")).to_be_focused()
    expect(logs.locator("#panel")).to_contain_text("Entry ID")
    assert f"panel={entry}" in logs.url
    logs.keyboard.press("Escape")
    expect(logs.locator("#panel")).to_be_hidden()
    expect(logs.locator(f"#entry-{entry} .x")).to_be_focused()
    assert "panel=" not in logs.url


def late(route: Route) -> None:
    time.sleep(0.5)
    route.continue_()


def test_o_waits_for_the_file_that_opens_the_panel(logs: Page) -> None:
    logs.route("**/details*.js", late)
    logs.goto(f"{LOGS}?fold=off")
    open_by_key(logs, 6)
    expect(logs.locator("#panel-title")).to_be_focused()


def test_what_is_pressed_waits_for_the_file_that_hears_it(logs: Page) -> None:
    entry = open_by_key(logs, -3)
    logs.route("**/details*.js", late)
    logs.reload()
    logs.locator(".fold .x").click()
    expect(logs.locator(".ev[data-entry][hidden]")).to_have_count(0)
    assert f"panel={entry}" in logs.url
    logs.reload()
    logs.keyboard.press("Escape")
    expect(logs.locator("#panel")).to_be_hidden()


def test_a_fold_is_a_link_while_its_file_is_out_of_reach(logs: Page, browser_problems: list[str]) -> None:
    logs.route("**/details*.js", lambda route: route.abort())
    logs.locator(".fold .x").click()
    logs.wait_for_url("**fold=off**")
    expect(logs.locator(".ev[data-entry][hidden]")).to_have_count(0)
    browser_problems.clear()


def test_the_button_of_a_row_opens_it_and_the_cross_closes_it(logs: Page) -> None:
    row = logs.locator(".ev[data-entry]:not([hidden])").first
    row.hover()
    row.get_by_role("link", name="Open in panel").click()
    expect(logs.locator("#panel")).to_have_attribute("data-entry", row.get_attribute("data-entry") or "")
    logs.get_by_role("link", name="Close panel").click()
    expect(logs.locator("#panel")).to_be_hidden()
    expect(row.locator(".x")).to_be_focused()


def test_j_and_k_turn_it_over_also_across_pages(logs: Page) -> None:
    logs.goto(f"{LOGS}?fold=off")
    before_last, last = rows(logs)[-2:]
    open_by_key(logs, -2)
    logs.keyboard.press("j")
    expect(logs.locator("#panel")).to_have_attribute("data-entry", last)
    logs.keyboard.press("j")
    expect(logs.locator(".ev[data-entry]")).to_have_count(16)
    expect(logs.locator("#panel")).to_have_attribute("data-entry", rows(logs)[0])
    expect(logs.locator("#panel")).to_contain_text("Entry ID")
    logs.keyboard.press("k")
    expect(logs.locator("#panel")).to_have_attribute("data-entry", last)
    logs.keyboard.press("k")
    expect(logs.locator("#panel")).to_have_attribute("data-entry", before_last)


def test_it_ends_with_the_last_entry(logs: Page) -> None:
    logs.goto(f"{LOGS}?operation=APPLICATION_UPDATE")
    open_by_key(logs, 1)
    following = logs.locator("#panel [data-panel=below]")
    expect(following).to_have_attribute("aria-disabled", "true")
    logs.keyboard.press("j")
    expect(logs.locator("#say")).to_have_text("This is the last entry")


def test_the_address_opens_it_again(logs: Page) -> None:
    entry = open_by_key(logs, -3)
    logs.reload()
    expect(logs.locator("#panel")).to_have_attribute("data-entry", entry)
    logs.keyboard.press("Escape")
    expect(logs.locator("#panel")).to_be_hidden()


def test_another_filter_closes_it(logs: Page) -> None:
    open_by_key(logs, -3)
    logs.locator("#panel").get_by_role("link", name="Show only this status").click()
    expect(logs.locator(".chip")).to_contain_text("Success")
    expect(logs.locator("#panel")).to_be_hidden()


# Copying, comparing, ways on


def test_values_link_and_json_are_copied(logs: Page) -> None:
    logs.context.grant_permissions(["clipboard-read", "clipboard-write"])
    logs.goto(f"{LOGS}?operation=APPLICATION_UPDATE")
    entry = open_by_key(logs, 0)
    panel = logs.locator("#panel")

    def copied(name: str) -> str:
        panel.get_by_role("button", name=name, exact=True).click()
        expect(logs.locator("#say")).to_have_text("Copied")
        return str(logs.evaluate("navigator.clipboard.readText()"))

    assert copied("Copy IP address") == "203.0.113.8"
    assert copied("Copy link").endswith(f"{LOGS}entries/{entry}/")
    assert '"operation"' in copied("Copy JSON")


def test_two_entries_are_compared(logs: Page) -> None:
    logs.goto(f"{LOGS}?operation=APPLICATION_UPDATE")
    open_by_key(logs, 0)
    logs.locator("#panel").get_by_role("link", name="Compare with…").click()
    logs.get_by_role("link", name="Compare with Applications updated").click()
    expect(logs.get_by_role("heading", name="1 field differs")).to_be_visible()
    assert logs.locator(".diff del").all_inner_texts() == ["sofas"]
    assert logs.locator(".diff ins").all_inner_texts() == ["chairs"]


def test_a_value_leads_to_entries_like_it_without_a_new_page(logs: Page) -> None:
    logs.evaluate("window.same = true")
    logs.locator(".ev[data-entry]:not([hidden]) .x").first.click()
    logs.locator(".det").get_by_role("link", name="Show only this operation").click()
    expect(logs.locator(".chip")).to_contain_text("Applications updated")
    expect(logs.locator(".ev")).to_have_count(2)
    assert logs.evaluate("window.same")


# Folded lines


def test_a_folded_line_opens_and_closes_in_place(logs: Page) -> None:
    fold = logs.locator(".fold")
    expect(fold).to_contain_text("4 entries of one request")
    hidden = logs.locator(".ev[data-entry][hidden]")
    expect(hidden).to_have_count(4)
    fold.locator(".x").click()
    expect(hidden).to_have_count(0)
    expect(fold.locator(".x")).to_have_attribute("aria-expanded", "true")
    fold.locator(".c-what").click()
    expect(hidden).to_have_count(4)
    assert "fold=" not in logs.url


def test_keys_pass_over_what_is_folded_and_open_it(logs: Page) -> None:
    logs.locator(".fold .x").focus()
    logs.keyboard.press("j")
    expect(logs.locator(".ev[data-entry]:not([hidden]) .x").first).to_be_focused()
    logs.keyboard.press("k")
    expect(logs.locator(".fold .x")).to_be_focused()
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev[data-entry][hidden]")).to_have_count(0)
    logs.keyboard.press("j")
    logs.keyboard.press("Enter")
    expect(logs.locator("tr.det")).to_contain_text("APPLICATION_DELETE")
    logs.reload()
    expect(logs.locator(".fold")).to_have_count(0)
    expect(logs.locator("tr.det")).to_have_count(1)


# Without JavaScript


def test_without_javascript_the_panel_is_links(plain: Page) -> None:
    plain.goto(f"{LOGS}?fold=off")
    last = rows(plain)[-1]
    plain.goto(f"{LOGS}?fold=off&panel={last}")
    expect(plain.locator("#panel")).to_have_attribute("data-entry", last)
    plain.get_by_role("link", name="Next entry").click()
    assert plain.locator("#panel").get_attribute("data-entry") == rows(plain)[0] != last
    plain.get_by_role("link", name="Previous entry").click()
    expect(plain.locator("#panel")).to_have_attribute("data-entry", last)
    plain.get_by_role("link", name="Close panel").click()
    expect(plain.locator("#panel")).to_be_hidden()


def test_without_javascript_folded_lines_come_by_a_link(plain: Page) -> None:
    plain.goto(LOGS)
    expect(plain.locator(".ev:visible")).to_have_count(47)
    plain.locator(".fold .x").click()
    expect(plain.locator(".ev:visible")).to_have_count(50)
    plain.get_by_role("link", name="Fold what belongs together").click()
    expect(plain.locator(".fold")).to_have_count(1)


def test_without_javascript_values_lead_on_and_entries_compare(plain: Page, people: People) -> None:
    entry = entries_of(people.acme, Operation.APPLICATION_UPDATE)[-1]
    plain.goto(f"{LOGS}entries/{entry.id}/")
    expect(plain.get_by_role("button", name="Copy")).to_have_count(0)
    plain.get_by_role("link", name="15 minutes before and after, from this address").click()
    expect(plain.locator(f"#entry-{entry.id}.open")).to_be_visible()
    expect(plain.locator(".ev:visible")).to_have_count(3)
    plain.goto(f"{LOGS}entries/{entry.id}/")
    plain.get_by_role("link", name="Compare with…").click()
    plain.get_by_role("link", name="Compare with Applications updated").click()
    expect(plain.get_by_role("heading", name="1 field differs")).to_be_visible()


# For everybody


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_for_axe_to_find(width: int, logs: Page, people: People, axe: Callable[[Page], list[str]]) -> None:
    one, other = entries_of(people.acme, Operation.APPLICATION_UPDATE)
    team = the_entry(people.acme, Operation.APPLICATION_DELETE)
    logs.set_viewport_size({"width": width, "height": 900})
    for address in (
        f"{LOGS}?panel={other.id}",
        f"{LOGS}?event={other.id}",
        LOGS,
        f"{LOGS}entries/{other.id}/",
        f"{LOGS}entries/{other.id}/compare/",
        f"{LOGS}entries/{team.id}/compare/",
        f"{LOGS}entries/{other.id}/compare/{one.id}/",
        f"{LOGS}entries/{other.id}/compare/{team.id}/",
    ):
        logs.goto(address)
        for scheme in COLOUR_SCHEMES if width == 1440 else COLOUR_SCHEMES[:1]:
            logs.emulate_media(color_scheme=scheme)
            assert axe(logs) == [], (address, width, scheme)
        assert logs.evaluate("document.documentElement.scrollWidth <= innerWidth"), address

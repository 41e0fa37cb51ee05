"""Facets, query bar, chips and what is said when nothing is found, in a browser; with and without JavaScript."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account
from controlcenter.context import SYSTEM, Where, acting_as, attempting
from controlcenter.operations import Operation
from tests.factories import AppFactory, People, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS, query, sentences

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    """Sixty entries of Olga's, three of Max's, one failure of his."""
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        vision = AppFactory(account=people.acme, slug="vision", name="Vision")
    write(people.acme, people.owner, [(f"By Olga {n}", NOW - timedelta(hours=n + 1)) for n in range(60)], vision)
    write(people.acme, people.member, [(f"By Max {n}", NOW - timedelta(minutes=n + 1)) for n in range(3)])
    fail(people.acme, people)
    return people


def fail(account: Account, people: People) -> None:
    where = Where("198.51.100.9", request_id="failing-1")
    actor, time = people.member.as_actor(), NOW - timedelta(minutes=30)
    with acting_as(actor, where, at=time), attempting(Operation.MODEL_DELETE, account_id=account.pk) as attempt:
        attempt.refuse("in_use", "The workflow quota-check still uses it.")


def open_logs(page: Page, people: People, live_server: LiveServer, query: str = "") -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS + query)
    return page


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    return open_logs(page, people, live_server)


@pytest.fixture
def plain_logs(page_without_javascript: Page, people: People, live_server: LiveServer) -> Page:
    return open_logs(page_without_javascript, people, live_server)


def chips(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(".chip > span").all_inner_texts()]


def test_a_facet_narrows_at_once_and_keeps_the_focus(logs: Page) -> None:
    logs.get_by_role("checkbox", name="Max Member").check()
    expect(logs.locator(".ev")).to_have_count(4)
    assert query(logs) == "actor=max"
    assert chips(logs) == ["Actor is Max Member"]
    expect(logs.locator("#q")).to_have_value("actor:max")
    expect(logs.get_by_role("checkbox", name="Max Member")).to_be_focused()
    expect(logs.locator("#say")).to_contain_text("4 of 4 entries")
    logs.get_by_role("checkbox", name="Failure").check()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "actor=max&status=failure"
    logs.go_back()
    expect(logs.locator(".ev")).to_have_count(4)


def test_a_value_can_be_left_out(logs: Page) -> None:
    logs.get_by_text("Olga Owner", exact=True).first.hover()
    logs.get_by_role("link", name="Hide actor Olga Owner").click()
    expect(logs.locator(".ev")).to_have_count(4)
    assert chips(logs) == ["Actor is not Olga Owner"]
    expect(logs.locator("#q")).to_have_value("-actor:olga")
    logs.get_by_role("link", name="Remove filter: actor is not Olga Owner").click()
    expect(logs.locator(".ev")).to_have_count(50)
    assert query(logs) == ""


def test_an_address_or_network_can_be_typed(logs: Page) -> None:
    logs.locator("#facet-ip").evaluate("facet => facet.open = true")
    logs.get_by_label("Address or network").fill("198.51.100.0/24")
    logs.get_by_label("Address or network").press("Enter")
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "ip=198.51.100.0%2F24"


def test_the_bar_becomes_facets_and_chips(logs: Page) -> None:
    logs.keyboard.press("/")
    expect(logs.locator("#q")).to_be_focused()
    logs.locator("#q").fill('-actor:olga status:failure "quota-check"')
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "-actor=olga&status=failure&text=quota-check"
    assert chips(logs) == ["Actor is not Olga Owner", "Status is Failure", "Text has quota-check"]
    expect(logs.get_by_role("checkbox", name="Failure")).to_be_checked()
    expect(logs.locator("#q")).to_have_value("-actor:olga status:failure quota-check")
    logs.get_by_role("checkbox", name="Failure").uncheck()
    expect(logs.locator("#q")).to_have_value("-actor:olga quota-check")


def test_the_bar_completes_fields_and_values(logs: Page) -> None:
    logs.locator("#q").click()
    expect(logs.get_by_role("option", name="actor: A person's ID")).to_be_visible()
    logs.keyboard.type("act")
    expect(logs.get_by_role("option")).to_have_count(3)  # actor, actor_type, and to look for it as text
    logs.keyboard.press("ArrowDown")
    logs.keyboard.press("Enter")
    expect(logs.locator("#q")).to_have_value("actor:")
    logs.keyboard.type("ma")
    expect(logs.get_by_role("option")).to_have_text(["actor:max Max Member4 entries"])
    logs.keyboard.press("ArrowDown")
    expect(logs.locator("#q")).to_have_attribute("aria-activedescendant", "suggestion-1")
    logs.keyboard.press("Enter")
    expect(logs.locator("#q")).to_have_value("actor:max ")
    logs.keyboard.press("Escape")
    expect(logs.locator("#suggest")).to_be_hidden()
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev")).to_have_count(4)


def test_a_choice_and_an_escape_are_quicker_than_an_answer(logs: Page) -> None:
    logs.clock.install()
    logs.locator("#q").click()
    logs.keyboard.type("actor:m")
    logs.clock.run_for(200)
    expect(logs.get_by_role("option")).to_have_text(["actor:max Max Member4 entries"])
    logs.keyboard.press("ArrowDown")
    logs.keyboard.type("a")  # The answer to this comes while the first one's is chosen from.
    with logs.expect_response("**/suggestions/**"):
        logs.clock.run_for(200)
    expect(logs.get_by_role("option", selected=True)).to_have_count(1)
    logs.keyboard.type("x")
    logs.keyboard.press("Enter")
    expect(logs.locator("#q")).to_have_value("actor:max ")
    logs.keyboard.press("Escape")
    asked: list[str] = []
    logs.on("request", lambda request: asked.append(request.url))
    logs.clock.run_for(200)
    expect(logs.locator("#suggest")).to_be_hidden()
    assert asked == []


def test_a_typo_shows_no_entries_and_the_nearest_name(logs: Page) -> None:
    logs.locator("#q").fill("status:failure actr:max")
    logs.keyboard.press("Enter")
    alert = "Column 16: there is no field “actr”. Did you mean actor?"
    expect(logs.get_by_text(alert)).to_be_visible()
    assert sentences(logs) == []
    expect(logs.locator("#q")).to_have_value("status:failure actr:max")
    expect(logs.locator("#q")).to_have_attribute("aria-invalid", "true")


def test_nothing_found_says_what_to_take_away(logs: Page) -> None:
    logs.goto(f"{LOGS}?actor=olga&status=failure")
    expect(logs.get_by_role("heading", name="No entries match these filters")).to_be_visible()
    logs.get_by_role("link", name="Remove actor").click()
    expect(logs.locator(".ev")).to_have_count(1)


def test_all_filters_are_cleared_and_the_dates_stay(logs: Page) -> None:
    logs.goto(f"{LOGS}?actor=max&status=failure&range=7d")
    logs.get_by_role("link", name="Clear all").click()
    expect(logs.locator(".ev")).to_have_count(50)
    assert query(logs) == "range=7d"


def test_facets_open_as_a_drawer_and_stay_open(logs: Page) -> None:
    logs.set_viewport_size({"width": 390, "height": 800})
    logs.get_by_role("button", name="Filters").click()
    logs.get_by_role("checkbox", name="Max Member").check()
    expect(logs.locator(".ev")).to_have_count(4)
    expect(logs.locator("#rail")).to_be_visible()
    logs.get_by_role("button", name="Close filters").click()
    expect(logs.locator("#rail")).to_be_hidden()


def test_facets_and_bar_without_javascript(plain_logs: Page) -> None:
    plain_logs.get_by_role("checkbox", name="Max Member").check()
    plain_logs.get_by_role("button", name="Apply filters").click()
    assert (query(plain_logs), plain_logs.locator(".ev").count()) == ("actor=max", 4)
    plain_logs.locator("#q").fill("actor:max status:failure")
    plain_logs.locator("#q").press("Enter")
    assert (query(plain_logs), plain_logs.locator(".ev").count()) == ("actor=max&status=failure", 1)
    plain_logs.get_by_role("link", name="Remove filter: actor is Max Member").click()
    assert query(plain_logs) == "status=failure"
    plain_logs.get_by_role("link", name="Hide actor Max Member").click()
    assert query(plain_logs) == "-actor=max&status=failure"
    plain_logs.locator("#q").fill("actr:max")
    plain_logs.locator("#q").press("Enter")
    expect(plain_logs.get_by_text("Did you mean actor?")).to_be_visible()
    assert sentences(plain_logs) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(logs: Page, axe: Callable[[Page], list[str]], theme: str) -> None:
    logs.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    for address in ("?-actor=max&status=success&type=model", "?q=actr:max", "?actor=olga&status=failure"):
        logs.goto(LOGS + address)
        assert axe(logs) == [], address
    logs.locator("#q").click()
    expect(logs.get_by_role("option").first).to_be_visible()
    assert axe(logs) == []
    if theme == "dark":
        return
    logs.set_viewport_size({"width": 390, "height": 800})
    logs.goto(LOGS)
    logs.get_by_role("button", name="Filters").click()
    assert axe(logs) == []


def test_times_of_a_range_stay_when_a_facet_is_chosen(logs: Page) -> None:
    logs.goto(f"{LOGS}?from=2026-11-22T15:00&to=2026-11-22T15:29")
    logs.get_by_role("checkbox", name="Failure").check()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "status=failure&from=2026-11-22T15%3A00&to=2026-11-22T15%3A29"


def test_a_second_choice_made_before_the_first_is_answered_counts(logs: Page, browser_problems: list[str]) -> None:
    logs.get_by_role("checkbox", name="Max Member").check()
    logs.get_by_role("checkbox", name="Failure").check()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "actor=max&status=failure"
    browser_problems.clear()  # htmx tells the console that the first request was given up.


def test_the_address_of_a_typo_shows_no_entries_either(logs: Page) -> None:
    logs.locator("#q").fill("actr:max")
    logs.keyboard.press("Enter")
    expect(logs.get_by_text("Did you mean actor?")).to_be_visible()
    logs.reload()
    expect(logs.get_by_text("Did you mean actor?")).to_be_visible()
    assert sentences(logs) == []

"""Live in a browser: within three seconds, behind a button, and nothing moves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, Plan
from auditlog.models import Entry
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation
from tests.browser.reading import LOGS
from tests.browser.test_accessibility import COLOUR_SCHEMES
from tests.factories import People, make_people
from tests.history import LONG_AGO, session_of, write

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = "**/newer/**"


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
    write(people.acme, people.owner, [(f"E{n}", timezone.now() - timedelta(minutes=90 - n)) for n in range(60)])
    return people


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.clock.install()  # Its seconds pass as told.
    page.goto(LOGS)
    return page


def live(page: Page) -> Page:
    page.locator("#live").click()
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    return page


def tell(people: People, count: int = 1) -> None:
    write(people.acme, people.owner, [("New", timezone.now()) for _ in range(count)])


def counting(page: Page) -> list[str]:
    """Return a list that gets each question from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/newer/" in request.url else None)
    return asked


def hide(page: Page, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def test_new_entries_come_within_three_seconds_behind_a_button(logs: Page, people: People) -> None:
    live(logs)
    with logs.expect_response(ASKED):
        logs.clock.run_for(2500)
    expect(logs.locator("#fresh")).to_be_hidden()
    tell(people, 12)
    logs.clock.run_for(3000)
    button = logs.get_by_role("button", name="12 new entries")
    expect(button).to_be_visible()
    expect(logs.locator("#say")).to_have_text("12 new entries")
    expect(logs.locator(".ev .r", has_text="New")).to_have_count(0)
    button.click()
    expect(logs.locator(".ev.new")).to_have_count(12)
    expect(logs.locator(".ev .r", has_text="New")).to_have_count(12)
    expect(logs.locator("#fresh")).to_be_hidden()
    expect(logs.locator("#results-heading")).to_be_focused()
    tell(people)
    expect(logs.get_by_role("button", name="1 new entry")).to_be_visible()


def test_nothing_moves_by_itself(logs: Page, people: People) -> None:
    live(logs)
    row = logs.locator(".ev .x").nth(30)
    row.focus()
    logs.evaluate("scrollBy(0, 400)")
    before = logs.evaluate("[scrollY, document.activeElement.closest('.ev').getBoundingClientRect().top]")
    tell(people, 3)
    expect(logs.get_by_role("button", name="3 new entries")).to_be_visible()
    assert logs.evaluate("[scrollY, document.activeElement.closest('.ev').getBoundingClientRect().top]") == before
    expect(row).to_be_focused()


def test_a_count_grows_up_to_ninety_nine(logs: Page, people: People) -> None:
    live(logs)
    tell(people, 60)
    expect(logs.get_by_role("button", name="60 new entries")).to_be_visible()
    tell(people, 60)
    expect(logs.get_by_role("button", name="99+ new entries")).to_be_visible()


def test_a_hidden_page_asks_nothing_and_goes_on(logs: Page, people: People) -> None:
    live(logs)
    hide(logs, True)
    logs.wait_for_load_state("networkidle")  # What was asked before is answered.
    asked = counting(logs)
    tell(people, 2)
    logs.clock.run_for(4500)
    assert asked == []
    hide(logs, False)
    expect(logs.get_by_role("button", name="2 new entries")).to_be_visible()


def test_it_says_when_the_server_is_out_of_reach_and_waits_longer_each_time(
    logs: Page, people: People, browser_problems: list[str]
) -> None:
    logs.route(ASKED, lambda route: route.abort())
    logs.clock.pause_at(timezone.now() + timedelta(minutes=1))
    live(logs)
    with logs.expect_event("requestfailed"):
        logs.clock.run_for(2000)
    expect(logs.locator("#fresh")).to_contain_text("Live can’t reach the server. It keeps trying.")
    expect(logs.locator("#say")).to_have_text("Live can’t reach the server. It keeps trying.")
    asked = counting(logs)
    logs.clock.run_for(3900)
    assert asked == [], "it waits twice as long as before"
    with logs.expect_event("requestfailed"):
        logs.clock.run_for(200)
    tell(people, 4)
    logs.unroute(ASKED)
    logs.get_by_role("button", name="Try now").click()
    logs.clock.run_for(10)
    expect(logs.get_by_role("button", name="4 new entries")).to_be_visible()
    expect(logs.locator("#live.lost")).to_have_count(0)
    browser_problems.clear()


def test_a_broken_answer_is_one_out_of_reach(logs: Page, browser_problems: list[str]) -> None:
    def fail(route: Route) -> None:
        route.fulfill(status=500, body="")

    logs.route(ASKED, fail)
    live(logs)
    expect(logs.locator("#fresh")).to_contain_text("Live can’t reach the server.")
    browser_problems.clear()


def test_who_is_signed_out_is_told_and_asked_to_sign_in(logs: Page) -> None:
    live(logs)
    logs.context.clear_cookies()
    expect(logs.locator("#fresh")).to_contain_text("You are signed out.")
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")
    asked = counting(logs)
    logs.clock.run_for(2500)
    assert asked == []
    logs.get_by_role("link", name="Sign in").click()
    logs.wait_for_url("**/sign-in/**")


def test_a_plan_that_was_lost_is_said(logs: Page, people: People, browser_problems: list[str]) -> None:
    live(logs)
    Account.objects.filter(pk=people.acme.pk).update(plan=Plan.objects.get(slug="community"))
    expect(logs.locator("#fresh")).to_contain_text("does not include reading the log")
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")
    browser_problems.clear()


def test_it_is_off_where_there_is_nothing_new_to_come_and_says_why(logs: Page) -> None:
    button = logs.locator("#live")
    logs.get_by_role("link", name="Older").click()
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", "Live needs the newest page. Go back to it.")
    button.click(force=True)
    expect(logs.locator("#say")).to_have_text("Live needs the newest page. Go back to it.")
    expect(button).to_have_attribute("aria-pressed", "false")
    logs.get_by_role("link", name="Newer").click()
    expect(button).to_have_attribute("aria-disabled", "false")


def test_it_stays_on_over_pages_that_cannot_be_watched_and_over_reloads(logs: Page, people: People) -> None:
    live(logs)
    logs.get_by_role("link", name="Older").click()
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")
    asked = counting(logs)
    logs.clock.run_for(2500)
    assert asked == []
    logs.get_by_role("link", name="Newer").click()
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "true")
    logs.reload()
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "true")
    logs.locator("#live").click()
    logs.reload()
    expect(logs.locator("#live")).to_have_attribute("aria-pressed", "false")


def test_a_question_leaves_nothing_in_the_log(logs: Page, people: People) -> None:
    logs.goto(f"{LOGS}?status=success")
    views = Entry.objects.with_operation(Operation.LOG_VIEW).count()
    asked = counting(logs)
    live(logs)
    for _ in range(2):
        with logs.expect_response(ASKED):
            logs.clock.run_for(2000)
    assert len(asked) >= 2
    assert Entry.objects.with_operation(Operation.LOG_VIEW).count() == views == 1


def test_it_is_accessible_with_something_new(logs: Page, people: People, axe: Callable[[Page], list[str]]) -> None:
    live(logs)
    tell(people, 2)
    logs.clock.run_for(3000)
    expect(logs.get_by_role("button", name="2 new entries")).to_be_visible()
    for width in (1440, 390):
        logs.set_viewport_size({"width": width, "height": 900})
        for scheme in COLOUR_SCHEMES if width == 1440 else COLOUR_SCHEMES[:1]:
            logs.emulate_media(color_scheme=scheme)
            assert axe(logs) == []
    logs.set_viewport_size({"width": 320, "height": 900})
    assert logs.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_without_javascript_there_is_no_live(
    page_without_javascript: Page, people: People, live_server: LiveServer
) -> None:
    page_without_javascript.context.add_cookies(session_of(people.owner, live_server.url))
    page_without_javascript.goto(LOGS)
    expect(page_without_javascript.locator("#live")).to_be_hidden()

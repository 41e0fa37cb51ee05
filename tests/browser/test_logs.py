"""Teams & Logs in a browser: picking apps and dates, opening rows, paging, keys, and what the address remembers."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from controlcenter.context import SYSTEM, acting_as
from tests.factories import AppFactory, People, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS, query, sentences

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
TOTAL = 60


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    """Three apps: 60 entries of this month in Vision, one in Speech, one of last month in Speech."""
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        vision = AppFactory(account=people.acme, slug="vision", name="Vision")
        speech = AppFactory(account=people.acme, slug="speech", name="Speech")
        AppFactory(account=people.acme, slug="quiet", name="Quiet")
    write(people.acme, people.owner, [(f"V{n}", NOW - timedelta(hours=TOTAL - n)) for n in range(TOTAL)], vision)
    write(people.acme, people.owner, [("S", NOW - timedelta(minutes=1)), ("Old", NOW - timedelta(days=30))], speech)
    return people


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS)
    return page


def pick(page: Page, *apps: str) -> None:
    page.locator("#apps").click()
    for app in apps:
        page.locator("#apps-pop").get_by_label(app, exact=True).check()
    page.locator("#apps-pop").get_by_role("button", name="Apply").click()


# Apps


def test_picking_apps_narrows_the_log_and_its_address(logs: Page) -> None:
    pick(logs, "Speech", "Quiet")
    expect(logs.locator(".ev")).to_have_count(1)
    assert sentences(logs) == ["S"]
    assert query(logs) == "app=quiet&app=speech"
    expect(logs.locator("#apps")).to_contain_text("2 apps")
    expect(logs.locator("#say")).to_contain_text("1 of 1 entries")
    expect(logs.locator("#apps-pop")).to_be_hidden()


def test_an_address_can_be_shared_and_reloaded(logs: Page) -> None:
    logs.goto(f"{LOGS}?app=speech&range=30d")
    expect(logs.locator("#apps")).to_contain_text("Speech")
    expect(logs.locator("#period")).to_contain_text("Last 30 days")
    before = sentences(logs)
    logs.reload()
    assert sentences(logs) == before
    logs.locator("#apps").click()
    expect(logs.locator("#apps-pop").get_by_label("Speech", exact=True)).to_be_checked()


def test_the_picker_finds_apps_and_says_when_there_is_none(logs: Page) -> None:
    logs.locator("#apps").click()
    search = logs.get_by_label("Find an app")
    expect(search).to_be_focused()
    search.fill("spee")
    expect(logs.locator("#apps-pop").get_by_label("Speech", exact=True)).to_be_visible()
    expect(logs.locator("#apps-pop").get_by_label("Vision", exact=True)).to_be_hidden()
    search.fill("zebra")
    expect(logs.get_by_text("No app has this name.")).to_be_visible()


def test_closing_the_picker_without_apply_changes_nothing(logs: Page) -> None:
    logs.locator("#apps").click()
    speech = logs.locator("#apps-pop").get_by_label("Speech", exact=True)
    speech.check()
    expect(logs.get_by_text("1 selected")).to_be_visible()
    logs.keyboard.press("Escape")
    expect(logs.locator("#apps")).to_be_focused()
    assert query(logs) == ""
    logs.locator("#apps").click()
    expect(speech).not_to_be_checked()


def test_all_apps_unticks_the_others(logs: Page) -> None:
    pick(logs, "Speech")
    expect(logs.locator(".ev")).to_have_count(1)
    logs.locator("#apps").click()
    logs.locator("#apps-pop").get_by_label("All apps").check()
    logs.locator("#apps-pop").get_by_role("button", name="Apply").click()
    expect(logs.locator(".ev")).to_have_count(50)
    assert query(logs) == ""


# Dates


def test_a_preset_narrows_the_log(logs: Page) -> None:
    logs.locator("#period").click()
    logs.locator("#period-pop").get_by_text("Yesterday").click()
    expect(logs.locator("[name=from]")).to_have_value("2026-11-21")
    logs.locator("#period-pop").get_by_role("button", name="Apply").click()
    expect(logs.locator("#period")).to_contain_text("Nov 21, 2026")
    assert query(logs) == "range=yesterday"
    assert sentences(logs) == [f"V{n}" for n in range(44, 20, -1)]


def test_the_calendar_picks_both_ends(logs: Page) -> None:
    logs.locator("#period").click()
    day = logs.locator("#period-pop").get_by_role("button", name=re.compile("October 2[0-9]"))
    expect(day.first).to_be_visible()
    logs.locator("#period-pop").get_by_role("button", name="October 23").click()
    logs.locator("#period-pop").get_by_role("button", name="November 20").click()
    expect(logs.get_by_label("Custom")).to_be_checked()
    expect(logs.locator("[name=from]")).to_have_value("2026-10-23")
    expect(logs.locator("[name=to]")).to_have_value("2026-11-20")
    expect(logs.locator("#period-pop")).to_contain_text("29 days, UTC. Entries are kept for 730 days.")
    logs.locator("#period-pop").get_by_role("button", name="Apply").click()
    expect(logs.locator("#period")).to_contain_text("Oct 23 – Nov 20, 2026")
    assert query(logs) == "from=2026-10-23&to=2026-11-20"
    assert (sentences(logs)[0], sentences(logs)[-1]) == ("V20", "Old")


def test_two_months_are_shown_and_days_to_come_are_disabled(logs: Page) -> None:
    logs.locator("#period").click()
    popover = logs.locator("#period-pop")
    expect(popover.get_by_role("button", name="November 22")).to_be_enabled()
    expect(popover.get_by_role("button", name="October 1", exact=True)).to_be_visible()
    expect(popover.get_by_role("button", name="November 23")).to_be_disabled()


def test_cancel_forgets_what_was_chosen(logs: Page) -> None:
    logs.locator("#period").click()
    logs.locator("#period-pop").get_by_text("Last 7 days").click()
    logs.locator("#period-pop").get_by_role("button", name="Cancel").click()
    expect(logs.locator("#period")).to_be_focused()
    assert query(logs) == ""
    logs.locator("#period").click()
    expect(logs.locator("#period-pop").get_by_label("This billing month")).to_be_checked()
    expect(logs.locator("[name=from]")).to_have_value("2026-11-01")


def test_typed_dates_that_are_wrong_are_said_and_show_nothing(logs: Page) -> None:
    logs.locator("#period").click()
    logs.locator("[name=from]").fill("2026-11-20")
    logs.locator("[name=to]").fill("2026-11-10")
    expect(logs.get_by_text("The first date is after the last")).to_be_visible()
    logs.locator("#period-pop").get_by_role("button", name="Apply").click()
    expect(logs.get_by_role("alert").first).to_contain_text("The range is reversed")
    expect(logs.locator(".ev")).to_have_count(0)
    logs.get_by_role("link", name="Clear filters").click()
    expect(logs.locator(".ev")).to_have_count(50)


def test_a_zone_is_kept_by_the_controls(logs: Page) -> None:
    logs.goto(f"{LOGS}?tz=Asia%2FTokyo")
    expect(logs.get_by_text("Times in Asia/Tokyo")).to_be_visible()
    pick(logs, "Speech")
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "app=speech&tz=Asia%2FTokyo"


# Links and controls


def test_a_link_swaps_the_results_and_the_pickers_follow(logs: Page) -> None:
    logs.goto(f"{LOGS}?app=speech&range=7d")
    logs.evaluate("window.kept = true")
    logs.get_by_role("link", name="Remove filter: app is Speech").click()
    expect(logs.locator("#apps")).to_contain_text("All apps")
    assert query(logs) == "range=7d"
    pick(logs, "Vision")
    expect(logs.locator("#apps")).to_contain_text("Vision")
    expect(logs.locator("#period")).to_contain_text("Last 7 days")
    assert query(logs) == "app=vision&range=7d"
    assert logs.evaluate("window.kept"), "the page was not loaded anew"


def test_the_last_wish_counts(logs: Page, browser_problems: list[str]) -> None:
    logs.goto(f"{LOGS}?range=7d")
    logs.evaluate("for (const name of ['#older', '.rail [name=status]']) document.querySelector(name).click()")
    logs.wait_for_url("**/?status=success&range=7d")
    logs.wait_for_load_state("networkidle")  # By then the first wish would have been answered, too.
    assert query(logs) == "status=success&range=7d"
    expect(logs.locator(".rail [name=status]").first).to_be_checked()
    aborted = ("sendAbort", "afterRequest")
    assert [problem for problem in browser_problems if not any(each in problem for each in aborted)] == []
    browser_problems.clear()


# Paging and history


def test_older_and_newer_lead_there_and_back(logs: Page) -> None:
    first = sentences(logs)
    logs.get_by_role("link", name="Older").click()
    expect(logs.locator(".ev")).to_have_count(TOTAL + 1 - 50)
    assert "before=" in query(logs)
    logs.get_by_role("link", name="Newer").click()
    expect(logs.locator(".ev")).to_have_count(50)
    assert sentences(logs) == first


def test_back_undoes_one_step_at_a_time(logs: Page) -> None:
    pick(logs, "Vision")
    expect(logs.locator("#apps")).to_contain_text("Vision")
    logs.get_by_role("link", name="Older").click()
    expect(logs.locator(".ev")).to_have_count(10)
    logs.go_back()
    expect(logs.locator(".ev")).to_have_count(50)
    expect(logs.locator("#apps")).to_contain_text("Vision")
    logs.go_back()
    expect(logs.locator("#apps")).to_contain_text("All apps")
    expect(logs.locator(".ev .r").nth(1)).to_have_text("S")  # under the entry of having looked
    logs.locator("#apps").click()
    expect(logs.locator("#apps-pop").get_by_label("Vision", exact=True)).not_to_be_checked()


def test_paging_from_a_link_in_a_new_tab_is_a_whole_page(logs: Page) -> None:
    logs.goto(logs.locator("#older").get_attribute("href") or "")
    expect(logs.get_by_role("heading", name="Control Center", level=1)).to_be_visible()
    expect(logs.locator(".ev")).to_have_count(11)


# Rows


def test_a_row_opens_and_closes_and_the_address_remembers(logs: Page) -> None:
    button = logs.locator(".ev .x").first
    button.click()
    expect(logs.locator(".det")).to_contain_text("Entry ID")
    expect(button).to_have_attribute("aria-expanded", "true")
    assert "event=" in query(logs)
    logs.reload()
    expect(logs.locator(".det")).to_contain_text("Entry ID")
    logs.locator(".ev .x").first.click()
    expect(logs.locator(".det")).to_have_count(0)
    assert query(logs) == ""


def test_a_row_opens_wherever_it_is_clicked(logs: Page) -> None:
    logs.locator(".ev .c-where").first.click()
    expect(logs.locator(".det")).to_be_visible()


def test_the_time_of_a_row_leads_to_a_page_of_its_own_and_back(logs: Page) -> None:
    pick(logs, "Speech")
    expect(logs.locator(".ev")).to_have_count(1)
    logs.locator(".ev time").click()
    expect(logs.get_by_role("heading", name="Models created")).to_be_visible()
    logs.get_by_role("link", name="Back to results").click()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "app=speech"


def test_a_page_is_never_taken_for_its_row(logs: Page) -> None:
    row = logs.locator(".ev").first
    page_url = row.locator("a").first.get_attribute("href") or ""
    logs.goto(page_url)
    logs.goto(LOGS)
    row.locator(".x").click()
    expect(logs.locator(".det")).to_be_visible()
    logs.go_back()
    expect(logs.get_by_role("heading", name="Models created")).to_be_visible()


# Keys


def test_keys_move_open_and_close(logs: Page) -> None:
    buttons = logs.locator(".ev .x")
    logs.keyboard.press("j")
    expect(buttons.nth(0)).to_be_focused()
    logs.keyboard.press("j")
    expect(buttons.nth(1)).to_be_focused()
    logs.keyboard.press("k")
    expect(buttons.nth(0)).to_be_focused()
    logs.keyboard.press("Enter")
    expect(logs.locator(".det")).to_be_visible()
    logs.keyboard.press("Escape")
    expect(logs.locator(".det")).to_have_count(0)
    expect(buttons.nth(0)).to_be_focused()
    logs.keyboard.press("ArrowRight")
    expect(logs.locator(".ev")).to_have_count(11)
    logs.keyboard.press("ArrowLeft")
    expect(logs.locator(".ev")).to_have_count(50)


def test_keys_open_the_pickers_and_are_off_while_typing(logs: Page) -> None:
    logs.keyboard.press("a")
    expect(logs.get_by_label("Find an app")).to_be_focused()
    logs.keyboard.type("jd")
    expect(logs.get_by_label("Find an app")).to_have_value("jd")
    expect(logs.locator("#period-pop")).to_be_hidden()
    logs.keyboard.press("Escape")
    logs.keyboard.press("Escape")
    expect(logs.locator("#apps-pop")).to_be_hidden()
    logs.keyboard.press("d")
    expect(logs.locator("#period-pop")).to_be_visible()


def test_keys_can_be_turned_off(logs: Page) -> None:
    logs.get_by_role("button", name="You: ").click()
    logs.get_by_role("button", name="Single-key shortcuts").click()
    logs.keyboard.press("Escape")
    logs.reload()
    logs.keyboard.press("a")
    expect(logs.locator("#apps-pop")).to_be_hidden()
    logs.keyboard.press("Tab")
    expect(logs.get_by_role("link", name="Skip to content")).to_be_focused()


def tab_to(page: Page, goal: Locator) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if goal.evaluate("goal => goal === goal.getRootNode().activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {goal}")


def test_it_can_be_done_by_keyboard_alone(logs: Page) -> None:
    popover = logs.locator("#apps-pop")
    tab_to(logs, logs.locator("#apps"))
    logs.keyboard.press("Enter")
    logs.keyboard.type("spee")
    tab_to(logs, popover.get_by_label("Speech", exact=True))
    logs.keyboard.press("Space")
    tab_to(logs, popover.get_by_role("button", name="Apply"))
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev")).to_have_count(1)
    logs.keyboard.press("j")
    logs.keyboard.press("Enter")
    expect(logs.locator(".det")).to_contain_text("203.0.113.7")


def test_the_calendar_works_by_keyboard(logs: Page) -> None:
    logs.keyboard.press("d")
    expect(logs.locator("#period-pop").get_by_label("This billing month")).to_be_focused()
    tab_to(logs, logs.locator("#period-pop").get_by_role("button", name="October 1", exact=True))
    for key, day in (("Enter", 1), ("ArrowDown", 8), ("ArrowRight", 9)):
        logs.keyboard.press(key)
        expect(logs.get_by_role("button", name=f"October {day}", exact=True)).to_be_focused()
    logs.keyboard.press("Enter")
    expect(logs.get_by_label("Custom")).to_be_checked()
    tab_to(logs, logs.locator("#period-pop").get_by_role("button", name="Apply"))
    logs.keyboard.press("Enter")
    expect(logs.locator("#period")).to_contain_text("Oct 1 – 9, 2026")


# When something breaks


def test_a_broken_answer_says_so_with_the_request_id_and_keeps_the_filters(
    logs: Page, browser_problems: list[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auditlog_subject RENAME TO gone")
    try:
        pick(logs, "Speech")
        expect(logs.get_by_role("alert")).to_contain_text("These entries could not be loaded")
        expect(logs.get_by_role("alert")).to_contain_text(re.compile("Request ID [0-9a-f]{32}"))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO auditlog_subject")
    logs.get_by_role("link", name="Try again").click()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "app=speech"
    browser_problems.clear()


def test_who_was_signed_out_meanwhile_comes_back_to_the_same_filters(logs: Page, people: People) -> None:
    logs.context.clear_cookies()
    pick(logs, "Speech")
    logs.wait_for_url("**/sign-in/**")
    logs.locator("[name=username]").fill(people.owner.email)
    logs.locator("[name=password]").fill("correct horse battery staple")
    logs.get_by_role("button", name="Sign in").click()
    expect(logs.locator(".ev")).to_have_count(1)
    assert query(logs) == "app=speech"

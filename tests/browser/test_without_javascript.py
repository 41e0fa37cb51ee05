"""Without JavaScript everything works as links and forms do."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from controlcenter.context import SYSTEM, acting_as
from tests.factories import AppFactory, People, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS, sentences

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> People:
    now = timezone.now()
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        vision = AppFactory(account=people.acme, slug="vision", name="Vision")
        speech = AppFactory(account=people.acme, slug="speech", name="Speech")
    write(people.acme, people.owner, [(f"V{n}", now - timedelta(seconds=100 - n)) for n in range(60)], vision)
    write(people.acme, people.owner, [("S", now), ("Old", now - timedelta(days=20))], speech)
    return people


@pytest.fixture
def page(page_without_javascript: Page) -> Page:
    return page_without_javascript


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(f"{LOGS}?range=7d")
    return page


def apply(page: Page, popover: str) -> None:
    page.locator(popover).get_by_role("button", name="Apply").click()


def test_one_signs_in_and_out(page: Page, people: People, sign_in: Callable[..., None]) -> None:
    sign_in(page, people.owner)
    assert page.url.endswith(LOGS)
    page.get_by_role("button", name="You: ").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Control Center")).to_be_visible()


def test_apps_are_ticked_and_applied(logs: Page) -> None:
    logs.locator("#apps").click()
    expect(logs.get_by_text("Leave all unticked for all apps.")).to_be_visible()
    expect(logs.get_by_label("Find an app")).to_be_hidden()
    logs.locator("#apps-pop").get_by_label("Speech").check()
    apply(logs, "#apps-pop")
    assert logs.url.endswith("?app=speech&range=7d")
    assert sentences(logs) == ["S"]


def test_a_preset_is_chosen_and_applied(logs: Page) -> None:
    logs.locator("#period").click()
    logs.locator("#period-pop").get_by_text("Last 30 days").click()
    apply(logs, "#period-pop")
    assert logs.url.endswith("?range=30d")
    expect(logs.locator("#period")).to_contain_text("Last 30 days")


def test_dates_are_written_and_applied(logs: Page) -> None:
    day = f"{timezone.now() - timedelta(days=20):%Y-%m-%d}"
    logs.locator("#period").click()
    logs.locator("#period-pop").get_by_text("Custom", exact=True).click()
    logs.locator("[name=from]").fill(day)
    logs.locator("[name=to]").fill(day)
    apply(logs, "#period-pop")
    assert logs.url.endswith(f"?from={day}&to={day}")
    assert sentences(logs) == ["Old"]


def test_wrong_dates_are_said(logs: Page) -> None:
    logs.goto(f"{LOGS}?from=2026-11-22&to=2026-11-01")
    expect(logs.get_by_role("alert").first).to_contain_text("The range is reversed")
    assert sentences(logs) == []


def test_older_and_newer_are_links(logs: Page) -> None:
    logs.goto(f"{LOGS}?app=vision&range=7d")
    first = sentences(logs)
    logs.get_by_role("link", name="Older").click()
    assert len(sentences(logs)) == 10
    logs.get_by_role("link", name="Newer").click()
    assert sentences(logs) == first


@pytest.mark.parametrize("opener", [".x", "time"])
def test_a_row_opens_as_a_page_and_leads_back_to_the_results(opener: str, logs: Page) -> None:
    logs.goto(f"{LOGS}?app=speech&range=30d&tz=Europe%2FBerlin")
    logs.locator(".ev").first.locator(opener).click()
    expect(logs.get_by_role("heading", name="Models created")).to_be_visible()
    expect(logs.get_by_text("203.0.113.7").first).to_be_visible()
    logs.get_by_role("link", name="Back to results").click()
    assert logs.url.endswith("?app=speech&range=30d&tz=Europe%2FBerlin")


def test_a_theme_is_chosen(logs: Page) -> None:
    logs.get_by_role("button", name="You: ").click()
    logs.get_by_role("button", name="Dark").click()
    expect(logs.locator("html")).to_have_attribute("data-theme", "dark")
    assert logs.url.endswith("?range=7d")


def test_the_sidebar_is_collapsed(logs: Page) -> None:
    logs.get_by_role("button", name="Collapse sidebar").click()
    expect(logs.locator(".shell")).to_have_attribute("data-sidebar", "collapsed")


def test_an_app_is_created_and_deleted(logs: Page) -> None:
    logs.get_by_role("link", name="Apps").click()
    logs.get_by_role("link", name="Create app").click()
    logs.get_by_label("Name").fill("Sight")
    logs.get_by_label("App ID").fill("sight")
    logs.get_by_role("button", name="Create app").click()
    expect(logs.get_by_text("Sight is created.")).to_be_visible()
    logs.get_by_role("button", name="Actions for Sight").click()
    logs.get_by_role("link", name="Delete").click()
    logs.get_by_label("App ID").fill("sight")
    logs.get_by_role("button", name="Delete app").click()
    expect(logs.get_by_text("Sight is deleted.")).to_be_visible()


def test_what_needs_javascript_is_not_offered(logs: Page) -> None:
    expect(logs.locator(".js-only").filter(visible=True)).to_have_count(0)

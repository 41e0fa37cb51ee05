"""Nothing for axe to find on any page or state, light or dark, wide or narrow; and no sideways scrolling."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
import time_machine
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Plan, User
from accounts.roles import Role
from controlcenter.context import SYSTEM, Where, acting_as, attempting
from controlcenter.operations import Operation
from controlcenter.resources.models import App
from tests.factories import AppFactory, ModelFactory, People, TokenFactory, UserFactory, make_people
from tests.history import LONG_AGO, entries_of, member_with, session_of, write

from .reading import LOGS, send

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
APPS = "/@acme/apps/"
WIDE, NARROW, NARROWEST = 1440, 390, 320
COLOUR_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SizeCheck = Callable[[Page], list[str]]


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        app = AppFactory(account=people.acme, slug="vision", name="Vision", description="Sees")
        AppFactory(account=people.acme, slug="a" * 64, name="A name without any space in it " * 3)
        App.objects.create(account=people.acme, slug="gone", name="Gone").delete()
    tell_of_everything(people, app)
    return people


def tell_of_everything(people: People, app: App) -> None:
    """Write entries of every kind of actor and outcome, with long values."""
    write(people.acme, people.owner, [(f"Entry {n}", NOW - timedelta(hours=n + 1)) for n in range(8)], app)
    where = Where("2001:db8:85a3:8d3:1319:8a2e:370:7348", "10.0.0.1", "203.0.113.7, 10.0.0.1", "Firefox/140.0 " * 20)
    token = TokenFactory(account=people.acme, user=people.owner, name="nightly")
    with acting_as(token.as_actor(), where, at=NOW - timedelta(minutes=3)):
        ModelFactory(app=app, slug="m" * 64, name="Model")
    with acting_as(people.owner.as_actor(), where, at=NOW - timedelta(minutes=2)):
        app.name, app.description = "Sight", "long" * 70
        app.save()
    with (
        acting_as(people.member.as_actor(), where, at=NOW - timedelta(minutes=1)),
        attempting(Operation.APPLICATION_DELETE, account_id=people.acme.pk, target=app) as attempt,
    ):
        attempt.refuse("role_denied", "Only the roles Administrator and Organization contributor may do this.")


@pytest.fixture
def enter(page: Page, live_server: LiveServer) -> Callable[[User], Page]:
    def enter(user: User) -> Page:
        page.context.add_cookies(session_of(user, live_server.url))
        return page

    return enter


Enter = Callable[[User], Page]


def findings(page: Page, url: str, axe: SizeCheck, reach: Callable[[Page], None] = lambda page: None) -> list[str]:
    """Return what axe finds at a page or a state of it, wide in light and dark, narrow, and where it overflows."""
    found = []
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(url)
        reach(page)
        for scheme in COLOUR_SCHEMES if width == WIDE else COLOUR_SCHEMES[:1]:  # Colours do not depend on the width.
            page.emulate_media(color_scheme=scheme)
            found += [f"{url} {width} {scheme}: {line}" for line in axe(page)]
    page.set_viewport_size({"width": NARROWEST, "height": 900})
    if overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth"):
        found.append(f"{url} {overflow} pixels overflow at {NARROWEST}")
    return found


# Teams & Logs


def open_apps(page: Page) -> None:
    page.locator("#apps").click()
    expect(page.locator("#apps-pop")).to_be_visible()


def search_in_vain(page: Page) -> None:
    open_apps(page)
    page.get_by_label("Find an app").fill("zebra")


def open_dates(page: Page) -> None:
    page.locator("#period").click()
    expect(page.locator("#period-pop").get_by_role("button", name="November 22")).to_be_visible()


def open_rows(page: Page) -> None:
    for number in range(3):
        page.locator(".ev .x").nth(number).click()
        expect(page.locator(".det")).to_have_count(number + 1)
    page.locator(".det summary").first.click()


def open_navigation(page: Page) -> None:
    if page.get_by_label("Open navigation").is_visible():
        page.get_by_label("Open navigation").click()


def open_accounts(page: Page) -> None:
    open_navigation(page)
    page.get_by_role("button", name="Switch account").click()


def open_me(page: Page) -> None:
    open_navigation(page)
    page.get_by_role("button", name="You: ").click()


@pytest.mark.parametrize(
    "reach",
    [open_apps, search_in_vain, open_dates, open_rows, open_accounts, open_me],
    ids=["apps", "no app found", "dates", "rows", "accounts", "me"],
)
def test_a_part_of_the_log(reach: Callable[[Page], None], people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(people.owner), LOGS, axe, reach) == []


@pytest.mark.parametrize("reach", [open_navigation, open_apps], ids=["navigation", "apps"])
def test_what_only_a_phone_shows(reach: Callable[[Page], None], people: People, enter: Enter, axe: SizeCheck) -> None:
    page = enter(people.owner)
    page.set_viewport_size({"width": NARROW, "height": 900})
    page.goto(LOGS)
    reach(page)
    for scheme in COLOUR_SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert axe(page) == []


def test_a_full_page_of_the_log(people: People, enter: Enter, axe: SizeCheck) -> None:
    write(people.acme, people.owner, [("Earlier", NOW - timedelta(days=1)) for _ in range(50)])
    assert findings(enter(people.owner), LOGS, axe) == []


@pytest.mark.parametrize(
    "query",
    ["app=gone&range=today", "range=yesterday&app=vision&app=gone", "from=2026-11-22&to=2026-11-01", "to=2020-01-01"],
    ids=["no entries", "filtered", "wrong", "too early"],
)
def test_a_state_of_the_log(query: str, people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(people.owner), f"{LOGS}?{query}", axe) == []


def test_the_log_of_somebody_who_sees_their_own(people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(people.member), LOGS, axe) == []


def test_a_log_without_entries(people: People, enter: Enter, axe: SizeCheck) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        user = member_with(Role.ORGANIZATION_USER, people.acme)
    assert findings(enter(user), LOGS, axe) == []


def test_the_page_of_an_entry(people: People, enter: Enter, axe: SizeCheck) -> None:
    page = enter(people.owner)
    for operation in (Operation.APPLICATION_UPDATE, Operation.APPLICATION_DELETE):
        entry = entries_of(people.acme, operation)[-1]
        assert findings(page, f"{LOGS}entries/{entry.id}/", axe) == []


def test_the_gate_of_the_plan(people: People, enter: Enter, axe: SizeCheck) -> None:
    people.acme.plan = Plan.objects.get(slug="community")
    people.acme.save()
    assert findings(enter(people.owner), LOGS, axe) == []
    assert findings(enter(people.member), LOGS, axe) == []


# Apps, plan, signing in, errors


def open_first_menu(page: Page) -> None:
    page.get_by_role("button", name="Actions for").first.click()


def sending(button: str) -> Callable[[Page], None]:
    return lambda page: send(page, button)


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        (APPS, open_first_menu),
        (f"{APPS}?q=zebra", open_navigation),
        ("/@acme/new-app/", sending("Create app")),
        (f"{APPS}vision/settings/", open_me),
        (f"{APPS}vision/duplicate/", open_accounts),
        (f"{APPS}vision/delete/", sending("Delete app")),
        ("/@acme/plan/", lambda page: None),
        ("/nowhere/", lambda page: None),
    ],
    ids=["list", "nothing found", "create", "edit", "duplicate", "delete", "plan", "not found"],
)
def test_a_page(url: str, reach: Callable[[Page], None], people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(people.owner), url, axe, reach) == []


def test_a_list_without_apps(people: People, enter: Enter, axe: SizeCheck) -> None:
    App.objects.all().delete()
    assert findings(enter(people.owner), APPS, axe) == []


def test_a_refusal(people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(people.member), "/@acme/plan/", axe) == []


def test_belonging_nowhere(people: People, enter: Enter, axe: SizeCheck) -> None:
    assert findings(enter(UserFactory(home=None)), "/", axe) == []


def test_signing_in(page: Page, people: People, axe: SizeCheck) -> None:
    def fail(page: Page) -> None:
        page.get_by_label("Email").fill("olga@acme.example")
        page.get_by_label("Password").fill("guess")
        send(page, "Sign in")

    assert findings(page, "/sign-in/", axe, fail) == []


# What axe does not see


def test_focus_returns_to_what_opened(people: People, enter: Enter) -> None:
    page = enter(people.owner)
    page.goto(LOGS)
    for opener in ("#apps", "#period", "[popovertarget=accounts-menu]", "[popovertarget=me-menu]"):
        page.locator(opener).focus()
        page.keyboard.press("Enter")
        expect(page.locator(":popover-open")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.locator(":popover-open")).to_have_count(0)
        expect(page.locator(opener)).to_be_focused()


def test_what_has_focus_is_seen(people: People, enter: Enter) -> None:
    page = enter(people.owner)
    page.goto(LOGS)
    for _ in range(40):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => {
                const element = document.activeElement, box = element.getBoundingClientRect();
                const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                const ringed = [element, element.closest('tr, label')].filter(Boolean);
                const ring = ringed.some((part) => getComputedStyle(part).outlineStyle !== 'none');
                const seen = top && (element.contains(top) || top.contains(element));
                return element === document.body || (ring && seen) ? '' : element.outerHTML.slice(0, 200);
            }"""
        )
        assert hidden == ""


def test_what_changed_is_said(people: People, enter: Enter) -> None:
    write(people.acme, people.owner, [("Earlier", NOW - timedelta(days=1)) for _ in range(50)])
    page = enter(people.owner)
    page.goto(LOGS)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#say")).to_have_text("12 of 62 entries")


def test_a_theme_chosen_stays(people: People, enter: Enter) -> None:
    page = enter(people.owner)
    page.goto(LOGS)
    open_me(page)
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(APPS)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")

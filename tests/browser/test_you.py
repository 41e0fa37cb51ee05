"""The pages about oneself in a browser: each operation carried out and refused, and read in the log."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests import PASSWORD
from tests.factories import People, make_people

from .reading import LOGS, send
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
YOU, NEW_PASSWORD, SIGN_INS = "/you/", "/you/password/", "/you/sign-ins/"
NEW = "another-long-secret"


@pytest.fixture
def people() -> People:
    return make_people()


def logged(page: Page, label: str) -> list[str]:
    """Return how the entries of an operation ended, newest first."""
    page.goto(LOGS)
    return [row.inner_text().split()[0] for row in page.locator(".ev", has_text=label).locator(".c-status").all()]


def test_a_profile_is_changed_or_refused_and_both_are_in_the_log(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.member)
    page.goto(LOGS)
    page.get_by_role("button", name="You: ").click()
    page.get_by_role("link", name="Profile").click()
    page.get_by_label("First name").fill("Maxine")
    page.get_by_label("E-mail address").fill("maxine@acme.example")
    send(page, "Save changes")
    page.get_by_role("alert").get_by_role("link", name="Current password").click()
    expect(page.get_by_label("Current password")).to_be_focused()
    expect(page.get_by_label("First name")).to_have_value("Maxine")
    page.get_by_label("Current password").fill(PASSWORD)
    send(page, "Save changes")
    expect(page.get_by_text("Your profile is saved.").first).to_be_visible()
    page.get_by_role("link", name="See the entry").click()
    expect(page.get_by_role("rowheader", name="email")).to_be_visible()
    assert logged(page, "Users updated") == ["Success", "Failure"]


def test_a_password_is_changed_or_refused_and_both_are_in_the_log(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.member)
    page.goto(NEW_PASSWORD)
    for current in ("guess", PASSWORD):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password", exact=True).fill(NEW)
        page.get_by_label("New password again").fill(NEW)
        send(page, "Change password")
    expect(page.get_by_text("Your password is changed.").first).to_be_visible()
    assert logged(page, "Passwords changed") == ["Success", "Failure"]


def test_a_second_click_does_not_sign_out_who_changes_the_password(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.member)
    page.goto(NEW_PASSWORD)
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Change password").dblclick()
    expect(page.get_by_text("Your password is changed.").first).to_be_visible()
    assert logged(page, "Passwords changed") == ["Success"]


def test_a_time_zone_is_the_zone_of_all_times(page_without_javascript: Page, people: People, sign_in: SignIn) -> None:
    page = page_without_javascript
    sign_in(page, people.member)
    page.goto(YOU)
    page.get_by_label("Time zone").select_option("Tokyo")
    send(page, "Save changes")
    page.goto(LOGS)
    expect(page).to_have_url(f"{LOGS}?tz=Asia%2FTokyo")
    expect(page.get_by_text("Times in Asia/Tokyo")).to_be_visible()
    page.goto(SIGN_INS)
    expect(page.get_by_text("Times in Asia/Tokyo")).to_be_visible()


def test_a_theme_goes_along_to_another_browser(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.member)
    page.goto(YOU)
    dark = page.locator("main").get_by_role("button", name="Dark")
    with page.expect_response("**/preferences/"):
        dark.click()
    expect(dark).to_have_attribute("aria-pressed", "true")
    page.context.clear_cookies()
    sign_in(page, people.member)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_theme_is_chosen_without_javascript(page_without_javascript: Page, people: People, sign_in: SignIn) -> None:
    page = page_without_javascript
    sign_in(page, people.member)
    page.goto(YOU)
    send(page, "Dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("main").get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")


def test_the_history_shows_a_guess(page: Page, people: People, sign_in: SignIn) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Email").fill(people.member.email)
    page.get_by_label("Password").fill("guess")
    send(page, "Sign in")
    sign_in(page, people.member)
    page.goto(SIGN_INS)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Failed only").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("Invalid credentials")


@pytest.mark.parametrize(
    ("url", "button"),
    [(YOU, "Save changes"), (NEW_PASSWORD, "Change password"), (SIGN_INS, ""), (f"{SIGN_INS}?q=zebra", "")],
    ids=["profile", "password", "history", "nothing found"],
)
def test_there_is_nothing_for_axe_to_find(
    url: str, button: str, page: Page, people: People, sign_in: SignIn, axe: SizeCheck
) -> None:
    def fail(page: Page) -> None:
        if button == "Save changes":
            page.get_by_label("E-mail address").fill("no address")
        if button:
            send(page, button)

    sign_in(page, people.member)
    assert findings(page, url, axe, fail) == []
    assert User.objects.get(slug="max").email == "max@acme.example"

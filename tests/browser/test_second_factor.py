"""The second factor in a browser: set up, signed in with, and without JavaScript."""

import base64
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import second_factor as factors
from accounts.models import SecondFactor
from tests import PASSWORD
from tests.factories import People, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> People:
    return make_people()


def code_of(typed: str) -> str:
    """Return what an app shows that was given the secret by hand."""
    secret = base64.b32decode(typed.replace(" ", ""))
    return factors.code_at(secret, int(timezone.now().timestamp()) // 30)


def test_it_is_set_up_and_asked_for(
    page: Page, people: People, sign_in: Callable[..., None], axe: Callable[[Page], list[str]]
) -> None:
    sign_in(page, people.member)
    page.goto("/you/second-factor/")
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    typed = page.locator(".secret-key").inner_text()
    found = axe(page)
    page.get_by_label("Code", exact=True).fill(code_of(typed))
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    found += axe(page)
    page.get_by_role("link", name="Done").click()
    page.goto("/you/second-factor/")
    found += axe(page)
    page.context.clear_cookies()
    page.goto("/sign-in/?next=/you/")
    page.get_by_label("Email").fill(people.member.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    found += axe(page)
    page.get_by_label("Code", exact=True).fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#toasts")).to_contain_text("You used a recovery code, 9 are left.")
    assert found == []


def test_it_works_without_javascript(
    page_without_javascript: Page, people: People, sign_in: Callable[..., None]
) -> None:
    page = page_without_javascript
    sign_in(page, people.member)
    page.goto("/you/second-factor/")
    page.get_by_label("Code", exact=True).fill(code_of(page.locator(".secret-key").inner_text()))
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    expect(page.locator("#codes")).to_be_visible()
    page.goto("/you/second-factor/off/")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator("#toasts")).to_contain_text("Your second factor is off.")
    assert not SecondFactor.objects.exists()

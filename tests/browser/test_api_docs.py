"""The page of the API: for the eye, the keyboard and the phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import COLOUR_SCHEMES

pytestmark = pytest.mark.django_db(transaction=True)


def test_axe_finds_nothing(page: Page, axe: Callable[[Page], list[str]]) -> None:
    page.goto("/v2/docs")
    # One template draws all operations, so some stand for all: axe takes half a minute for the whole page.
    page.evaluate("document.querySelectorAll('article').forEach((each, n) => { if (n % 9) each.remove(); })")
    for summary in page.locator("summary").all()[:4]:
        summary.click()
    for scheme in COLOUR_SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert axe(page) == []
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_contents_lead_to_an_operation(page: Page) -> None:
    page.goto("/v2/docs")
    link = page.get_by_role("navigation", name="Operations").get_by_role("link", name="PostApps", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="PostApps", exact=True)).to_be_in_viewport()

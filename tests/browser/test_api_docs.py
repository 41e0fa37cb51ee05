"""The page of the API: for the eye, the keyboard and the phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 320)])
def test_axe_finds_nothing(page: Page, axe: Callable[[Page], list[str]], scheme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto("/v2/docs")
    for summary in page.locator("summary").all()[:4]:
        summary.click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_contents_lead_to_an_operation(page: Page) -> None:
    page.goto("/v2/docs")
    link = page.get_by_role("navigation", name="Operations").get_by_role("link", name="PostApps", exact=True)
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="PostApps", exact=True)).to_be_in_viewport()

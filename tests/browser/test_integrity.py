"""Integrity in a browser: without JavaScript, light and dark, wide and narrow."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from auditlog.sealing.chores import do_chores
from auditlog.sealing.models import Seal
from auditlog.sealing.sealer import seal
from tests.factories import People, make_people
from tests.history import session_of, write
from tests.sealing import KEY

from .test_accessibility import findings

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/@acme/teams-and-logs/integrity/"


@pytest.fixture
def people(settings: Settings) -> People:
    settings.SEALING_KEYS, settings.ANCHOR_DIR = [KEY], ""
    people = make_people()
    write(people.acme, people.owner, [(f"Entry {number}", timezone.now()) for number in range(5)])
    return people


def test_an_auditor_has_entries_checked_and_takes_the_anchor_home(
    people: People, page_without_javascript: Page, live_server: LiveServer
) -> None:
    seal()
    do_chores()
    page = page_without_javascript
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(PAGE)
    page.get_by_role("button", name="Check these entries").click()
    sealed = Seal.objects.filter(account_id=people.acme.pk).count()
    expect(page.get_by_role("status").filter(has_text="Sound")).to_contain_text(f"{sealed} entries")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download anchor").click()
    assert download.value.suggested_filename == "acme-anchor.json"


def check(page: Page) -> None:
    page.get_by_role("button", name="Check these entries").click()
    expect(page.get_by_role("status").filter(has_text="Sound")).to_be_visible()


def check_nothing(page: Page) -> None:
    page.get_by_label("From").fill("")
    page.get_by_role("button", name="Check these entries").click()
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("reach", [lambda page: None, check, check_nothing], ids=["page", "checked", "wrong"])
def test_nothing_for_axe_to_find(
    reach: Callable[[Page], None],
    people: People,
    page: Page,
    live_server: LiveServer,
    axe: Callable[[Page], list[str]],
) -> None:
    seal()
    do_chores()
    page.context.add_cookies(session_of(people.owner, live_server.url))
    assert findings(page, PAGE, axe, reach) == []


def test_nothing_for_axe_to_find_before_anything_was_sealed(
    people: People, page: Page, live_server: LiveServer, axe: Callable[[Page], list[str]]
) -> None:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    assert findings(page, PAGE, axe) == []

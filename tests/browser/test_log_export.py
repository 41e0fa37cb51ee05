"""Exports in a browser: a click, a file, and its manifest; also without JavaScript."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from controlcenter.context import SYSTEM, acting_as
from tests.factories import People, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS
from .test_accessibility import findings

pytestmark = pytest.mark.django_db(transaction=True)

EXPORT = f"{LOGS}export/"
Axe = Callable[[Page], list[str]]


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
    write(people.acme, people.owner, [(f"Entry {n}", timezone.now()) for n in range(3)])
    return people


def enter(page: Page, user: User, live_server: LiveServer) -> Page:
    page.context.add_cookies(session_of(user, live_server.url))
    return page


def open_export(page: Page) -> None:
    page.get_by_role("button", name="Export", exact=True).click()


def take(page: Page, button: str, folder: Path) -> tuple[str, bytes]:
    """Press a button and return the name and the bytes of what comes."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).or_(page.get_by_role("link", name=button)).first.click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file.name, file.read_bytes()


def export_and_prove(page: Page, folder: Path) -> None:
    page.goto(f"{LOGS}?operation=MODEL_CREATE&range=7d")
    open_export(page)
    expect(page.get_by_text("Export 3 entries")).to_be_visible()
    name, file = take(page, "NDJSON", folder)
    assert name.startswith("acme-log-")
    assert [json.loads(line)["event"]["sentence"] for line in file.splitlines()] == ["Entry 2", "Entry 1", "Entry 0"]
    page.goto(EXPORT)
    expect(page.get_by_text(hashlib.sha256(file).hexdigest())).to_be_visible()
    _, manifest = take(page, "Manifest of", folder)
    told = json.loads(manifest)
    assert (told["file"], told["entries"], told["sha256"]) == (name, 3, hashlib.sha256(file).hexdigest())


def test_a_file_is_taken_and_its_manifest_proves_it(
    page: Page, people: People, live_server: LiveServer, tmp_path: Path
) -> None:
    export_and_prove(enter(page, people.owner, live_server), tmp_path)


def test_it_works_without_javascript(
    page_without_javascript: Page, people: People, live_server: LiveServer, tmp_path: Path
) -> None:
    export_and_prove(enter(page_without_javascript, people.owner, live_server), tmp_path)


def test_each_format_is_one_click(page: Page, people: People, live_server: LiveServer, tmp_path: Path) -> None:
    enter(page, people.owner, live_server).goto(f"{EXPORT}?operation=MODEL_CREATE")
    for button in ("CSV", "NDJSON", "JSON"):
        name, file = take(page, button if button != "JSON" else "JSON One list", tmp_path)
        assert name.endswith(f".{button.lower()}")
        assert file.count(b"Entry ") == 3


def test_the_menu_follows_the_filters(page: Page, people: People, live_server: LiveServer, tmp_path: Path) -> None:
    enter(page, people.owner, live_server).goto(LOGS)
    page.locator("#q").fill("operation:MODEL_CREATE")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Saved views: Unsaved view")).to_be_visible()
    open_export(page)
    _, file = take(page, "NDJSON", tmp_path)
    assert len(file.splitlines()) == 3


def test_who_may_not_is_told_who_may(page: Page, people: People, live_server: LiveServer) -> None:
    enter(page, people.member, live_server).goto(LOGS)
    open_export(page)
    expect(page.get_by_text("Only the roles Administrator and Auditor may export or verify the log.")).to_be_visible()
    expect(page.get_by_role("button", name="CSV")).to_have_count(0)


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        (LOGS, open_export),
        (f"{EXPORT}?operation=MODEL_CREATE", lambda page: None),
        (f"{EXPORT}?status=never", lambda page: None),
    ],
    ids=["menu", "page", "wrong filter"],
)
def test_axe_finds_nothing(
    url: str,
    reach: Callable[[Page], None],
    page: Page,
    people: People,
    live_server: LiveServer,
    axe: Axe,
    tmp_path: Path,
) -> None:
    enter(page, people.owner, live_server).goto(EXPORT)
    take(page, "CSV", tmp_path)
    assert findings(page, url, axe, reach) == []


def test_axe_finds_nothing_where_it_is_locked(page: Page, people: People, live_server: LiveServer, axe: Axe) -> None:
    assert findings(enter(page, people.member, live_server), LOGS, axe, open_export) == []

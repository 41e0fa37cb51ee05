"""A real Chromium before the real server: `page`, `page_without_javascript`, `sign_in` and `axe`."""

import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests import PASSWORD
from tests.browser import chromium

if TYPE_CHECKING:  # This file is read before Django is set up when only browser tests are asked for.
    from accounts.models import User

RESULTS = Path(__file__).resolve().parents[2] / ".test-results"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    # A page that asks for anything from elsewhere fails its test.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe that a theme can break."""
failed = pytest.StashKey[bool]()
expect.set_options(timeout=20_000)  # A promise about time is tested with a clock; this is for a machine that is busy.


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts these tests last, since Playwright keeps an event loop in this thread from its start on."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[failed] = item.stash.get(failed, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Django takes Playwright's event loop for a reason to refuse its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    program = chromium.find()
    assert program, chromium.REMEDY
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser_problems() -> Iterator[list[str]]:
    """What went wrong in a page: script errors, refused by policy, files not found.

    Any fails the test, unless the test expects it and clears the list.
    """
    problems: list[str] = []
    yield problems
    assert not problems, "\n".join(problems)


@pytest.fixture
def page(
    browser: Browser, live_server: LiveServer, browser_problems: list[str], request: pytest.FixtureRequest
) -> Iterator[Page]:
    with _page(browser, live_server, browser_problems, request.node) as page:
        yield page


@pytest.fixture
def page_without_javascript(
    browser: Browser, live_server: LiveServer, browser_problems: list[str], request: pytest.FixtureRequest
) -> Iterator[Page]:
    with _page(browser, live_server, browser_problems, request.node, java_script_enabled=False) as page:
        yield page


@contextmanager
def _page(
    browser: Browser, live_server: LiveServer, problems: list[str], test: pytest.Item, **options: Any
) -> Iterator[Page]:
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": 1440, "height": 900},
        locale="en-US",
        timezone_id="UTC",
        reduced_motion="reduce",
        **options,
    )
    context.set_default_timeout(30_000)
    page = context.new_page()

    def note(message: ConsoleMessage) -> None:
        # Chromium also reports the status of the page itself, which is for the test to judge.
        if message.type == "error" and message.location["url"] != page.url:
            problems.append(f"{message.text} ({message.location['url']})")
        elif message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(f"{message.text} ({page.url})")

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    if test.stash.get(failed, False):
        name = re.sub(r"[^\w.-]+", "-", test.nodeid)
        page.screenshot(path=RESULTS / f"{name}.png", full_page=True)
    context.close()


@pytest.fixture
def sign_in() -> Callable[..., None]:
    def sign_in(page: Page, user: "User", password: str = PASSWORD) -> None:
        page.goto(reverse("sign-in"))
        page.locator("[name=username]").fill(user.email)
        page.locator("[name=password]").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: reverse("sign-in") not in url)

    return sign_in


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """Returns one line for each accessibility rule that the page breaks, with the places.

    For pages with JavaScript only: without it axe waits for ever on its own timers. Colours take most of its time. So
    what was looked at before, and has the same content now, is looked at for what can differ: for its colours only at
    the same width, and for all but these at another.
    """
    seen: set[tuple[str, ...]] = set()

    def axe(page: Page) -> list[str]:
        page.wait_for_load_state()  # A click may have led on.
        content = (page.url, page.evaluate("document.body.innerHTML"))
        here = (*content, str(page.viewport_size))
        options: dict[str, Any] = {"resultTypes": ["violations"]}  # To list all that is right takes most of the rest.
        if here in seen:
            options["runOnly"] = {"type": "rule", "values": COLOURS}
        elif content in seen:
            options["rules"] = {rule: {"enabled": False} for rule in COLOURS}
        seen.update((content, here))
        # Once a page, and just what is wrong: as its own run() does it, a small page takes twice as long.
        if not page.evaluate("'axe' in window"):
            page.evaluate(Axe().axe_script)
        violations = page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)
        return [
            f"{violation['id']}: {violation['help']}: {[node['target'] for node in violation['nodes']]}"
            for violation in violations
        ]

    return axe

"""The histogram in a browser: bars, keys and a brush narrow the range, and Back undoes it; it works as links, too."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from auditlog import counting
from controlcenter.context import SYSTEM, acting_as, attempting
from controlcenter.operations import Operation
from tests.browser.test_accessibility import COLOUR_SCHEMES
from tests.factories import AppFactory, People, make_people
from tests.history import LONG_AGO, session_of, write

from .reading import LOGS, sentences

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
TENTH = datetime(2026, 11, 10, 13, tzinfo=UTC)
AFTERNOON = "Nov 10, 12:00 – 18:00"


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def people() -> People:
    """Three entries on the afternoon of the 10th, one in its evening, two on the 12th; a failure on the 20th."""
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
        vision = AppFactory(account=people.acme, slug="vision", name="Vision")
    hours = (0, 1, 2, 7, 36, 37)
    entries = [(f"V{number}", TENTH + timedelta(hours=hour)) for number, hour in enumerate(hours)]
    write(people.acme, people.owner, entries, vision)
    with (
        acting_as(people.owner.as_actor(), at=TENTH + timedelta(days=10)),
        attempting(Operation.MODEL_DELETE, account_id=people.acme.pk) as attempt,
    ):
        attempt.refuse("in_use", "It is in use.")
    return people


def enter(page: Page, people: People, live_server: LiveServer, query: str = "") -> Page:
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS + query)
    return page


@pytest.fixture
def logs(page: Page, people: People, live_server: LiveServer) -> Page:
    return enter(page, people, live_server)


def bar(page: Page, title: str) -> Locator:
    return page.locator(f'.plot a[data-t="{title}"]')


def point_at(page: Page, title: str) -> tuple[float, float]:
    box = bar(page, title).locator(".hit").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def brush(page: Page, first: str, last: str) -> None:
    page.mouse.move(*point_at(page, first))
    expect(page.locator(".tip")).to_be_visible()
    page.mouse.down()
    page.mouse.move(*point_at(page, last), steps=5)
    page.mouse.up()


def focus(page: Page) -> Locator:
    plot = page.locator("#plot")
    plot.focus()
    expect(plot.locator(".tip")).to_be_attached()  # Its module is there.
    return plot


# With a pointer


def test_a_bar_narrows_the_range_and_back_undoes_it(logs: Page) -> None:
    logs.goto(f"{LOGS}?app=vision")
    logs.evaluate("window.stays = true")
    logs.mouse.click(*point_at(logs, AFTERNOON))
    expect(logs.locator(".ev")).to_have_count(3)
    assert logs.url.endswith("?app=vision&from=2026-11-10T12%3A00&to=2026-11-10T17%3A59")
    expect(logs.locator("#period")).to_contain_text("Nov 10, 12:00 – 18:00")
    expect(logs.locator(".hist-h")).to_contain_text("5 minutes per bar")
    assert logs.evaluate("window.stays")
    logs.go_back()
    expect(logs.locator(".ev")).to_have_count(6)
    assert logs.url.endswith("?app=vision")


def test_pointing_at_a_bar_tells_of_it(logs: Page) -> None:
    logs.mouse.move(*point_at(logs, AFTERNOON))
    expect(logs.locator(".tip")).to_have_text(f"{AFTERNOON}3 succeeded, 0 failed")
    logs.mouse.move(*point_at(logs, "Nov 20, 12:00 – 18:00"))
    expect(logs.locator(".tip")).to_contain_text("0 succeeded, 1 failed")
    logs.mouse.move(5, 5)
    expect(logs.locator(".tip")).to_be_hidden()


@pytest.mark.parametrize("backwards", [False, True])
def test_dragging_and_zoom_narrow_the_range(backwards: bool, logs: Page) -> None:
    ends = (AFTERNOON, "Nov 12, 00:00 – 06:00")
    brush(logs, *(reversed(ends) if backwards else ends))
    expect(logs.locator(".brush-bar")).to_contain_text("Nov 10, 12:00 – Nov 12, 06:00 · 6 entries")
    expect(logs.locator("#say")).to_contain_text("6 entries")
    assert sentences(logs)  # Nothing has moved yet.
    assert logs.url.endswith(LOGS)
    logs.get_by_role("link", name="Zoom").click()
    expect(logs.locator(".ev")).to_have_count(6)
    assert logs.url.endswith("?from=2026-11-10T12%3A00&to=2026-11-12T05%3A59")
    expect(logs.locator(".brush-bar")).to_have_count(0)
    logs.go_back()
    expect(logs.locator(".ev").filter(has_text="Models")).to_have_count(7)


def test_a_click_beside_the_brush_takes_it_away(logs: Page) -> None:
    brush(logs, AFTERNOON, "Nov 12, 00:00 – 06:00")
    expect(logs.locator(".brush-bar")).to_be_visible()
    logs.mouse.click(*point_at(logs, "Nov 3, 00:00 – 06:00"))
    expect(logs.locator(".brush-bar")).to_be_hidden()
    assert logs.url.endswith(LOGS)
    expect(logs.locator(".plot .dim")).to_have_count(0)


# With the keyboard


def test_arrow_keys_speak_and_enter_zooms(logs: Page) -> None:
    focus(logs)
    logs.keyboard.press("Home")
    expect(logs.locator("#say")).to_have_text("Nov 1, 00:00 to 06:00: 0 succeeded, 0 failed")
    for _ in range(38):
        logs.keyboard.press("ArrowRight")
    expect(logs.locator("#say")).to_have_text("Nov 10, 12:00 to 18:00: 3 succeeded, 0 failed")
    logs.keyboard.press("Enter")
    expect(logs.locator(".ev")).to_have_count(3)
    expect(logs.locator("#plot")).to_be_focused()
    logs.go_back()
    expect(logs.locator(".ev").filter(has_text="Models")).to_have_count(7)


def test_shift_and_arrow_keys_select_and_escape_clears(logs: Page) -> None:
    focus(logs)
    logs.keyboard.press("Home")
    for _ in range(37):
        logs.keyboard.press("ArrowRight")
    for _ in range(2):
        logs.keyboard.press("Shift+ArrowRight")
    expect(logs.locator("#say")).to_have_text("Nov 10, 06:00 – Nov 11, 00:00 · 4 entries")
    logs.keyboard.press("Escape")
    expect(logs.locator(".brush-bar")).to_be_hidden()
    logs.keyboard.press("ArrowLeft")
    logs.keyboard.press("Shift+End")
    logs.keyboard.press("Enter")
    expect(logs.locator("#period")).to_contain_text("Nov ")
    logs.wait_for_url("**?from=*&to=2026-11-22")


def test_arrow_keys_on_the_plot_turn_no_page(logs: Page) -> None:
    focus(logs)
    logs.keyboard.press("ArrowRight")
    logs.keyboard.press("ArrowLeft")
    assert logs.url.endswith(LOGS)


# Without JavaScript


def test_bars_and_the_table_are_links(page_without_javascript: Page, people: People, live_server: LiveServer) -> None:
    page = enter(page_without_javascript, people, live_server)
    bar(page, AFTERNOON).click()
    assert sentences(page) == ["V2", "V1", "V0"]
    page.get_by_role("link", name="View as table").click()
    rows = page.locator(".hist tbody tr")
    expect(rows).to_have_count(3)
    rows.nth(1).get_by_role("link").click()
    assert sentences(page) == ["V1"]
    page.get_by_role("link", name="View as bars").click()
    expect(page.locator("#plot")).to_be_visible()


# For everybody


def test_axe_finds_nothing_in_any_state(
    page: Page,
    people: People,
    live_server: LiveServer,
    axe: Callable[[Page], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter(page, people, live_server)
    for query in (
        "",
        "?status=failure",
        "?histogram=table",
        "?from=2026-11-03&to=2026-11-03",
    ):
        for width in (1440, 390) if not query else (1440,):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(LOGS + query)
            for theme in COLOUR_SCHEMES if width == 1440 else COLOUR_SCHEMES[:1]:
                page.locator("html").evaluate(f"root => {{ root.dataset.theme = '{theme}'; }}")
                assert axe(page) == [], (query, width, theme)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(LOGS)
    brush(page, AFTERNOON, "Nov 12, 00:00 – 06:00")
    assert axe(page) == []
    monkeypatch.setattr(counting, "AT_FIRST", timedelta())
    monkeypatch.setattr(counting, "PATIENCE", timedelta())
    page.goto(f"{LOGS}?text=V1")
    expect(page.locator(".hist-h")).to_contain_text("Counted back to")
    assert axe(page) == []

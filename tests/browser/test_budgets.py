"""What a first view weighs, and that it stays as light as agreed."""

import gzip
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, Response
from pytest_django.live_server_helper import LiveServer

from tests.factories import AppFactory, People, make_people
from tests.history import session_of, write

from .reading import LOGS

STATIC = Path(settings.BASE_DIR) / "static"
KB = 1024
EVERYTHING = "?time=relative&fold=off&histogram=table&" + "&".join(
    f"col={name}" for name in ("who", "what", "resource", "app", "where", "client", "status", "request")
)
LOADS = 6
PACKED = 3
"""How many times smaller text is on its way from a server that compresses, which the one of the tests does not."""


def gzipped(files: Iterable[Path]) -> int:
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def people_with_a_full_page() -> People:
    people = make_people()
    apps = [AppFactory(account=people.acme, slug=f"app-{n}", name=f"Application number {n}") for n in range(25)]
    now = timezone.now()
    for number, app in enumerate(apps):
        entries = [(f"Create model 'model-{number}-{n}'", now - timedelta(minutes=number * 3 + n)) for n in range(3)]
        write(people.acme, people.owner, entries, app)
    return people


@pytest.mark.parametrize(
    ("files", "budget"),
    [
        (("vendor/htmx.min.js", "js/logs.js", "js/shell.js"), 30 * KB),
        (("vendor/cally.min.js",), 10 * KB),
        (("js/log/live.js", "js/log/display.js", "js/log/keys.js"), 5 * KB),
        (("js/log/search.js", "js/log/histogram.js", "js/log/details.js"), 10 * KB),
        (("css/base.css", "css/plan.css"), 16 * KB),
        (("vendor/icons.svg",), 4 * KB),
    ],
    ids=["scripts", "calendar", "comfort on demand", "the rest on demand", "styles", "icons"],
)
def test_files_stay_small(files: tuple[str, ...], budget: int) -> None:
    assert gzipped(STATIC / file for file in files) <= budget


def test_fonts_stay_small() -> None:
    assert sum(file.stat().st_size for file in STATIC.glob("vendor/*.woff2")) <= 55 * KB


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", EVERYTHING], ids=["as it comes", "everything on"])
def test_a_full_page_stays_small(query: str, client: Client) -> None:
    people = people_with_a_full_page()
    client.force_login(people.owner)
    page = client.get(LOGS + query, follow=True).content
    assert page.count(b'class="ev"') == 50
    assert len(gzip.compress(page, 6)) <= 30 * KB


@pytest.mark.django_db(transaction=True)
def test_a_first_view_asks_for_little(page: Page, live_server: LiveServer) -> None:
    people = people_with_a_full_page()
    page.context.add_cookies(session_of(people.owner, live_server.url))
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(LOGS, wait_until="networkidle")
    assert len(answers) <= 8, [answer.url for answer in answers]
    weight = sum(
        len(answer.body()) if answer.url.endswith("woff2") else len(gzip.compress(answer.body(), 6))
        for answer in answers
    )
    assert weight <= 140 * KB


@pytest.mark.django_db(transaction=True)
def test_nothing_moves_while_it_loads(page: Page, live_server: LiveServer) -> None:
    people = people_with_a_full_page()
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS, wait_until="networkidle")
    shift = page.evaluate(
        """() => new Promise((resolve) => {
            let sum = 0;
            new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
                .observe({ type: 'layout-shift', buffered: true });
            setTimeout(() => resolve(sum), 300);
        })"""
    )
    assert shift <= 0.02


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("cpu", "bits", "latency", "budget"),
    [(4, 1_600_000, 150, 2.0), (1, 50_000_000, 5, 0.8)],
    ids=["a slow phone", "a desktop"],
)
def test_the_first_view_is_drawn_soon(
    cpu: int, bits: int, latency: int, budget: float, page: Page, live_server: LiveServer
) -> None:
    people = people_with_a_full_page()
    page.context.add_cookies(session_of(people.owner, live_server.url))
    page.goto(LOGS, wait_until="networkidle")  # The server reads its templates at the first one.
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    bytes_each_second = bits / 8 * PACKED
    speed = {"downloadThroughput": bytes_each_second, "uploadThroughput": bits / 8, "latency": latency}
    devtools.send("Network.emulateNetworkConditions", {**speed, "offline": False})
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": cpu})
    paints: list[float] = []
    while len(paints) < LOADS and (not paints or paints[-1] > budget):  # Others may be at work on this machine.
        paints.append(largest_paint(page))
    assert min(paints) <= budget, paints


def largest_paint(page: Page) -> float:
    """Load the page anew and return after how many seconds the largest thing seen on it was painted."""
    page.goto(LOGS, wait_until="networkidle")
    milliseconds = page.evaluate(
        """() => new Promise((resolve) => {
            new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
                .observe({ type: 'largest-contentful-paint', buffered: true });
        })"""
    )
    return float(milliseconds) / 1000

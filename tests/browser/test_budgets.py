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

STATIC = Path(settings.BASE_DIR) / "static"
KB = 1024
LOGS = "/@acme/teams-and-logs/"


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
        (("css/base.css", "css/plan.css"), 16 * KB),
        (("vendor/icons.svg",), 4 * KB),
    ],
    ids=["scripts", "calendar", "styles", "icons"],
)
def test_files_stay_small(files: tuple[str, ...], budget: int) -> None:
    assert gzipped(STATIC / file for file in files) <= budget


def test_fonts_stay_small() -> None:
    assert sum(file.stat().st_size for file in STATIC.glob("vendor/*.woff2")) <= 55 * KB


@pytest.mark.django_db
def test_a_full_page_stays_small(client: Client) -> None:
    people = people_with_a_full_page()
    client.force_login(people.owner)
    page = client.get(LOGS).content
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

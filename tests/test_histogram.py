"""The histogram: what is drawn and said for the filter of the page, what its bars lead to, and what it costs."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from auditlog import counting
from auditlog.buckets import MOST, SIZES, Buckets, buckets_of
from auditlog.models import Entry
from auditlog.periods import Period
from controlcenter.context import SYSTEM, acting_as, attempting
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, People
from .history import LONG_AGO, multiply, shown, sign_in_long_ago, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"
BAR = re.compile(r'<a href="(\?[^"]*)" tabindex="-1" aria-label="([^"]*)"')


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def history(people: People) -> None:
    """Today three entries of Olga's in vision; three days ago one of Max's in audio, and a failure of his."""
    vision, audio = make_app(people, "vision"), make_app(people, "audio")
    write(people.acme, people.owner, [("One", NOW), ("Two", NOW), ("Three", NOW - timedelta(hours=7))], vision)
    write(people.acme, people.member, [("Four", NOW - timedelta(days=3))], audio)
    with (
        acting_as(people.member.as_actor(), at=NOW - timedelta(days=3)),
        attempting(Operation.MODEL_DELETE, account_id=people.acme.pk) as attempt,
    ):
        attempt.refuse("in_use", "It is in use.")


def make_app(people: People, slug: str) -> App:
    with acting_as(SYSTEM, at=LONG_AGO):
        app: App = AppFactory(account=people.acme, slug=slug, name=slug.title())
    return app


def histogram(page: Client, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = page.get(URL + query, follow=True).context["histogram"]
    return found


def counted(response: Any) -> list[tuple[int, int]]:
    """Return what succeeded and failed in the buckets that are not empty, oldest first."""
    return [tuple(bar.figures) for bar in response.context["histogram"]["bars"] if sum(bar.figures)]


def heading(response: Any) -> str:
    found = re.search(r'<div class="hist-h">(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", found[1]).split()))


# Where bars begin


@pytest.mark.parametrize(
    ("days", "label"),
    [
        (1, "15 minutes"),
        (2, "30 minutes"),
        (7, "2 hours"),
        (22, "6 hours"),
        (30, "12 hours"),
        (92, "1 day"),
        (183, "2 days"),
    ],
)
def test_bars_have_round_sizes(days: int, label: str) -> None:
    period = Period("custom", NOW.date() - timedelta(days=days - 1), NOW.date(), ZoneInfo("UTC"))
    buckets = buckets_of(period, LONG_AGO)
    assert buckets.label == label
    assert 60 <= len(buckets.edges) - 1 <= MOST


@pytest.mark.parametrize("size", SIZES)
def test_each_size_has_a_name(size: timedelta) -> None:
    assert re.fullmatch(r"\d+ (minute|hour|day)s?", Buckets(size, []).label)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago"])
@pytest.mark.parametrize("days", [1, 3, 20, 50, 400, 9000])
def test_bars_cover_the_period_without_gap_or_overlap(zone: str, days: int) -> None:
    period = Period("custom", NOW.date() - timedelta(days=days), NOW.date(), ZoneInfo(zone))
    edges = buckets_of(period, LONG_AGO - timedelta(days=9000)).edges
    assert (edges[0], edges[-1]) == (period.begins, period.ends)
    assert all(earlier < later for earlier, later in pairwise(edges))
    assert len(edges) <= MOST + 2


def test_bars_begin_at_round_times_of_the_zone_also_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    period = Period("custom", date(2026, 10, 20), date(2026, 11, 5), berlin)
    edges = [edge.astimezone(berlin) for edge in buckets_of(period, LONG_AGO).edges]
    assert {(edge.hour % 6, edge.minute) for edge in edges} == {(0, 0)}
    assert timedelta(hours=7) in {b.astimezone(UTC) - a.astimezone(UTC) for a, b in pairwise(edges)}


def test_nothing_is_drawn_from_before_the_oldest_entry_kept() -> None:
    kept_since = datetime(2026, 11, 1, 10, 7, 3, 250_000, UTC)
    edges = buckets_of(Period("custom", date(2020, 1, 1), NOW.date(), ZoneInfo("UTC")), kept_since).edges
    assert edges[0] == kept_since


# What it counts


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("query", "bars", "said"),
    [
        ("", [(1, 1), (1, 0), (2, 0)], "5 entries · 1 failed (20.0%)"),
        ("?app=vision", [(1, 0), (2, 0)], "3 of 5 entries"),
        ("?actor=max", [(1, 1)], "2 of 5 entries · 1 failed (50.0%)"),
        ("?actor=max&actor=olga&status=success", [(1, 0), (1, 0), (2, 0)], "4 of 5 entries"),
        ("?operation=models", [(1, 1), (1, 0), (2, 0)], "5 of 5 entries · 1 failed (20.0%)"),
        ("?operation=MODEL_DELETE", [(0, 1)], "1 of 5 entries · 1 failed (100.0%)"),
        ("?status=failure", [(0, 1)], "1 of 5 entries"),
        ("?status=success&status=failure", [(1, 1), (1, 0), (2, 0)], "5 entries · 1 failed (20.0%)"),
        ("?app=vision&actor=olga", [(1, 0), (2, 0)], "3 of 5 entries"),
        ("?-app=vision", [(1, 1)], "2 of 5 entries · 1 failed (50.0%)"),
        ("?text=Three", [(1, 0)], "1 of 5 entries"),
        ("?app=vision&actor=max", [], "0 of 5 entries"),
        ("?range=today", [(1, 0), (2, 0)], "3 entries"),
        ("?range=yesterday", [], "0 entries"),
    ],
)
def test_it_counts_what_the_filter_finds(query: str, bars: list[Any], said: str, page: Client) -> None:
    response = page.get(URL + query, follow=True)
    assert counted(response) == bars
    assert heading(response).startswith(f"{said} ")


@pytest.mark.usefixtures("history")
def test_who_sees_only_their_own_entries_sees_only_these_counted(people: People, client: Client) -> None:
    sign_in_long_ago(client, people.member)
    assert counted(client.get(URL)) == [(1, 1)]
    assert heading(client.get(f"{URL}?operation=MODEL_DELETE")).startswith("1 of 2 entries")


@pytest.mark.usefixtures("history")
def test_nothing_of_other_accounts_is_counted(people: People, page: Client) -> None:
    assert people.stranger.home
    write(people.stranger.home, people.stranger, [("Theirs", NOW)])
    assert heading(page.get(URL)).startswith("5 entries")


def test_nothing_is_counted_that_is_no_longer_kept(people: People, page: Client) -> None:
    kept_since = people.acme.kept_since(NOW)
    second = timedelta(seconds=1)
    write(people.acme, people.owner, [("Kept", kept_since + second), ("Not kept", kept_since - second)])
    assert heading(page.get(f"{URL}?from=2020-01-01", follow=True)).startswith("1 entry ")


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("query", ["?range=nonsense", "?app=nonsense", "?from=2001-01-01&to=2001-01-02"])
def test_without_time_to_count_in_there_is_none(query: str, page: Client) -> None:
    response = page.get(URL + query)
    assert "histogram" not in response.context
    assert 'class="hist"' not in response.content.decode()


@pytest.mark.usefixtures("history")
def test_a_drawing_in_part_says_so(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "PATIENCE", timedelta())
    response = page.get(f"{URL}?text=Three")
    assert "Counted back to Nov 23, 00:00; choose fewer dates" in heading(response)
    assert "teams-and-logs/histogram/" not in response.content.decode()
    assert "Nov 1, 00:00 to 06:00: not counted" in response.content.decode()
    assert "Counted back" not in heading(page.get(URL))


@pytest.mark.usefixtures("history")
def test_a_page_asks_for_the_rest_of_a_drawing_in_part(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "AT_FIRST", timedelta())
    assert heading(page.get(f"{URL}?text=Three")).startswith("1 of "), "without scripts it waits for all"
    page.cookies["scripts"] = "on"
    found = re.search(r'class="hist"[^>]* hx-get="([^"]+)"', page.get(f"{URL}?text=Three").content.decode())
    assert found
    rest = page.get(html.unescape(found[1]))
    assert heading(rest).startswith("1 of 6 entries"), "the look itself is one"
    assert "hx-get" not in rest.content.decode()
    assert 'class="ev"' not in rest.content.decode()


@pytest.mark.usefixtures("history")
def test_it_is_counted_directly_when_the_hourly_counts_are_far_behind(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST_LIVE", 1)
    assert counted(page.get(URL)) == [(1, 1), (1, 0), (2, 0)]
    response = page.get(f"{URL}?app=vision&status=success")
    assert counted(response) == [(1, 0), (2, 0)]
    assert heading(response).startswith("3 entries ")


# What is drawn


@pytest.mark.usefixtures("history")
def test_bars_are_called_by_their_times(page: Client) -> None:
    labels = [label for _, label in BAR.findall(page.get(URL).content.decode())]
    assert labels[0] == "Nov 1, 00:00 to 06:00: 0 succeeded, 0 failed"
    assert "Nov 19, 12:00 to 18:00: 1 succeeded, 1 failed" in labels
    assert len(labels) == 88


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("?range=3m", "Aug 23"),
        ("?from=2026-09-02", "Sep 2"),
        ("?range=today", "Nov 22, 00:00 – 00:15"),
        ("?from=2026-10-25&to=2026-10-25&tz=Europe/Berlin", "Oct 25, 00:00 – 00:15"),
        ("?from=2026-11-21T23:59&to=2026-11-22T00:30", "Nov 21, 23:59 – 00:00"),
    ],
)
def test_titles_are_short_and_clear(query: str, first: str, page: Client) -> None:
    assert histogram(page, query)["bars"][0].title == first


def test_an_hour_that_comes_twice_is_told_apart(page: Client) -> None:
    bars = histogram(page, "?from=2026-10-25&to=2026-10-25&tz=Europe/Berlin")["bars"]
    titles = [bar.title for bar in bars]
    assert "Oct 25, 02:00 CEST – 02:15 CEST" in titles
    assert "Oct 25, 02:00 CET – 02:15 CET" in titles
    assert len(set(titles)) == len(titles) == 100


def test_one_failure_among_thousands_is_seen(people: People, page: Client) -> None:
    write(people.acme, people.owner, [("Done", NOW)])
    multiply(Entry.objects.for_account(people.acme.pk).newest_first()[0], 3000)
    with (
        acting_as(people.owner.as_actor(), at=NOW),
        attempting(Operation.MODEL_DELETE, account_id=people.acme.pk) as made,
    ):
        made.refuse("in_use", "It is in use.")
    [bar] = [bar for bar in histogram(page)["bars"] if bar.figures.failed]
    failed, done = bar.rects
    assert (failed.kind, failed.height) == ("f", 2.5)
    assert done.y >= 0
    assert done.y + done.height == failed.y - 1


@pytest.mark.parametrize(("entries", "half"), [(1, "1"), (3, "2"), (21, "15"), (46, "25"), (350, "200")])
def test_the_line_in_the_middle_stands_for_a_round_number(
    entries: int, half: str, people: People, page: Client
) -> None:
    write(people.acme, people.owner, [(str(number), NOW) for number in range(entries)])
    found = histogram(page)
    assert found["half"] == half
    assert max(rect.height for bar in found["bars"] for rect in bar.rects) <= 64


def test_the_last_label_is_today(page: Client) -> None:
    assert histogram(page)["axis"] == ["Nov 1", "Nov 4", "Nov 7", "Nov 10", "Nov 13", "Nov 16", "Nov 19", "Today"]
    assert histogram(page, "?range=last-month")["axis"][-1] == "Oct 31"


# Where it leads


@pytest.mark.usefixtures("history")
def test_a_bar_leads_to_its_entries_and_keeps_the_filters(page: Client) -> None:
    query = "?app=vision&status=success&tz=Asia/Kolkata&density=compact"
    first = page.get(URL + query, follow=True).context["rows"][0]
    content = page.get(f"{URL}{query}&before={first.id}&event={first.id}", follow=True).content.decode()
    met = []
    for number, (url, label) in enumerate(BAR.findall(content)):
        found = "1 succeeded" in label or "2 succeeded" in label
        if found or number % 12 == 0:
            response = page.get(URL + html.unescape(url))
            assert response.status_code == 200, url
            met += shown(response)
        assert "app=vision&amp;status=success" in url
        assert "tz=Asia%2FKolkata&amp;density=compact" in url
        assert "before" not in url
        assert "event" not in url
    assert sorted(met) == ["One", "Three", "Two"]


@pytest.mark.usefixtures("history")
def test_it_is_a_table_for_who_wants_one(page: Client) -> None:
    link = re.search(r'<a class="quiet" href="([^"]*)">View as table', page.get(f"{URL}?actor=max").content.decode())
    assert link
    response = page.get(URL + html.unescape(link[1]))
    content = response.content.decode()
    assert response.status_code == 200
    assert "data-plot" not in content
    assert re.search(r">Nov 19, 12:00 – 18:00</a></td>\s*<td[^>]*>1</td><td[^>]*>1</td><td[^>]*>2</td>", content)
    assert "View as bars" in content
    assert shown(response) == shown(page.get(f"{URL}?actor=max"))


# What it costs


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("query", ["", "?app=vision", "?status=failure", "?text=One", "?-actor=max&histogram=table"])
def test_it_costs_one_query_however_much_there_is(query: str, people: People, page: Client) -> None:
    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert page.get(URL + query).status_code == 200
        return [one["sql"] for one in captured if "width_bucket" in one["sql"]]

    multiply(Entry.objects.filter(account_id=people.acme.pk).newest_first()[0], 55)
    page.get(URL + query)  # The look itself is recorded, once.
    assert len(statements()) == 1
    multiply(Entry.objects.filter(account_id=people.acme.pk).newest_first()[0], 6000)
    assert len(statements()) == 1

"""How the log is shown: columns, density, order, times and zone; from the address, or remembered."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from auditlog.display import Display, ago
from auditlog.models import DisplayPreference, Entry
from controlcenter.context import SYSTEM, acting_as

from .factories import People, make_people
from .history import LONG_AGO, member_with, queries_for, shown, sign_in_long_ago, text_of, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"
SAVE = f"{URL}display/"
HEADERS = re.compile(r'<th role="columnheader" scope="col"[^>]*>(.*?)(?: <svg.*?)?</th>')
AS_SHOWN = {
    "query": "",
    "density": "comfortable",
    "time": "absolute",
    "sort": "desc",
    "col": ["who", "what", "where", "status"],
    "shown_zone": "UTC",
    "zone": "UTC",
    "other_zone": "",
}
"""What the menu sends when nothing was changed in it."""


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=LONG_AGO):
        people = make_people()
    write(people.acme, people.owner, [(f"E{n}", NOW - timedelta(hours=120 - n)) for n in range(120)])
    return people


def headers(response: Any) -> list[str]:
    return HEADERS.findall(response.content.decode())[1:]


def get(client: Client, query: str = "") -> Any:
    return client.get(f"{URL}?{query}" if query else URL, follow=True)


def save(client: Client, **changed: Any) -> Any:
    return client.post(SAVE, {**AS_SHOWN, **changed})


def remembered(user: User) -> DisplayPreference:
    return DisplayPreference.objects.get(user=user)


# Columns


def test_the_columns_are_those_of_the_address_in_the_order_of_the_table(page: Client) -> None:
    assert headers(get(page)) == ["When", "Who", "What", "Where", "Status"]
    assert headers(get(page, "col=request&col=who&col=resource")) == ["When", "Who", "Resource", "Request ID"]
    assert headers(get(page, "col=when")) == ["When"]


def test_every_column_shows_its_value(page: Client) -> None:
    columns = ("who", "what", "resource", "app", "where", "client", "status", "request")
    found = get(page, "&".join(f"col={name}" for name in columns))
    assert len(headers(found)) == 9
    row = found.content.decode().partition('class="ev"')[2].partition("</tr>")[0]
    assert row.count("<td") == 10
    for value in ("Olga Owner", "Models created", "model-119", "203.0.113.7", "curl", "Success", "made"):
        assert value in row, value


def test_a_hidden_column_leaves_no_cell(page: Client) -> None:
    row = get(page, "col=what").content.decode().partition('class="ev"')[2].partition("</tr>")[0]
    assert row.count("<td") == 3
    assert "203.0.113.7" not in row


# Order


def walk(client: Client, query: str, link: str) -> list[str]:
    """Return the sentences of all pages, following one link to its end."""
    page = get(client, query)
    found = shown(page)
    while url := page.context["page"][link]:
        page = client.get(url)
        found += shown(page)
    return found


def test_oldest_first_leads_through_all_entries_and_back(page: Client) -> None:
    ascending = [f"E{n}" for n in range(120)]
    narrowed = "status=success&operation=MODEL_CREATE"
    assert walk(page, narrowed, "older_url") == ascending[::-1]
    assert walk(page, f"{narrowed}&sort=asc", "newer_url") == ascending
    middle = Entry.objects.order_by("id").filter(targets__contains=[{"id": "model-60"}]).get()
    before = shown(get(page, f"{narrowed}&sort=asc&before={middle.id}"))
    after = shown(get(page, f"{narrowed}&sort=asc&after={middle.id}"))
    assert (before, after) == (ascending[10:60], ascending[61:111])


def test_a_cursor_leads_to_the_same_entries_in_either_order(page: Client) -> None:
    middle = Entry.objects.order_by("id").filter(targets__contains=[{"id": "model-60"}]).get()
    for cursor in ("before", "after"):
        down, up = (shown(get(page, f"{cursor}={middle.id}&sort={sort}")) for sort in ("desc", "asc"))
        assert up == down[::-1] != []


def test_the_first_page_knows_what_lies_beyond_it(page: Client) -> None:
    newest, oldest = (get(page, query).context["page"] for query in ("sort=desc", "sort=asc"))
    assert (bool(newest["newer_url"]), bool(newest["older_url"])) == (False, True)
    assert (bool(oldest["newer_url"]), bool(oldest["older_url"])) == (True, False)


def test_the_labels_of_the_pager_follow_the_order(page: Client) -> None:
    newest, oldest = (get(page, query).content.decode() for query in ("", "sort=asc"))
    assert 'rel="next">Older' in newest
    assert 'rel="next">Newer' in oldest
    assert 'aria-sort="descending"' in newest
    assert 'aria-sort="ascending"' in oldest


# Times and zones


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=-5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=47), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_how_long_ago(passed: timedelta, said: str) -> None:
    assert ago(NOW - passed, NOW) == said


def test_relative_times_keep_the_absolute_one(page: Client) -> None:
    html = get(page, "time=relative").content.decode()
    assert '<time datetime="2026-11-22T14:30:00+00:00" title="Nov 22 14:30:00" data-ago>1 hour ago</time>' in html


def test_details_are_always_absolute(page: Client, people: People) -> None:
    entry = Entry.objects.order_by("-id").first()
    assert entry
    details = text_of(get(page, f"time=relative&event={entry.id}"))
    assert "2026-11-22" in details.partition("Entry ID")[0]


def test_a_zone_that_was_chosen_is_the_one_of_addresses_that_name_none(page: Client, people: People) -> None:
    save(page, zone="other", other_zone="Asia/Tokyo")
    assert remembered(people.owner).zone == "Asia/Tokyo"
    assert "Times in Asia/Tokyo" in text_of(get(page))
    assert "Times in Europe/Berlin" in text_of(get(page, "tz=Europe%2FBerlin"))
    assert "Times in UTC" in text_of(get(page, "from=2026-11-20&to=2026-11-22")), "the same days for all"


def test_one_goes_back_to_the_zone_of_ones_own(page: Client, people: People) -> None:
    User.objects.filter(pk=people.owner.pk).update(time_zone="Europe/Berlin")
    back = save(page, shown_zone="Europe/Berlin", zone="UTC")
    assert "tz=UTC" in back["Location"]
    assert remembered(people.owner).zone == "UTC"
    save(page, shown_zone="UTC", zone="other", other_zone="Europe/Berlin")
    assert remembered(people.owner).zone == ""


def test_a_zone_that_there_is_not_is_said_and_not_remembered(page: Client, people: People) -> None:
    back = page.post(SAVE, {**AS_SHOWN, "zone": "other", "other_zone": "Mars/Base"}, follow=True)
    assert "There is no time zone “Mars/Base”. Write one as in Europe/Berlin, or UTC." in text_of(back)
    assert shown(back) == []
    assert remembered(people.owner).zone == ""


# What is remembered


def test_what_was_chosen_is_remembered_for_the_person_wherever_they_sign_in(page: Client, people: People) -> None:
    save(page, density="compact", time="relative", sort="asc", col=["what", "request"])
    elsewhere = Client()
    sign_in_long_ago(elsewhere, people.owner)
    found = get(elsewhere)
    assert headers(found) == ["When", "What", "Request ID"]
    assert found.context["display"] == Display("compact", "relative", "asc", ("what", "request"))
    assert 'data-density="compact"' in found.content.decode()


def test_nobody_else_is_shown_it(page: Client, people: People, client: Client) -> None:
    save(page, density="compact")
    other = Client()
    sign_in_long_ago(other, people.member)
    assert get(other).context["display"].density == "comfortable"


def test_the_address_goes_first(page: Client) -> None:
    save(page, density="compact", time="relative", sort="asc", col=["what"])
    found = get(page, "density=comfortable&time=absolute&sort=desc&col=who")
    assert found.context["display"] == Display("comfortable", "absolute", "desc", ("who",))


def test_only_what_was_changed_is_remembered(page: Client, people: People) -> None:
    asked = "sort=asc&col=what&density=compact&tz=Asia%2FTokyo"
    sent = {"sort": "asc", "col": ["what"], "shown_zone": "Asia/Tokyo", "zone": "other", "other_zone": "Asia/Tokyo"}
    save(page, query=asked, density="comfortable", **sent)
    preference = remembered(people.owner)
    assert (preference.sort, preference.columns, preference.zone) == ("desc", AS_SHOWN["col"], "")


def test_it_leads_back_to_the_same_page_shown_otherwise(page: Client) -> None:
    back = save(page, query="app=vision&sort=asc&density=compact&range=7d&fold=off", sort="asc", time="relative")
    assert back.status_code == 302
    path, _, query = back["Location"].partition("?")
    assert path == URL
    assert dict(parse_qsl(query)) == {"app": "vision", "sort": "asc", "range": "7d", "fold": "off"}


def test_another_order_begins_at_its_first_page(page: Client) -> None:
    back = save(page, query="before=0191e7a8-0000-7000-8000-000000000001&app=vision", sort="asc")
    assert back["Location"] == f"{URL}?app=vision"


def test_it_leads_nowhere_else(page: Client) -> None:
    back = save(page, query="https://evil.example/?app=vision")
    assert back["Location"].startswith(URL)


def test_results_alone_are_led_back_to(page: Client) -> None:
    back = page.post(SAVE, {**AS_SHOWN, "density": "compact"}, headers={"HX-Request": "true"})
    assert back["Location"] == f"{URL}results/?"


@pytest.mark.parametrize("changed", [{"density": "huge"}, {"col": ["salary"]}, {"sort": ""}, {"zone": ""}])
def test_what_the_menu_does_not_offer_is_refused(changed: dict[str, Any], page: Client) -> None:
    assert save(page, **changed).status_code == 400
    assert not DisplayPreference.objects.exists()


def test_looking_and_choosing_leave_no_entry(page: Client) -> None:
    before = Entry.objects.count()
    save(page, density="compact")
    get(page, "density=compact&sort=asc&col=who")
    assert Entry.objects.count() == before


def test_a_person_is_deleted_with_what_they_chose(page: Client, people: People) -> None:
    with acting_as(SYSTEM):
        DisplayPreference.objects.create(user=people.stranger)
        people.stranger.delete()
    assert not DisplayPreference.objects.exists()


# Who may choose


def test_only_who_reads_the_log_may_choose(client: Client, people: People) -> None:
    assert client.post(SAVE, AS_SHOWN)["Location"].startswith("/sign-in/")
    client.force_login(people.stranger)
    assert client.post(SAVE, AS_SHOWN).status_code == 404
    client.force_login(member_with(Role.FINANCIAL_MANAGER, people.acme))
    assert client.post(SAVE, AS_SHOWN).status_code == 403
    assert not DisplayPreference.objects.exists()


def test_nothing_is_chosen_by_looking_or_from_elsewhere(page: Client, people: People) -> None:
    assert page.get(SAVE).status_code == 405
    forged = Client(enforce_csrf_checks=True)
    sign_in_long_ago(forged, people.owner)
    assert forged.post(SAVE, AS_SHOWN).status_code == 403


# Addresses


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("density=huge", "density=huge is none: comfortable, compact are."),
        ("time=soon", "time=soon is none: absolute, relative are."),
        ("sort=up", "sort=up is none: desc, asc are."),
        (
            "col=who&col=salary",
            "col=salary is none: when, who, what, resource, app, where, client, status, request are.",
        ),
    ],
)
def test_a_wrong_one_is_said_and_shows_nothing(query: str, said: str, page: Client) -> None:
    found = get(page, query)
    assert said in text_of(found)
    assert shown(found) == []


def test_links_keep_how_the_page_is_shown(page: Client) -> None:
    shows = "density=compact&time=relative&sort=asc&col=who&col=what"
    found = get(page, f"status=success&{shows}")
    asked = found.context["display_asked"]
    links = [found.context["page"]["newer_url"], *re.findall(r'data-page[^>]* href="([^"]*)"', found.content.decode())]
    assert len(links) > 1
    for link in links:
        pairs = parse_qsl(link.replace("&amp;", "&").partition("?")[2])
        assert [pair for pair in pairs if pair in asked] == asked, link


def test_it_costs_no_query(page: Client, people: People) -> None:
    queries_for(page, URL)
    plain = queries_for(page, URL)
    save(page, density="compact", col=["who", "what", "request"], time="relative", sort="asc")
    assert queries_for(page, URL) == plain

"""Teams & Logs as people of each role find it: what it shows, in which order, and what it costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Plan, User
from accounts.roles import Role
from controlcenter.context import SYSTEM, Where, acting_as
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AppFactory, People
from .history import (
    LONG_AGO,
    entries_of,
    home_of,
    member_with,
    multiply,
    shown,
    sign_in_long_ago,
    text_of,
    the_entry,
    write,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/teams-and-logs/"
RESULTS = f"{URL}results/"


@pytest.fixture(autouse=True)
def _today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def write_many(account: Account, actor: User, count: int, app: App | None = None) -> None:
    write(account, actor, ((f"Entry {n}", NOW - timedelta(minutes=count - n)) for n in range(count)), app)


def queries_of(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


# What a row says


def test_it_tells_who_did_what_from_where_and_whether_it_worked(page: Client, people: People) -> None:
    where = Where("2001:db8::7", "10.0.0.1", "2001:db8::7", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "req-7")
    with acting_as(people.owner.as_actor(), where, at=NOW - timedelta(hours=1)):
        App.objects.create(account=people.acme, slug="vision", name="Vision")
    text = text_of(page.get(URL))
    for part in (
        "Nov 22 14:30:00",
        "Olga Owner",
        "olga@acme.example",
        "Applications created",
        "2001:db8::7",
        "Create application 'Vision'",
        "Firefox on Linux",
        "Success",
        "Times in UTC",
    ):
        assert part in text


def test_it_shows_the_newest_first(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 3)
    assert shown(page.get(URL)) == ["Entry 2", "Entry 1", "Entry 0"]


def test_it_keeps_names_as_they_were(page: Client, people: People) -> None:
    write_many(people.acme, people.member, 1)
    people.member.first_name, people.member.email = "Maximilian", "new@acme.example"
    people.member.save()
    text = text_of(page.get(URL))
    assert "Max Member renamed to Maximilian Member max@acme.example" in text


def test_it_shows_what_a_deleted_person_did(page: Client, people: People) -> None:
    write_many(people.acme, people.member, 1)
    people.member.delete()
    assert "Max Member" in text_of(page.get(URL))


def test_it_escapes_what_people_wrote(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("<script>alert(1)</script>", NOW)])
    content = page.get(URL).content.decode()
    assert "&lt;script&gt;alert(1)" in content
    assert "<script>alert" not in content


def test_it_counts_what_matches(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 61)
    assert "50 of 61 " in text_of(page.get(URL))


def test_it_says_when_there_may_be_more(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    write_many(people.acme, people.owner, 61)
    monkeypatch.setattr("auditlog.counting.PATIENCE", timedelta())
    assert "50 of 50+ " in text_of(page.get(f"{URL}?type=model"))


# Paging


def test_older_and_newer_meet_every_entry_once(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 120)
    seen, url = [], URL
    while url:
        response = page.get(url)
        seen += shown(response)
        last, url = url, response.context["page"]["older_url"]
    assert seen == [f"Entry {n}" for n in reversed(range(120))]
    back = page.get(page.get(last).context["page"]["newer_url"])
    assert shown(back) == [f"Entry {n}" for n in range(69, 19, -1)]


def test_there_is_nothing_newer_on_the_first_page_nor_older_on_the_last(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 51)
    first = page.get(URL)
    last = page.get(first.context["page"]["older_url"])
    assert (first.context["page"]["newer_url"], last.context["page"]["older_url"]) == ("", "")
    assert shown(page.get(last.context["page"]["newer_url"])) == shown(first)


def test_paging_keeps_the_filters(page: Client, people: People) -> None:
    app = AppFactory(account=people.acme, slug="vision")
    write_many(people.acme, people.owner, 60, app)
    older = page.get(f"{URL}?app=vision&range=7d").context["page"]["older_url"]
    assert older.startswith(f"{URL}?app=vision&range=7d&before=")
    assert shown(page.get(older)) == [f"Entry {n}" for n in reversed(range(11))]


def test_a_page_beyond_the_last_leads_back(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 3)
    oldest = entries_of(people.acme, Operation.MODEL_CREATE)[0]
    response = page.get(f"{URL}?before={oldest.id}")
    assert "There is nothing further on this side" in text_of(response)
    assert len(shown(page.get(response.context["state_action_url"]))) == 3


def test_an_open_entry_is_shown_with_its_details(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 2)
    entry = entries_of(people.acme, Operation.MODEL_CREATE)[0]
    text = text_of(page.get(f"{URL}?event={entry.id}"))
    assert str(entry.id) in text
    assert text.count("Entry ID") == 1


# The results alone


def test_the_results_are_the_same_alone_and_in_the_page(page: Client, people: People) -> None:
    AppFactory(account=people.acme, slug="vision")
    write_many(people.acme, people.owner, 60)
    for query in ("", "?app=vision", "?range=7d&tz=Europe%2FBerlin", "?range=never"):
        page.get(URL + query)  # The first look through a filter is an entry itself.
        whole = page.get(URL + query).content.decode()
        alone = page.get(RESULTS + query).content.decode()
        assert alone.strip().startswith('<div id="results"')
        assert alone.strip() in whole


def test_the_results_say_which_address_shows_them(page: Client, people: People) -> None:
    AppFactory(account=people.acme, slug="vision")
    for query, short in (
        ("", URL),
        ("?range=month", URL),
        ("?app=vision&range=7d&from=2026-01-01&to=2026-01-02", f"{URL}?app=vision&range=7d"),
        ("?range=custom&from=2026-11-01&to=2026-11-02", f"{URL}?from=2026-11-01&to=2026-11-02"),
        ("?range=never", f"{URL}?range=never"),
    ):
        assert page.get(RESULTS + query, headers={"HX-Request": "true"})["HX-Push-Url"] == short


def test_the_results_bring_the_labels_of_the_two_buttons(page: Client, people: People) -> None:
    AppFactory(account=people.acme, slug="vision", name="Vision")
    answer = page.get(f"{RESULTS}?app=vision&range=7d", headers={"HX-Request": "true"}).content.decode()
    assert '<span class="tx" id="apps-label" hx-swap-oob="true">Vision</span>' in answer
    assert '<span class="tx" id="period-label" hx-swap-oob="true">Nov 16 – 22, 2026</span>' in answer
    assert '<span class="sub" id="period-preset" hx-swap-oob="true">Last 7 days</span>' in answer


# Who sees what


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_these_roles_see_all_entries(role: Role, people: People, client: Client) -> None:
    write_many(people.acme, people.owner, 2)
    sign_in_long_ago(client, member_with(role, people.acme))
    response = client.get(URL)
    assert {"Entry 0", "Entry 1"} <= set(shown(response))
    assert "own entries" not in text_of(response)


@pytest.mark.parametrize("role", [Role.ORGANIZATION_CONTRIBUTOR, Role.TEAM_CONTRIBUTOR, Role.ORGANIZATION_USER])
def test_these_roles_see_their_own_entries(role: Role, people: People, client: Client) -> None:
    user = member_with(role, people.acme)
    write_many(people.acme, people.owner, 2)
    write(people.acme, user, [("Mine", NOW)])
    sign_in_long_ago(client, user)
    response = client.get(URL)
    assert shown(response) == ["Mine"]
    assert f"You see your own entries, as {role.label}." in text_of(response)


@pytest.mark.parametrize("url", [URL, RESULTS, f"{URL}entries/01941f29-7c00-7000-8000-000000000000/"])
def test_a_financial_manager_is_told_who_may_read_it_and_the_denial_is_an_entry(
    url: str, people: People, client: Client
) -> None:
    user = member_with(Role.FINANCIAL_MANAGER, people.acme)
    sign_in_long_ago(client, user)
    response = client.get(url)
    assert response.status_code == 403
    assert "Only the roles Administrator, Organization contributor" in text_of(response)
    denial = the_entry(people.acme, Operation.LOG_VIEW)
    assert (denial.actor_id, denial.success, denial.event["failure"]["code"]) == (user.pk, False, "role_denied")


@pytest.mark.parametrize("url", [URL, RESULTS])
def test_it_does_not_exist_for_a_stranger(url: str, people: People, client: Client) -> None:
    sign_in_long_ago(client, people.stranger)
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("url", [URL, RESULTS, f"{URL}?app=a&range=7d"])
def test_it_asks_who_is_signed_out_to_sign_in(url: str, people: People, client: Client) -> None:
    response = client.get(url)
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=/%40acme/teams-and-logs/")


def test_it_hides_other_accounts(people: People, client: Client) -> None:
    write_many(people.acme, people.owner, 2)
    sign_in_long_ago(client, people.stranger)
    assert "Entry" not in shown(client.get(f"/@{home_of(people.stranger).slug}/teams-and-logs/"))


# What is kept


def test_entries_older_than_the_plan_keeps_are_not_shown(page: Client, people: People) -> None:
    plan = Plan.objects.create(slug="short", name="Short", audit_log=True, retention_days=10, rank=9)
    Account.objects.filter(pk=people.acme.pk).update(plan=plan)
    edge = NOW - timedelta(days=10)
    write(people.acme, people.owner, [("Gone", edge - timedelta(microseconds=1)), ("Kept", edge)])
    assert shown(page.get(f"{URL}?range=30d"))[-1] == "Kept"
    assert "Gone" not in shown(page.get(f"{URL}?range=30d"))


def test_dates_before_what_is_kept_say_so_and_lead_to_what_is_kept(page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Kept", NOW - timedelta(days=400))])
    response = page.get(f"{URL}?from=2020-01-01&to=2020-02-01&tz=Europe/Berlin", follow=True)
    assert "These dates are older than what is kept" in text_of(response)
    assert "keeps entries for 730 days" in text_of(response)
    assert shown(response) == []
    assert "Kept" in shown(page.get(response.context["state_action_url"], follow=True))


# Nothing to show


def test_a_log_without_entries_leads_to_the_first(people: People, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    sign_in_long_ago(client, user)
    response = client.get(URL)
    assert "Nothing is recorded of you yet" in text_of(response)
    assert "What others do is not shown to your role." in text_of(response)
    assert response.context["state_action_url"] == "/@acme/apps/"


@pytest.mark.parametrize("days", [100, 250])
def test_dates_without_entries_lead_to_dates_with_some(days: int, page: Client, people: People) -> None:
    write(people.acme, people.owner, [("Earlier", NOW - timedelta(days=days))])
    response = page.get(f"{URL}?range=today")
    assert "No entries in these dates" in text_of(response)
    assert "Earlier" in shown(page.get(response.context["state_action_url"], follow=True))


def test_apps_without_entries_lead_to_entries(page: Client, people: People) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        AppFactory(account=people.acme, slug="quiet")
    write_many(people.acme, people.owner, 1)
    response = page.get(f"{URL}?app=quiet&range=today&tz=Europe%2FBerlin")
    assert "No entries match these filters" in text_of(response)
    assert shown(page.get(response.context["state_action_url"]))[-1] == "Entry 0"


def test_apps_and_dates_without_entries_lead_to_entries_too(page: Client, people: People) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        AppFactory(account=people.acme, slug="quiet")
    write_many(people.acme, people.owner, 1)
    response = page.get(f"{URL}?app=quiet&range=yesterday")
    assert "No entries match these filters" in text_of(response)
    assert shown(page.get(response.context["state_action_url"], follow=True))[-1] == "Entry 0"


def test_the_way_out_keeps_the_time_zone(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 1)
    response = page.get(f"{URL}?range=yesterday&tz=Asia%2FTokyo")
    assert "tz=Asia%2FTokyo" in response.context["state_action_url"]


# The log logs itself


def test_looking_through_a_filter_is_an_entry_once_in_15_minutes(people: People, client: Client) -> None:
    sign_in_long_ago(client, people.owner)
    for minutes in (0, 1, 14):
        with time_machine.travel(NOW + timedelta(minutes=minutes), tick=False):
            client.get(f"{URL}?range=7d")
            client.get(f"{RESULTS}?range=7d")
    view = the_entry(people.acme, Operation.LOG_VIEW)
    assert view.event["sentence"] == "View the log filtered by 'range=7d'"
    with time_machine.travel(NOW + timedelta(minutes=16), tick=False):
        client.get(f"{URL}?range=7d")
    assert len(entries_of(people.acme, Operation.LOG_VIEW)) == 2


def test_another_filter_or_person_is_another_entry(people: People, client: Client) -> None:
    for user in (people.owner, people.member):
        sign_in_long_ago(client, user)
        for query in ("range=7d", "range=14d"):
            client.get(f"{URL}?{query}")
    assert len(entries_of(people.acme, Operation.LOG_VIEW)) == 4


@pytest.mark.parametrize("query", ["", "?range=month", "?range=never", "?app=nope"])
def test_looking_without_a_filter_that_works_is_no_entry(query: str, page: Client, people: People) -> None:
    page.get(URL + query, follow=True)
    assert entries_of(people.acme, Operation.LOG_VIEW) == []


# What it costs


EVERYTHING = (
    "?app=one&app=two&actor=olga&-actor=max&actor_type=user&operation=models&type=model&-status=failure"
    "&-ip=10.0.0.0/8&-request=other&text=model&range=7d"
)


@pytest.mark.parametrize(
    ("query", "most"),
    [("", 8), ("?range=7d", 8), ("?app=one&range=7d", 8), ("?app=one&app=two", 8), (EVERYTHING, 9)],  # one for the text
)
def test_it_asks_as_many_questions_of_many_entries_as_of_few(
    query: str, most: int, page: Client, people: People
) -> None:
    for slug in ("one", "two"):
        write_many(people.acme, people.owner, 30, AppFactory(account=people.acme, slug=slug))
    page.get(URL + query)
    few = queries_of(page, URL + query)
    for entry in entries_of(people.acme, Operation.MODEL_CREATE):
        multiply(entry, 100)
    many = queries_of(page, URL + query)
    assert len(few) == len(many) <= most, many


def test_looking_through_a_filter_for_the_first_time_costs_little_more(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 2)
    # Whether there is an entry of it, and that entry; and how far the log is sealed, which is known for a while then.
    assert len(queries_of(page, f"{URL}?range=7d")) <= 12
    assert len(queries_of(page, f"{URL}?range=7d")) <= 8


def test_under_the_oldest_entry_it_says_what_is_kept(page: Client, people: People) -> None:
    write_many(people.acme, people.owner, 2)
    assert "Oldest entry kept: Nov 22, 2026. The Enterprise plan keeps entries for" in text_of(
        page.get(f"{URL}?from=2020-01-01")
    ) + text_of(page.get(f"{URL}?from=2020-01-01", follow=True))
    assert "Oldest entry kept" not in text_of(page.get(URL))

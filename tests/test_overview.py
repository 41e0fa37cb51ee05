"""The overview: its figures are those of the log, each leads to the entries it counts, and it costs the same."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Member
from accounts.roles import Role
from auditlog import overview
from controlcenter.context import SYSTEM, acting_as, attempting
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import AccountFactory, AppFactory, InvitationFactory, People, PlanFactory
from .history import LONG_AGO, shown, sign_in_long_ago, text_of, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
URL = "/@acme/"
LOGS = "/@acme/teams-and-logs/"


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def make_app(people: People, slug: str) -> App:
    with acting_as(SYSTEM, at=LONG_AGO):
        app: App = AppFactory(account=people.acme, slug=slug, name=slug.title())
    return app


@pytest.fixture
def history(people: People) -> None:
    """Three days ago two entries in vision by Olga; today one in audio by Max, and a failure of his."""
    vision, audio = make_app(people, "vision"), make_app(people, "audio")
    before = NOW - timedelta(days=3)
    write(people.acme, people.owner, [("One", before), ("Two", before)], vision)
    write(people.acme, people.member, [("Three", NOW)], audio)
    write(people.acme, people.owner, [("Too old", NOW - timedelta(days=30))], audio)
    write(Account.objects.exclude(slug="acme").exclude(pk=0).get(), people.stranger, [("Theirs", NOW)])
    with (
        acting_as(people.member.as_actor(), at=NOW),
        attempting(Operation.MODEL_DELETE, account_id=people.acme.pk) as attempt,
    ):
        attempt.refuse("in_use", "It is in use.")


def figures(text: str) -> list[str]:
    match = re.search(r"Entries (\S+) in 30 days Failed (\S+)(?: \S+%)? Active people (\S+) Active apps (\S+)", text)
    assert match, text
    return list(match.groups())


@pytest.mark.usefixtures("history")
def test_its_figures_are_those_of_the_log(page: Client) -> None:
    response = page.get(URL)
    assert figures(text_of(response)) == ["4", "1", "2", "2"]
    bars = {bar.day.isoformat(): bar.figures for bar in response.context["bars"] if bar.figures.entries}
    assert bars == {"2026-11-19": (2, 0), "2026-11-22": (2, 1)}
    assert len(response.context["bars"]) == 30


@pytest.mark.usefixtures("history")
def test_each_figure_leads_to_the_entries_it_counts(page: Client) -> None:
    context = page.get(URL).context
    for url, count in [
        (context["logs_url"], 4),
        (context["failures_url"], 1),
        *((bar.url, bar.figures.entries) for bar in context["bars"] if bar.figures.entries),
        *((line.url, line.entries) for line in [*context["apps"], *context["actors"]]),
    ]:
        assert len([sentence for sentence in shown(page.get(url)) if "View the log" not in sentence]) == count, url
    assert [(line.name, line.entries) for line in context["apps"]] == [("Vision", 2), ("Audio", 1)]
    assert [(line.name, line.entries) for line in context["actors"]] == [("Olga Owner", 2), ("Max Member", 2)]
    [failure] = context["failures"]
    assert "Models deleted" in text_of(page.get(failure.url))


@pytest.mark.usefixtures("history")
def test_what_is_gone_keeps_its_name(people: People, page: Client) -> None:
    with acting_as(SYSTEM, at=NOW - timedelta(days=100)):
        App.objects.get(slug="vision").delete()
        people.member.delete()
    context = page.get(URL).context
    assert context["apps"][0].name == "Vision (deleted)"
    assert context["actors"][1].name == "Max Member"


@pytest.mark.usefixtures("history")
def test_what_an_app_is_called_elsewhere_is_not_told(page: Client) -> None:
    with acting_as(SYSTEM, at=NOW - timedelta(days=100)):
        App.objects.filter(slug="vision").update(account=AccountFactory(), name="Their secret")
    assert page.get(URL).context["apps"][0].name == "Vision (deleted)"


@pytest.mark.usefixtures("history")
def test_days_are_those_of_the_readers_zone(people: People) -> None:
    member = Member.objects.get(user=people.owner)
    tokyo = overview.Overview(member, NOW, ZoneInfo("Asia/Tokyo"))
    assert {day.isoformat(): count.entries for day, count in tokyo.counts.days.items()} == {
        "2026-11-20": 2,
        "2026-11-23": 2,
    }


@pytest.mark.usefixtures("history")
def test_it_says_where_it_stopped_counting(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_COUNTED", 2)
    text = text_of(page.get(URL))
    assert figures(text)[0] == "2+"
    assert "count the newest 2, since Nov 22" in text


@pytest.mark.usefixtures("history")
def test_who_sees_own_entries_only_has_own_figures(people: People, client: Client) -> None:
    sign_in_long_ago(client, people.member)
    text = text_of(client.get(URL))
    assert figures(text) == ["2", "1", "1", "1"]
    assert "You see your own entries, as Organization contributor." in text
    assert "Pending invitations" not in text


@pytest.mark.usefixtures("history")
def test_a_role_without_the_log_sees_nothing_of_it(people: People, client: Client) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        Member.objects.filter(user=people.member).update(role=Role.FINANCIAL_MANAGER)
    sign_in_long_ago(client, people.member)
    text = text_of(client.get(URL))
    assert "Your role does not include the log" in text
    assert "Latest failures" not in text


@pytest.mark.usefixtures("history")
def test_a_plan_without_the_log_leads_to_the_gate(people: People, page: Client) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        people.acme.plan = PlanFactory(audit_log=False)
        people.acme.save()
    response = page.get(URL)
    assert "It does not include reading it" in text_of(response)
    assert response.context["closed_url"] == LOGS


def test_pending_invitations_are_for_who_manages_members(people: People, page: Client) -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        InvitationFactory(account=people.acme, email="new@example.com")
        InvitationFactory(account=people.acme, email="late@example.com", expires_at=NOW - timedelta(days=1))
    text = text_of(page.get(URL))
    assert "new@example.com" in text
    assert "late@example.com" not in text


def test_an_empty_month_says_so(page: Client) -> None:
    text = text_of(page.get(URL))
    assert figures(text) == ["0", "0", "0", "0"]
    assert "Nothing failed in these 30 days." in text


def test_it_costs_the_same_with_more_entries(people: People, page: Client) -> None:
    counts = []
    for number in (10, 200):
        apps = [make_app(people, f"app-{number}-{n}") for n in range(8)]
        for app in apps:
            write(people.acme, people.owner, [("Made", NOW - timedelta(hours=n)) for n in range(number // 8)], app)
        with CaptureQueriesContext(connection) as captured:
            page.get(URL)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 8

"""Reading the log is what a plan buys; recording is for all. Plans are rows, so a row decides."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Account, Plan, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation

from .factories import MemberFactory, People, PlanFactory, make_people
from .history import form_of, member_with, shown, text_of, write

pytestmark = pytest.mark.django_db

URL = "/@acme/teams-and-logs/"
RECENTLY = datetime.now(UTC) - timedelta(days=5)
TITLE = "See who changed what in Acme"


@pytest.fixture
def people() -> People:
    with acting_as(SYSTEM, at=RECENTLY):
        people = make_people()
        change_plan(people.acme, "community")
    return people


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


def change_plan(account: Account, slug: str) -> None:
    account.plan = Plan.objects.get(slug=slug)
    account.save()


def write_some(account: Account, user: User, count: int) -> None:
    write(account, user, ((f"Entry {n}", timezone.now() - timedelta(hours=count - n)) for n in range(count)))


@pytest.mark.parametrize(("plan", "days"), [("community", 30), ("essential", 90)])
def test_these_plans_show_what_is_recorded_instead(plan: str, days: int, page: Client, people: People) -> None:
    change_plan(people.acme, plan)
    write_some(people.acme, people.owner, 3)
    recorded = Entry.objects.for_account(people.acme.pk).count()
    text = text_of(page.get(URL))
    assert TITLE in text
    assert "Professional and Enterprise" in text
    assert f"{recorded} entries recorded so far, since {RECENTLY:%b} {RECENTLY.day}, {RECENTLY.year}" in text
    assert f"Entries are kept for {days} days" in text


@pytest.mark.parametrize("plan", ["professional", "enterprise"])
def test_these_plans_show_the_log(plan: str, page: Client, people: People) -> None:
    change_plan(people.acme, plan)
    write_some(people.acme, people.owner, 1)
    response = page.get(f"{URL}?range=7d")
    assert TITLE not in text_of(response)
    assert "Entry 0" in shown(response)


def test_it_shows_your_own_last_ten_entries(page: Client, people: People) -> None:
    write_some(people.acme, people.owner, 12)
    write_some(people.acme, people.member, 1)
    response = page.get(URL)
    sentences = [row.sentence for row in response.context["own_rows"]]
    assert sentences == ["Sign in as 'olga'", *(f"Entry {n}" for n in range(11, 2, -1))]
    assert all(sentence in text_of(response) for sentence in sentences)


def test_it_counts_only_what_the_plan_keeps(page: Client, people: People) -> None:
    before = page.get(URL).context["recorded"]
    write(people.acme, people.owner, [("Long gone", timezone.now() - timedelta(days=31))])
    assert page.get(URL).context["recorded"] == before


def test_an_administrator_can_change_the_plan(page: Client) -> None:
    assert '<a class="btn primary" href="/@acme/plan/">Change plan</a>' in page.get(URL).content.decode()


def test_others_learn_who_can(people: People, client: Client) -> None:
    MemberFactory(account=people.acme, user__first_name="Ada", user__last_name="Second", role=Role.ADMINISTRATOR)
    client.force_login(people.member)
    response = client.get(URL)
    assert "Only administrators can change the plan: Olga Owner, Ada Second." in text_of(response)
    assert "Change plan" not in text_of(response)


def test_it_offers_nobody_a_page_that_refuses_them(people: People, client: Client) -> None:
    for role in (Role.ORGANIZATION_CONTRIBUTOR, Role.AUDITOR):
        client.force_login(member_with(role, people.acme))
        main = client.get(URL).content.decode().partition("<main")[2].partition("</main>")[0]
        assert "/plan/" not in main


def test_the_row_of_the_plan_decides(page: Client, people: People) -> None:
    community = Plan.objects.get(slug="community")
    community.audit_log = True
    community.save()
    assert TITLE not in text_of(page.get(URL))
    community.audit_log = False
    community.save()
    assert TITLE in text_of(page.get(URL))


def test_a_new_plan_that_opens_the_log_is_named(page: Client) -> None:
    Plan.objects.create(slug="plus", name="Plus", audit_log=True, retention_days=1, rank=9)
    assert "Plus" in page.get(URL).context["opens_with"]


def test_an_upgrade_shows_the_whole_history_at_once(page: Client, people: People) -> None:
    times = [timezone.now() - timedelta(days=days) for days in (0, 29, 100, 700)]
    write(people.acme, people.owner, [(f"Entry {n}", time) for n, time in enumerate(times)])
    assert shown(page.get(URL)) == []
    page.post("/@acme/plan/", form_of(page.get("/@acme/plan/"), plan="enterprise"))
    everything = shown(page.get(f"{URL}?from={times[-1]:%Y-%m-%d}", follow=True))
    assert [sentence for sentence in everything if sentence.startswith("Entry")] == [f"Entry {n}" for n in range(4)]


def test_the_results_alone_lead_to_the_gate(page: Client) -> None:
    assert page.get(f"{URL}results/?range=7d")["Location"] == URL


def test_a_role_without_the_log_is_refused_here_too(people: People, client: Client) -> None:
    client.force_login(member_with(Role.FINANCIAL_MANAGER, people.acme))
    assert client.get(URL).status_code == 403
    assert Entry.objects.for_account(people.acme.pk).with_operation(Operation.LOG_VIEW).failed().count() == 1


def test_an_account_without_entries_of_yours_says_so(people: People, client: Client) -> None:
    user = member_with(Role.ORGANIZATION_USER, people.acme)
    user.home = None
    user.save()
    client.force_login(user)
    assert "You have not done anything here that is recorded." in text_of(client.get(URL))


@pytest.mark.parametrize("days", [0, 36_500, 2_147_483_647])
def test_any_retention_can_be_read(client: Client, days: int) -> None:
    people = make_people()
    people.acme.plan = PlanFactory(retention_days=days)
    people.acme.save()
    client.force_login(people.owner)
    assert client.get("/@acme/teams-and-logs/").status_code == 200

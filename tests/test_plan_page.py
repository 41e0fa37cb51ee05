"""Plan and billing: who sees it, who changes it, and that each change and refusal is an entry."""

from typing import Any

import pytest
from django.test import Client

from accounts.forms.base import version_of
from accounts.models import Account, Plan
from accounts.roles import Role
from controlcenter.operations import Operation

from .factories import People, make_people
from .history import entries_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

URL = "/@acme/plan/"


@pytest.fixture
def people() -> People:
    return make_people()


def choose(client: Client, plan: str, *, seen: str = "enterprise") -> Any:
    """Send the form of a page that was opened when the plan was ``seen``."""
    opened = Account(plan=Plan.objects.get(slug=seen))
    return client.post(URL, {"plan": plan, "version": version_of(opened, ("plan",))})


@pytest.mark.parametrize(
    ("role", "sees", "changes"),
    [
        (Role.ADMINISTRATOR, True, True),
        (Role.ORGANIZATION_CONTRIBUTOR, False, False),
        (Role.TEAM_CONTRIBUTOR, False, False),
        (Role.ORGANIZATION_USER, False, False),
        (Role.AUDITOR, False, False),
        (Role.FINANCIAL_MANAGER, True, False),
    ],
)
def test_what_a_role_may_do(role: Role, sees: bool, changes: bool, people: People, client: Client) -> None:
    client.force_login(member_with(role, people.acme))
    assert client.get(URL).status_code == (200 if sees else 403)
    assert choose(client, "community").status_code == (302 if changes else 403)
    people.acme.refresh_from_db()
    assert people.acme.plan.slug == ("community" if changes else "enterprise")
    [*_, entry] = entries_of(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert entry.success is changes


def test_being_refused_to_see_it_is_an_entry(people: People, client: Client) -> None:
    client.force_login(people.member)
    assert "Only the roles Administrator and Financial manager may see plan and billing." in text_of(client.get(URL))
    entry = the_entry(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert (entry.success, entry.event["failure"]["code"]) == (False, "role_denied")


def test_it_shows_what_each_plan_includes(people: People, client: Client) -> None:
    client.force_login(people.owner)
    text = text_of(client.get(URL))
    for plan in Plan.objects.all():
        assert plan.name in text
        assert f"Entries are kept for {plan.retention_days} days" in text


def test_a_change_is_an_entry_with_before_and_after(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert choose(client, "professional").status_code == 302
    assert "The plan is Professional now." in text_of(client.get(URL))
    entry = the_entry(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert entry.event["changes"] == {"plan": ["enterprise", "professional"]}
    assert entry.actor_id == people.owner.pk


def test_choosing_the_plan_one_has_is_no_entry(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert choose(client, "enterprise").status_code == 302
    assert entries_of(people.acme, Operation.ORGANIZATION_PLAN_CHANGE) == []


def test_a_plan_that_somebody_else_chose_is_not_overwritten(people: People, client: Client) -> None:
    client.force_login(people.owner)
    choose(client, "community")
    response = choose(client, "professional")
    assert response.status_code == 422
    assert "Plan is “Community” now." in text_of(response)
    people.acme.refresh_from_db()
    assert people.acme.plan.slug == "community"
    [_, refused] = entries_of(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert refused.event["failure"]["code"] == "conflict"
    assert choose(client, "professional", seen="community").status_code == 302


def test_a_downgrade_leads_to_no_entry_that_is_closed_by_it(people: People, client: Client) -> None:
    client.force_login(people.owner)
    choose(client, "community")
    assert "See the entry" not in text_of(client.get(URL))


@pytest.mark.parametrize("plan", ["", "platinum", "\0"])
def test_a_plan_that_there_is_not_is_refused(plan: str, people: People, client: Client) -> None:
    client.force_login(people.owner)
    response = choose(client, plan)
    assert response.status_code == 422
    assert "Nothing was saved." in text_of(response)
    entry = the_entry(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert (entry.success, entry.event["failure"]["code"]) == (False, "invalid")


def test_a_stranger_gets_nowhere_and_is_recorded(people: People, client: Client) -> None:
    client.force_login(people.stranger)
    assert client.get(URL).status_code == 404
    assert client.post(URL, {"plan": "community"}).status_code == 404
    entry = the_entry(people.acme, Operation.ORGANIZATION_PLAN_CHANGE)
    assert (entry.actor_id, entry.event["failure"]["code"]) == (people.stranger.pk, "not_a_member")

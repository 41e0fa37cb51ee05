"""Who gets to an account's pages: its members, by their role. For all others the account does not exist."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Member
from accounts.roles import Permission, Role, RoleDenied, roles_with
from auditlog.models import Entry
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from .factories import AccountFactory, AppFactory, MemberFactory, People, make_people
from .history import entries_of, the_entry

pytestmark = pytest.mark.django_db

# Some pages of an account, and the operation that a POST to each attempts; all are in test_every_page.
PAGES = {
    "teams-and-logs/": None,
    "teams-and-logs/results/": None,
    "teams-and-logs/entries/01941f29-7c00-7000-8000-000000000000/": None,
    "apps/": None,
    "new-app/": Operation.APPLICATION_CREATE,
    "apps/vision/settings/": Operation.APPLICATION_UPDATE,
    "apps/vision/duplicate/": Operation.APPLICATION_DUPLICATE,
    "apps/vision/delete/": Operation.APPLICATION_DELETE,
    "plan/": Operation.ORGANIZATION_PLAN_CHANGE,
}
CHANGING = [(page, operation) for page, operation in PAGES.items() if operation]


@pytest.fixture
def people() -> People:
    people = make_people()
    AppFactory(account=people.acme, slug="vision")
    return people


def without_ids(response: Any) -> str:
    return re.sub(r"[0-9a-f]{32}", "", response.content.decode())


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_can_not_tell_an_account_from_none(page: str, people: People, client: Client) -> None:
    client.force_login(people.stranger)
    real, none = client.get(f"/@acme/{page}"), client.get(f"/@nowhere/{page}")
    assert (real.status_code, none.status_code) == (404, 404)
    assert without_ids(real) == without_ids(none)


@pytest.mark.parametrize("page", PAGES)
def test_who_is_signed_out_can_not_tell_either(page: str, people: People, client: Client) -> None:
    real, none = client.get(f"/@acme/{page}"), client.get(f"/@nowhere/{page}")
    assert real["Location"].replace("acme", "") == none["Location"].replace("nowhere", "")


@pytest.mark.parametrize(("page", "operation"), CHANGING)
def test_what_a_stranger_attempts_is_refused_and_recorded(
    page: str, operation: Operation, people: People, client: Client
) -> None:
    client.force_login(people.stranger)
    before = list(people.acme.apps.values_list("slug", "name"))
    assert client.post(f"/@acme/{page}", {"confirm": "vision", "plan": "community"}).status_code == 404
    refused = entries_of(people.acme, operation)[-1]
    assert (refused.success, refused.actor_id) == (False, people.stranger.pk)
    assert refused.event["failure"]["code"] == "not_a_member"
    assert list(people.acme.apps.values_list("slug", "name")) == before


@pytest.mark.parametrize(("page", "operation"), CHANGING)
def test_what_nobody_attempts_is_refused_and_recorded(
    page: str, operation: Operation, people: People, client: Client
) -> None:
    assert client.post(f"/@acme/{page}")["Location"].startswith("/sign-in/?next=")
    refused = entries_of(people.acme, operation)[-1]
    assert (refused.actor_type, refused.event["failure"]["code"]) == (ActorType.ANONYMOUS, "not_signed_in")


def test_an_attempt_on_an_account_that_there_is_not_is_no_entry(people: People, client: Client) -> None:
    client.force_login(people.stranger)
    count = Entry.objects.count()
    client.post("/@nowhere/new-app/")
    assert Entry.objects.count() == count


def test_a_member_who_was_removed_is_a_stranger_at_once(people: People, client: Client) -> None:
    client.force_login(people.member)
    assert client.get("/@acme/apps/").status_code == 200
    Member.objects.get(user=people.member).delete()
    assert client.get("/@acme/apps/").status_code == 404


def test_a_role_that_was_changed_counts_at_once(people: People, client: Client) -> None:
    client.force_login(people.member)
    assert client.get("/@acme/new-app/").status_code == 200
    Member.objects.filter(user=people.member).update(role=Role.AUDITOR)
    assert client.get("/@acme/new-app/").status_code == 403


def test_each_account_counts_its_own_role(people: People, client: Client) -> None:
    other = AccountFactory(slug="other")
    MemberFactory(account=other, user=people.owner, role=Role.AUDITOR)
    client.force_login(people.owner)
    assert (client.get("/@acme/new-app/").status_code, client.get("/@other/new-app/").status_code) == (200, 403)
    assert the_entry(other, Operation.APPLICATION_CREATE).event["failure"]["code"] == "role_denied"
    assert entries_of(people.acme, Operation.APPLICATION_CREATE)[1:] == []


@pytest.mark.parametrize("permission", Permission)
def test_a_denial_names_the_roles_that_may(permission: Permission) -> None:
    sentence = RoleDenied(permission).sentence
    assert all(role.label in sentence for role in roles_with(permission))
    assert not any(role.label in sentence for role in set(Role) - set(roles_with(permission)))


@pytest.mark.parametrize("slug", ["ACME", "acme%00", "a_b", "%C3%BC", "a" * 5000])
def test_a_strange_account_is_not_found(slug: str, people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert client.get(f"/@{slug}/apps/").status_code == 404
    assert client.post(f"/@{slug}/new-app/").status_code == 404


def test_it_records_a_forged_form_as_refused() -> None:
    people = make_people()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.owner)
    assert browser.post("/@acme/new-app/", {"name": "Forged", "slug": "forged"}).status_code == 403
    [refused] = Entry.objects.for_account(people.acme.pk).failed()
    assert refused.operation == Operation.APPLICATION_CREATE
    assert refused.event["failure"]["code"] == "form_out_of_date"

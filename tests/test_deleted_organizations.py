"""The log outlives its organization: support staff find it, read it, and are recorded doing so."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from auditlog.deleted import deleted_accounts
from auditlog.models import Entry
from controlcenter.context import SYSTEM, acting_as
from controlcenter.operations import Operation

from .factories import AccountFactory, AppFactory, UserFactory
from .history import LONG_AGO, text_of
from .support import StaffClient

pytestmark = pytest.mark.django_db

ENTRIES = reverse("admin:auditlog_entry_changelist")


@pytest.fixture
def staff() -> Client:
    return StaffClient(UserFactory(slug="support", email="support@example.com", is_staff=True, home=None))


@pytest.fixture
def key() -> str:
    """Of Acme, renamed and deleted; another organization has taken its id."""
    acme = AccountFactory(slug="acme", name="Acme")
    AppFactory(account=acme, name="Vision")
    acme.name = "Acme Robotics"
    acme.save()
    number = acme.pk
    acme.dissolve()
    AccountFactory(slug="acme", name="Another Acme")
    return f"~{number}"


def test_it_is_offered_beside_the_accounts_there_are(staff: Client, key: str) -> None:
    response = staff.get(ENTRIES)
    assert f'href="?account={key}"' in response.content.decode()
    assert "Acme Robotics acme Deleted 20" in text_of(response)
    assert 'href="?account=acme"' in response.content.decode()


@pytest.mark.parametrize(("text", "found"), [("robot", True), ("ACME", True), ("globex", False)])
def test_it_is_found_by_the_id_and_name_it_had(text: str, found: bool, staff: Client, key: str) -> None:
    assert (f"?account={key}" in staff.get(ENTRIES, {"q": text}).content.decode()) is found


def test_its_entries_are_its_own(staff: Client, key: str) -> None:
    text = text_of(staff.get(ENTRIES, {"account": key}))
    assert "Entries of Acme Robotics" in text
    assert "Create application 'Vision'" in text
    assert "Delete organization 'Acme Robotics'" in text
    assert "Another Acme" not in text
    assert "Delete organization" not in text_of(staff.get(ENTRIES, {"account": "acme"}))


def test_its_entries_are_filtered_opened_and_each_look_is_recorded(staff: Client, key: str) -> None:
    account_id = int(key[1:])
    response = staff.get(ENTRIES, {"account": key, "operation": "ORGANIZATION_DELETE"})
    [row] = response.context["rows"]
    assert row.url == f"{ENTRIES}{key}/{row.id}/"
    assert staff.get(row.url).status_code == 200
    views = Entry.objects.for_account(account_id).with_operation(Operation.LOG_SUPPORT_VIEW)
    assert views.count() == 2


@pytest.mark.parametrize("wrong", ["~0", "~99999999", "~", "~x", "~" + "9" * 40, "\0"])
def test_what_never_was_an_account_is_none(wrong: str, staff: Client) -> None:
    response = staff.get(ENTRIES, {"account": wrong})
    assert response.status_code == 400 if wrong == "\0" else "There is no account" in text_of(response)


def test_an_organization_that_is_there_is_not_opened_by_number(staff: Client) -> None:
    account = AccountFactory(slug="acme")
    assert "There is no account" in text_of(staff.get(ENTRIES, {"account": f"~{account.pk}"}))


def test_entries_of_others_are_not_found_under_it(staff: Client, key: str) -> None:
    other = Account.objects.get(slug="acme")
    entry = Entry.objects.for_account(other.pk).newest_first()[0]
    assert staff.get(f"{ENTRIES}{key}/{entry.pk}/").status_code == 404


def test_one_deleted_long_ago_is_found() -> None:
    with acting_as(SYSTEM, at=LONG_AGO):
        AccountFactory(slug="old").dissolve()
    [old] = deleted_accounts("old")
    assert old.deleted_at == LONG_AGO

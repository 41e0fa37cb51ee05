"""Legal holds: who may set them, what the log says of it, and what they stand against."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from accounts.roles import Role
from auditlog.support import SupportAccess
from controlcenter.operations import Operation

from .factories import People, UserFactory, make_people
from .history import failures_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

SETTINGS, HOLD, RELEASE = "/@acme/settings/", "/@acme/settings/hold/", "/@acme/settings/hold/release/"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def held(people: People, client: Client) -> Account:
    client.force_login(people.owner)
    assert client.post(HOLD, {"reason": "Case 17"})["Location"] == SETTINGS
    people.acme.refresh_from_db()
    return people.acme


def test_an_administrator_puts_the_log_on_hold(held: Account, people: People, client: Client) -> None:
    assert (held.is_on_hold, held.held_by, held.hold_reason) == (True, people.owner, "Case 17")
    assert "On legal hold since" in text_of(client.get(SETTINGS))
    event = the_entry(held, Operation.LOG_HOLD).event
    assert (event["sentence"], event["reason"]) == ("Put the log of 'Acme' on legal hold", "Case 17")
    assert event["changes"]["hold_reason"] == [None, "Case 17"] or event["changes"]["hold_reason"] == ["", "Case 17"]


def test_another_reason_is_another_entry_and_no_new_hold(held: Account, people: People, client: Client) -> None:
    since = held.held_at
    assert "Case 17" in client.get(HOLD).content.decode()
    client.post(HOLD, {"reason": "Cases 17 and 18"})
    held.refresh_from_db()
    assert (held.held_at, held.hold_reason) == (since, "Cases 17 and 18")


def test_a_hold_needs_a_reason(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert client.post(HOLD, {"reason": " "}).status_code == 422
    assert failures_of(people.acme, Operation.LOG_HOLD)[0][0] == "invalid"
    with pytest.raises(ValidationError, match="needs a reason"):
        people.acme.put_on_hold("", people.owner)


def test_the_reason_is_no_place_for_a_credential(people: People, client: Client) -> None:
    client.force_login(people.owner)
    refused = client.post(HOLD, {"reason": "it is password=hunter2hunter2"})
    assert refused.status_code == 422
    assert "This looks like a password, token or key: leave it out." in text_of(refused)
    assert failures_of(people.acme, Operation.LOG_HOLD)[0][0] == "invalid"
    people.acme.refresh_from_db()
    assert not people.acme.is_on_hold


def test_it_is_released_once(held: Account, client: Client) -> None:
    assert client.get(RELEASE).status_code == 200
    assert client.post(RELEASE, {"reason": "Settled"})["Location"] == SETTINGS
    held.refresh_from_db()
    assert (held.is_on_hold, held.hold_reason) == (False, "")
    assert the_entry(held, Operation.LOG_RELEASE).event["reason"] == "Settled"
    assert "not on legal hold any more" in text_of(client.post(RELEASE, {}))


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_no_other_role_may(role: Role, held: Account, client: Client) -> None:
    client.force_login(member_with(role, held))
    assert [client.get(RELEASE).status_code, client.post(RELEASE).status_code] == [403, 403]
    assert ("role_denied", "Only the role Administrator may put the log on legal hold or release it.") in failures_of(
        held, Operation.LOG_RELEASE
    )


def test_strangers_and_nobody_find_nothing(held: Account, people: People, client: Client) -> None:
    client.force_login(people.stranger)
    assert client.post(RELEASE).status_code == 404
    client.logout()
    assert client.post(RELEASE)["Location"].startswith(reverse("sign-in"))
    held.refresh_from_db()
    assert held.is_on_hold


def test_what_is_on_hold_is_not_deleted(held: Account, client: Client) -> None:
    assert "Acme is on legal hold. Release it first." in text_of(
        client.post("/@acme/settings/delete/", {"confirm": "acme"})
    )
    assert failures_of(held, Operation.ORGANIZATION_DELETE)[0][0] == "on_hold"
    with pytest.raises(ValidationError, match="on legal hold"):
        held.dissolve()


# Support staff


@pytest.fixture
def support(people: People) -> Client:
    staff, client = UserFactory(slug="sue", is_staff=True, home=None), Client()
    SupportAccess.open(staff, people.acme.pk, "A court asks", "T-1")
    client.force_login(staff)
    return client


def saved(client: Client, account: Account, **changed: str) -> int:
    url = reverse("admin:accounts_account_change", args=[account.pk])
    form = {"name": account.name, "slug": account.slug, "kind": account.kind, "plan": account.plan_id}
    return client.post(url, {**form, "hold_reason": account.hold_reason, **changed}).status_code


def test_support_staff_set_and_release_it(people: People, support: Client) -> None:
    acme = people.acme
    assert saved(support, acme, hold_reason="Case 18") == 302
    acme.refresh_from_db()
    assert (acme.is_on_hold, acme.held_by and acme.held_by.slug) == (True, "sue")
    assert the_entry(acme, Operation.LOG_HOLD).event["actor"]["type"] == "support_staff"
    assert saved(support, acme, hold_reason="") == 302
    acme.refresh_from_db()
    assert not acme.is_on_hold
    assert the_entry(acme, Operation.LOG_RELEASE)


def test_support_staff_put_no_credential_into_the_reason(people: People, support: Client) -> None:
    assert saved(support, people.acme, hold_reason="it is password=hunter2hunter2") == 200  # The form once more.
    assert not the_entry(people.acme, Operation.LOG_HOLD).success
    people.acme.refresh_from_db()
    assert not people.acme.is_on_hold


def test_support_staff_do_not_delete_it(held: Account, support: Client) -> None:
    url = reverse("admin:accounts_account_delete", args=[held.pk])
    assert "on legal hold" in text_of(support.get(url))
    support.post(url, {"post": "yes"})
    assert Account.objects.filter(pk=held.pk).exists()

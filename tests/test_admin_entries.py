"""The log in the admin: one account at a time, read-only, and every look at it is recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from accounts.models import Account, User
from auditlog.events import Event
from auditlog.models import Entry
from auditlog.recorder import record_events
from controlcenter.context import Actor, ActorType, Context, Where, acting_as, attempting
from controlcenter.operations import Operation

from .factories import AccountFactory, AppFactory, UserFactory
from .support import StaffClient, give_access

pytestmark = pytest.mark.django_db

ENTRIES = reverse("admin:auditlog_entry_changelist")
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def support() -> User:
    user: User = UserFactory.create(slug="support", email="support@example.com", is_staff=True, home=None)
    return user


@pytest.fixture
def staff(support: User) -> Client:
    return StaffClient(support)


@pytest.fixture
def acme() -> Account:
    account: Account = AccountFactory.create(slug="acme", name="Acme")
    return account


def write(account: Account, *sentences: str, at: datetime = NOON, **values: Any) -> None:
    context = Context(Actor(ActorType.USER, 1, "olga", "Olga", "Owner", "olga@acme.example"), Where("10.0.0.7"))
    operation = values.pop("operation", Operation.APPLICATION_UPDATE)
    with transaction.atomic():
        record_events(
            [
                Event(operation, account.pk, at + timedelta(seconds=i), context, sentence=sentence, **values)
                for i, sentence in enumerate(sentences)
            ]
        )


def look(client: Client, **query: Any) -> str:
    response = client.get(ENTRIES, query)
    assert response.status_code == 200
    return response.content.decode()


def views(account: Account) -> list[Entry]:
    return list(Entry.objects.for_account(account.pk).with_operation(Operation.LOG_SUPPORT_VIEW).newest_first())


def test_it_asks_for_an_account_first(staff: Client, acme: Account) -> None:
    write(acme, "Rename it")
    page = look(staff)
    assert "?account=acme" in page
    assert "Rename it" not in page
    assert views(acme) == []


def test_accounts_are_found_by_id_and_name(staff: Client) -> None:
    AccountFactory.create(slug="one", name="First Ltd")
    AccountFactory.create(slug="two", name="Second Ltd")
    for text in ("tw", "SECOND"):
        page = look(staff, q=text)
        assert "?account=two" in page
        assert "?account=one" not in page


def test_at_most_twenty_accounts_are_listed(staff: Client) -> None:
    AccountFactory.create_batch(21, name="Same")
    page = look(staff, q="Same")
    assert page.count("?account=") == 20
    assert "There are more" in page


def test_it_lists_the_accounts_entries_newest_first(staff: Client, acme: Account) -> None:
    write(acme, "First thing", "Second thing")
    page = look(staff, account="acme")
    assert page.index("Second thing") < page.index("First thing")
    for text in (
        "2026-11-10 12:00:01",
        "Olga Owner",
        "olga@acme.example",
        "Applications updated",
        "10.0.0.7",
        "Success",
    ):
        assert text in page


def test_another_accounts_entries_never_appear(staff: Client, acme: Account) -> None:
    write(AccountFactory.create(), "Somebody elses")
    write(acme, "Ours")
    page = look(staff, account="acme")
    assert "Ours" in page
    assert "Somebody elses" not in page


def test_an_entry_is_not_found_under_another_account(staff: Client, acme: Account) -> None:
    other = AccountFactory.create()
    write(other, "Somebody elses")
    entry = Entry.objects.for_account(other.pk).newest_first()[0]
    assert staff.get(reverse("admin:auditlog_entry_change", args=["acme", entry.pk])).status_code == 404


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"operation": "MODEL_CREATE"}, {"Create it"}),
        ({"status": "failure"}, {"Delete it"}),
        ({"status": "success"}, {"Create it", "Update it"}),
        ({"from": "2026-11-11", "to": "2026-11-12"}, {"Create it", "Delete it"}),
        ({"from": "2026-11-12", "to": "2026-11-12"}, {"Delete it"}),
        ({"from": "2026-11-11", "to": "2026-11-12", "status": "success"}, {"Create it"}),
    ],
)
def test_it_filters(staff: Client, acme: Account, query: dict[str, str], shown: set[str]) -> None:
    write(acme, "Update it")
    write(acme, "Create it", at=NOON + timedelta(days=1), operation=Operation.MODEL_CREATE)
    write(acme, "Delete it", at=datetime(2026, 11, 12, 23, 59, 59, tzinfo=UTC), code="denied", failure="No.")
    page = look(staff, account="acme", **query)
    assert {text for text in ("Update it", "Create it", "Delete it") if text in page} == shown


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"account": "nobody"}, "There is no account “nobody”."),
        ({"from": "yesterday"}, "From is “yesterday”, which is no date."),
        ({"from": "2026-11-12", "to": "2026-11-10"}, "The range is reversed"),
        ({"from": "0001-01-01"}, "Choose other dates."),
        ({"operation": "MODEL_EAT"}, "There is no operation “MODEL_EAT”."),
        ({"status": "maybe"}, "There is no status “maybe”."),
        ({"before": "x"}, "before= is no entry id."),
        ({"colour": "red"}, "There is no filter “colour”."),
    ],
)
def test_bad_values_say_so_and_show_no_rows(staff: Client, acme: Account, query: dict[str, str], sentence: str) -> None:
    write(acme, "Rename it")
    page = look(staff, **{"account": "acme", **query})
    assert sentence in page
    assert "Rename it" not in page
    assert views(acme) == []


def test_each_look_is_in_the_customers_own_log(staff: Client, support: User, acme: Account) -> None:
    look(staff, account="acme")
    look(staff, account="acme", status="failure")
    filtered, plain = views(acme)
    assert (filtered.actor_type, filtered.actor_id) == (ActorType.SUPPORT_STAFF, support.pk)
    assert [target["id"] for target in filtered.event["targets"]] == ["status=failure"]
    assert plain.event["targets"] == []


def test_opening_an_entry_is_in_the_customers_own_log(staff: Client, acme: Account) -> None:
    write(acme, "Rename it")
    entry = Entry.objects.for_account(acme.pk).newest_first()[0]
    assert staff.get(reverse("admin:auditlog_entry_change", args=["acme", entry.pk])).status_code == 200
    (view,) = views(acme)
    assert view.targets == [{"id": str(entry.pk), "type": "entry"}]


def test_a_look_that_can_not_be_recorded_shows_nothing(
    staff: Client, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(acme, "Rename it")
    entry = Entry.objects.for_account(acme.pk).newest_first()[0]
    monkeypatch.setattr("auditlog.recorder.INSERT_ONE", "SELECT no_such_function(%s)")
    for address in (f"{ENTRIES}?account=acme", reverse("admin:auditlog_entry_change", args=["acme", entry.pk])):
        response = staff.get(address)
        assert response.status_code == 503
        assert "Rename it" not in response.content.decode()


def test_the_platforms_log_can_be_read_too(staff: Client) -> None:
    look(staff, account="platform")
    assert len(views(Account.objects.get(pk=Account.PLATFORM_ID))) == 1


def test_an_entry_shows_everything(staff: Client, support: User) -> None:
    person: User = UserFactory.create(slug="olga", first_name="Olga")
    with acting_as(support.as_actor(), Where("2001:db8::1", "10.9.8.7", "1.1.1.1", "curl/8", "req-1", "POST", "/x/")):
        person.first_name = "Helga"
        person.save()
    entry = Entry.objects.with_operation(Operation.USER_UPDATE).get()
    assert person.home
    page = staff.get(reverse("admin:auditlog_entry_change", args=[person.home.slug, entry.pk])).content.decode()
    for text in (
        "Update user &#x27;olga&#x27;", "USER_UPDATE", "Support staff", "support@example.com", "2001:db8::1",
        "10.9.8.7", "1.1.1.1", "curl/8", "req-1", "POST /x/", str(entry.pk), "<td>Olga</td><td>Helga</td>",
        "&quot;subject&quot;",
    ):  # fmt: skip
        assert text in page


def test_a_failure_shows_why(staff: Client, acme: Account) -> None:
    with attempting(Operation.APPLICATION_CREATE, account_id=acme.pk) as attempt:
        attempt.refuse("invalid", "Name: too long.")
    entry = Entry.objects.for_account(acme.pk).failed().get()
    page = staff.get(reverse("admin:auditlog_entry_change", args=["acme", entry.pk])).content.decode()
    assert "Name: too long. (invalid)" in page


def test_nobody_writes_entries(staff: Client, acme: Account) -> None:
    write(acme, "Rename it")
    entry = Entry.objects.for_account(acme.pk).newest_first()[0]
    details = reverse("admin:auditlog_entry_change", args=["acme", entry.pk])
    before = Entry.objects.count()
    for address in (ENTRIES, f"{ENTRIES}?account=acme", details):
        assert staff.post(address, {"action": "delete_selected", "_selected_action": [entry.pk]}).status_code == 405
    for address in (
        f"{ENTRIES}add/",
        f"{ENTRIES}{entry.pk}/change/",
        f"{ENTRIES}{entry.pk}/delete/",
        f"{details}delete/",
    ):
        assert staff.post(address, {"post": "yes"}).status_code == 404
    assert Entry.objects.count() == before
    for name in ("add", "delete", "history"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:auditlog_entry_{name}", args=[entry.pk])


def test_others_than_support_staff_see_no_entries(client: Client, acme: Account) -> None:
    write(acme, "Rename it")
    entry = Entry.objects.for_account(acme.pk).newest_first()[0]
    client.force_login(UserFactory.create(home=acme))
    for address in (f"{ENTRIES}?account=acme", reverse("admin:auditlog_entry_change", args=["acme", entry.pk])):
        assert client.get(address).status_code == 302
    assert views(acme) == []


def test_paging_reaches_every_entry_once(staff: Client, acme: Account) -> None:
    write(acme, *(f"Thing {i:03}." for i in range(120)))
    first = staff.get(ENTRIES, {"account": "acme", "operation": "APPLICATION_UPDATE"})
    second = staff.get(ENTRIES + first.context["older"])
    third = staff.get(ENTRIES + second.context["older"])
    shown = [row.sentence for page in (first, second, third) for row in page.context["rows"]]
    assert shown == [f"Thing {i:03}." for i in reversed(range(120))]
    assert not third.context["older"]
    back = staff.get(ENTRIES + third.context["newer"])
    assert [row.id for row in back.context["rows"]] == [row.id for row in second.context["rows"]]


def test_beyond_the_last_entry_it_says_so(staff: Client, acme: Account) -> None:
    write(acme, "Rename it")
    entry = Entry.objects.for_account(acme.pk).order_by("id")[0]
    assert "Nothing lies beyond that entry." in look(staff, account="acme", before=entry.pk)


@pytest.mark.parametrize("entries", [10, 10_001])
def test_a_page_costs_the_same_for_any_number_of_entries(
    client: Client, support: User, acme: Account, entries: int
) -> None:
    write(acme, *("Rename it" for _ in range(entries)))
    client.force_login(support)
    give_access(support, acme.pk)
    look(client, account="acme")  # meets the support person's name for the first time
    with CaptureQueriesContext(connection) as queries:
        page = look(client, account="acme", operation="APPLICATION_UPDATE")
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # session, memberships, user, account, page, support access; in tests the naming is looked up again, as nothing is
    # committed; INSERT
    assert len(statements) == 8
    reads = [sql for sql in statements if sql.startswith("SELECT") and "auditlog_entry" in sql]
    assert len(reads) == 1
    assert "OFFSET" not in reads[0]
    assert "LIMIT 10001" in reads[0]
    assert ("10,000+ entries" if entries > 10_000 else "10 entries") in page


def test_the_account_page_leads_to_its_entries(staff: Client) -> None:
    app = AppFactory.create()
    page = staff.get(reverse("admin:accounts_account_change", args=[app.account_id])).content.decode()
    assert f"{ENTRIES}?account={app.account.slug}" in page

"""Support access: a reason and a ticket before anything of a customer's, and the customer sees it at once."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.erasing import erase
from accounts.models import Account, Member, User
from accounts.roles import Role
from auditlog.models import Entry
from auditlog.support import SupportAccess
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from .factories import (
    FACTORIES,
    AccountFactory,
    AppFactory,
    MemberFactory,
    People,
    SecondFactorFactory,
    TokenFactory,
    UserFactory,
)
from .history import entries_of, sign_in_long_ago, text_of
from .support import REASON, TICKET, give_access

pytestmark = pytest.mark.django_db

OPEN = Operation.SUPPORT_ACCESS
ENTRIES = reverse("admin:auditlog_entry_changelist")
FORM = {"reason": REASON, "ticket": TICKET}


@pytest.fixture
def support() -> User:
    user: User = UserFactory(slug="sue", first_name="Sue", last_name="Support", is_staff=True, home=None)
    return user


@pytest.fixture
def staff(client: Client, support: User) -> Client:
    client.force_login(support)
    return client


def url(row: Any, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def page_of(account: Account) -> str:
    return reverse("support-open", args=[account.key])


def last(account: Account) -> Entry:
    return Entry.objects.for_account(account.pk).newest_first()[0]


# Nothing without one


@pytest.mark.parametrize("model", FACTORIES, ids=lambda model: model.__name__)
def test_nothing_of_a_customer_is_shown_without_a_reason(staff: Client, model: Any) -> None:
    row = FACTORIES[model]()
    if model._meta.model_name == "plan":  # It belongs to everybody.
        assert staff.get(url(row)).status_code == 200
        return
    for page in ("change", "delete", "history"):
        response = staff.get(url(row, page), follow=page == "history")
        where = response.redirect_chain[-1][0] if page == "history" else response["Location"]
        assert where.startswith("/admin/support/"), page


def test_nothing_of_a_customer_is_changed_without_a_reason(staff: Client, people: People) -> None:
    app = AppFactory(account=people.acme, name="Vision")
    before = App.objects.values().get()
    form = {"account": people.acme.pk, "slug": app.slug, "name": "Other", "visibility": "private"}
    posts = (
        (url(app), form, Operation.APPLICATION_UPDATE),
        (url(app, "delete"), {"post": "yes"}, Operation.APPLICATION_DELETE),
        (reverse("admin:resources_app_add"), {**form, "slug": "new"}, Operation.APPLICATION_CREATE),
        (
            reverse("admin:resources_app_changelist"),
            {"action": "delete_selected", "_selected_action": [app.pk], "post": "yes"},
            Operation.APPLICATION_DELETE,
        ),
        (
            reverse("admin:auth_user_password_change", args=[people.member.pk]),
            {"password1": "a-long-enough-secret", "password2": "a-long-enough-secret"},
            Operation.USER_PASSWORD_CHANGE,
        ),
    )
    for address, data, operation in posts:
        response = staff.post(address, data)
        assert response["Location"].startswith("/admin/support/acme/"), address
        entry = last(people.acme)
        assert (entry.operation, entry.event["failure"]["code"]) == (operation, "no_support_access"), address
    assert App.objects.values().get() == before


def test_entries_are_not_shown_without_a_reason(staff: Client, people: People) -> None:
    AppFactory(account=people.acme, name="Vision")
    for address in (f"{ENTRIES}?account=acme", f"{ENTRIES}acme/{last(people.acme).pk}/"):
        response = staff.get(address, follow=True)
        assert "Vision" not in text_of(response)
        assert "Say why you need to see it" in text_of(response)
    assert entries_of(people.acme, Operation.LOG_SUPPORT_VIEW) == []


def test_things_of_several_customers_are_not_changed_at_once(staff: Client, support: User) -> None:
    tokens = [TokenFactory(), TokenFactory()]
    give_access(support, *(token.account_id for token in tokens))
    address = reverse("admin:accounts_token_changelist")
    for data in ({"_selected_action": [token.pk for token in tokens]}, {"select_across": "1", "_selected_action": "1"}):
        response = staff.post(address, {"action": "revoke", **data}, follow=True)
        assert "change what belongs to one account at a time" in text_of(response)
    assert not type(tokens[0]).objects.exclude(revoked_at=None).exists()


def test_lists_tell_no_addresses(staff: Client, people: People) -> None:
    for make in FACTORIES.values():
        make()
    for model in FACTORIES:
        page = staff.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert page.status_code == 200
        assert not re.search(r"\w@\w", text_of(page).replace("sue@example.com", "")), model
    users = reverse("admin:accounts_user_changelist")
    assert "max" in text_of(staff.get(users, {"q": "max@acme.example"}))
    assert "0 users" in text_of(staff.get(users, {"q": "@acme.exampl"}))


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "email__startswith=max"),
        (User, "password__startswith=m"),
        (User, "second_factor__secret__startswith=g"),
        (App, "description__icontains=a"),
        (App, "account__members__user__email__startswith=max"),
        (App, "visibility__account__hold_reason__startswith=a"),
        (Account, "plan__accounts__members__user__email__startswith=a"),
        (Account, "plan__accounts__hold_reason__startswith=a"),
        (Account, "kind__startswith=p"),
        (Account, "hold_reason__startswith=a"),
        (User, "tokens__digest__startswith=a"),
        (Member, "user__password__startswith=a"),
        (Member, "role__regex=."),
    ],
)
def test_lists_are_not_filtered_by_what_they_do_not_show(
    staff: Client, people: People, model: Any, lookup: str
) -> None:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert staff.get(f"{address}?{lookup}").status_code == 400


def test_lists_are_filtered_by_what_stands_beside_them(staff: Client, people: People) -> None:
    lists = {
        "accounts_user": "is_staff__exact=1",
        "accounts_account": "kind__exact=personal",
        "accounts_member": "q=max",
    }
    for name, query in lists.items():
        assert staff.get(f"{reverse(f'admin:{name}_changelist')}?{query}").status_code == 200


# Opening and ending


def test_opening_one_is_an_entry_with_reason_and_ticket(staff: Client, support: User, people: People) -> None:
    response = staff.post(page_of(people.acme), {**FORM, "next": "/admin/resources/app/"})
    assert response["Location"] == "/admin/resources/app/"
    [entry] = entries_of(people.acme, OPEN)
    assert (entry.actor_id, entry.actor_type) == (support.pk, "support_staff")
    assert entry.event["sentence"] == "Open support access for ticket '4711'"
    assert entry.event["changes"]["reason"] == [None, REASON]
    assert entry.event["changes"]["ticket"] == [None, TICKET]
    assert entry.event["reason"] == f"{TICKET}: {REASON}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"reason": ""}, "This field is required."),
        ({"reason": "because"}, "at least 10 characters"),
        ({"ticket": ""}, "This field is required."),
        ({"ticket": "<b>"}, "Use letters, digits"),
        ({"reason": "it is password=hunter2hunter2"}, "This looks like a password"),
    ],
)
def test_without_a_real_reason_it_stays_closed(
    wrong: dict[str, str], sentence: str, staff: Client, people: People
) -> None:
    response = staff.post(page_of(people.acme), {**FORM, **wrong})
    assert response.status_code == 422
    assert sentence in text_of(response)
    [entry] = entries_of(people.acme, OPEN)
    assert entry.event["failure"]["code"] == "invalid"
    assert "hunter2" not in bytes(entry.body).decode()
    assert not SupportAccess.objects.exists()


def test_it_leads_to_no_other_site(staff: Client, people: People) -> None:
    response = staff.post(page_of(people.acme), {**FORM, "next": "https://evil.example/"})
    assert response["Location"] == f"{ENTRIES}?account=acme"


def test_what_they_do_carries_both(staff: Client, people: People) -> None:
    app = AppFactory(account=people.acme, slug="vision", name="Vision")
    staff.post(page_of(people.acme), FORM)
    form = {"account": people.acme.pk, "slug": "vision", "name": "Other", "visibility": "private"}
    staff.post(url(app), form)
    staff.post(url(app), {**form, "slug": "Not A Slug"})
    staff.get(ENTRIES, {"account": "acme"})
    told = entries_of(people.acme, Operation.APPLICATION_UPDATE, Operation.LOG_SUPPORT_VIEW)
    assert [entry.success for entry in told] == [True, False, True]
    assert {entry.event["reason"] for entry in told} == {f"{TICKET}: {REASON}"}


def test_no_other_customer_reads_the_reason(staff: Client, people: People) -> None:
    """Who is erased leaves the organizations of others, too: their logs tell that, not why support looked."""
    other = MemberFactory(role=Role.ADMINISTRATOR).account
    MemberFactory(account=other, user=people.member)
    staff.post(page_of(people.acme), FORM)
    staff.post(reverse("admin:accounts_user_erase", args=[people.member.pk]), {"confirm": people.member.slug})
    [entry] = entries_of(other, Operation.ORGANIZATION_MEMBER_REMOVE)
    assert entry.event["reason"] == ""
    assert entries_of(people.acme, Operation.USER_ERASE)[0].event["reason"] == f"{TICKET}: {REASON}"


# What opens several customers' accounts


@pytest.fixture
def in_two(people: People) -> User:
    """Somebody at home in acme who is a member of other, too, with a second factor."""
    MemberFactory(account=AccountFactory(slug="other", name="Other"), user=people.member)
    SecondFactorFactory(user=people.member)
    return people.member


def _password(person: User) -> tuple[str, dict[str, Any]]:
    typed = {"password1": "a-long-enough-secret", "password2": "a-long-enough-secret"}
    return reverse("admin:auth_user_password_change", args=[person.pk]), typed


def _factor(person: User) -> tuple[str, dict[str, Any]]:
    return url(person.second_factor, "delete"), {"post": "yes"}


def _selected_factor(person: User) -> tuple[str, dict[str, Any]]:
    chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    return reverse("admin:accounts_secondfactor_changelist"), {**chosen, "_selected_action": [person.second_factor.pk]}


def _address(person: User) -> tuple[str, dict[str, Any]]:
    return url(person), {"email": "Mine@support.example", "slug": person.slug, "is_active": "on"}


@pytest.mark.parametrize("what", [_password, _factor, _selected_factor, _address])
def test_what_opens_all_accounts_of_a_person_needs_access_to_each(
    what: Any, staff: Client, support: User, in_two: User, people: People
) -> None:
    address, typed = what(in_two)
    before = _keys_of(in_two)
    give_access(support, people.acme.pk)
    response = staff.post(address, typed)
    assert response["Location"].startswith("/admin/support/other/")
    failure = last(people.acme)
    assert failure.event["failure"]["code"] == "no_support_access"
    assert "ther" not in failure.event["failure"]["sentence"]
    assert _keys_of(in_two) == before
    give_access(support, Account.objects.get(slug="other").pk)
    assert "/support/" not in staff.post(address, typed)["Location"]
    assert _keys_of(in_two) != before


def _keys_of(person: User) -> Any:
    return list(User.objects.filter(pk=person.pk).values_list("password", "email", "second_factor__pk"))


def test_it_says_which_are_missing(staff: Client, support: User, in_two: User, people: People) -> None:
    MemberFactory(account=AccountFactory(slug="third", name="Third"), user=in_two)
    give_access(support, people.acme.pk)
    text = text_of(staff.get(_password(in_two)[0], follow=True))
    assert "This opens all accounts of the person: it needs support access to Third, too." in text
    assert "Support access to Other" in text


def test_another_name_needs_access_to_the_home_only(staff: Client, support: User, in_two: User, people: People) -> None:
    give_access(support, people.acme.pk)
    staff.post(url(in_two), {"email": in_two.email, "slug": in_two.slug, "first_name": "Maxi", "is_active": "on"})
    in_two.refresh_from_db()
    assert in_two.first_name == "Maxi"


def test_somebody_without_a_home_is_no_way_in(staff: Client, people: People) -> None:
    User.objects.filter(pk=people.member.pk).update(home=None)
    address, typed = _password(people.member)
    assert staff.post(address, typed)["Location"].startswith("/admin/support/acme/")
    nobodys: User = UserFactory(home=None)
    assert "/support/" not in staff.post(*_password(nobodys))["Location"]
    assert last(Account.objects.get(pk=Account.PLATFORM_ID)).operation == Operation.USER_PASSWORD_CHANGE


def test_users_are_not_deleted_but_erased(staff: Client, support: User, people: People) -> None:
    give_access(support, people.acme.pk)
    assert staff.post(url(people.member, "delete"), {"post": "yes"}).status_code == 403
    page = staff.get(url(people.member)).content.decode()
    assert url(people.member, "delete") not in page
    assert reverse("admin:accounts_user_erase", args=[people.member.pk]) in page
    assert User.objects.filter(pk=people.member.pk).exists()


def test_it_ends_after_an_hour_and_by_a_button(staff: Client, people: People) -> None:
    app = AppFactory(account=people.acme)
    staff.post(page_of(people.acme), FORM)
    assert "ticket 4711" in text_of(staff.get(url(app)))
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert staff.get(url(app)).status_code == 302
    response = staff.post(reverse("support-end", args=[people.acme.pk]), follow=True)
    assert "Support access to Acme has ended." in text_of(response)
    assert staff.get(url(app)).status_code == 302
    assert [entry.event["sentence"] for entry in entries_of(people.acme, OPEN)] == [
        "Open support access for ticket '4711'",
        "End support access for ticket '4711'",
    ]


def test_it_is_for_one_person_and_one_account(staff: Client, people: People) -> None:
    app, other = AppFactory(account=people.acme), AppFactory()
    staff.post(page_of(people.acme), FORM)
    assert staff.get(url(other)).status_code == 302
    staff.force_login(UserFactory(is_staff=True, home=None))
    assert staff.get(url(app)).status_code == 302


def test_a_new_one_takes_the_place_of_the_old(staff: Client, people: People) -> None:
    for ticket in ("4711", "4712"):
        staff.post(page_of(people.acme), {**FORM, "ticket": ticket})
    assert [access.ticket for access in SupportAccess.objects.filter(ended_at=None)] == ["4712"]


def test_the_log_of_a_deleted_organization_needs_one_too(staff: Client) -> None:
    account = AccountFactory(slug="gone", name="Gone")
    number = account.pk
    account.dissolve()
    response = staff.get(ENTRIES, {"account": f"~{number}"}, follow=True)
    assert "Support access to Gone" in text_of(response)
    staff.post(reverse("support-open", args=[f"~{number}"]), FORM)
    assert "Entries of Gone" in text_of(staff.get(ENTRIES, {"account": f"~{number}"}))
    assert f"Deleted account {number} 4711" in text_of(staff.get(reverse("support")))


def test_the_platform_is_no_customer(staff: Client) -> None:
    assert staff.get(ENTRIES, {"account": "platform"}).status_code == 200
    assert staff.get(reverse("support-open", args=["platform"])).status_code == 404


@pytest.mark.parametrize("who", ["owner", "member", "stranger"])
def test_others_than_support_staff_open_none(who: str, client: Client, people: People) -> None:
    client.force_login(getattr(people, who))
    for address in (page_of(people.acme), reverse("support-end", args=[people.acme.pk]), reverse("support")):
        client.post(address, FORM)
        assert client.get(address, follow=True).status_code in {404, 405}
    assert not SupportAccess.objects.exists()


# The customer sees it


def test_the_customer_sees_it_at_once(people: People, support: User) -> None:
    customer, staff = Client(), Client()
    sign_in_long_ago(customer, people.owner)
    staff.force_login(support)
    pages = ("/@acme/", "/@acme/teams-and-logs/?range=7d")
    assert all("Support has access" not in text_of(customer.get(page, follow=True)) for page in pages)
    staff.post(page_of(people.acme), FORM)
    for page in pages:
        text = text_of(customer.get(page, follow=True))
        assert "Support has access to Acme until" in text
        assert f"Sue Support, ticket 4711. {REASON}" in text
    assert f"Sue Support 4711 {REASON}" in text_of(customer.get("/@acme/teams-and-logs/integrity/"))
    staff.post(reverse("support-end", args=[people.acme.pk]))
    assert all("Support has access" not in text_of(customer.get(page, follow=True)) for page in pages)


def test_who_had_access_stays_in_the_list(people: People, support: User, client: Client) -> None:
    """The list is the customer's: neither deleting nor erasing the staff empties it."""
    give_access(support, people.acme.pk)
    sign_in_long_ago(client, people.owner)
    support.delete()
    assert f"Sue Support 4711 {REASON}" in text_of(client.get("/@acme/teams-and-logs/integrity/"))
    other: User = UserFactory(first_name="Sam", last_name="Helper", is_staff=True, home=None)
    give_access(other, people.acme.pk)
    erase(other)
    text = text_of(client.get("/@acme/teams-and-logs/integrity/"))
    assert f"Erased person 4711 {REASON}" in text
    assert "Sam" not in text


def test_no_other_customer_sees_it(people: People, support: User, client: Client) -> None:
    give_access(support, people.acme.pk)
    client.force_login(people.stranger)
    home = people.stranger.home
    assert home
    assert "Support has access" not in text_of(client.get(f"/@{home.slug}/"))


def test_the_notice_costs_no_query(people: People, support: User, client: Client) -> None:
    sign_in_long_ago(client, people.owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/@acme/").status_code == 200
        return len(captured)

    before = queries()
    give_access(support, people.acme.pk)
    assert queries() == before

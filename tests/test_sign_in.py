"""Signing in and out: who gets in, where it leads, and what is recorded of it."""

import logging

import pytest
from django.test import Client

from accounts.models import Account, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from . import PASSWORD
from .factories import People, UserFactory, make_people
from .history import entries_of, log_that_refuses, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

URL = "/sign-in/"
WRONG = "E-mail address and password do not go together."


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def platform() -> Account:
    return Account.objects.get(pk=Account.PLATFORM_ID)


def sign_in(client: Client, email: str, password: str = PASSWORD, **data: str) -> str:
    """Return where signing in leads; "" for nowhere."""
    response = client.post(URL, {"username": email, "password": password, **data})
    assert response.status_code in (200, 302)
    return response.get("Location", "")


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_signing_in_leads_to_the_log(people: People, client: Client) -> None:
    assert sign_in(client, "olga@acme.example") == "/"
    assert client.get("/")["Location"] == "/@acme/teams-and-logs/"


def test_signing_in_leads_nobody_to_a_page_that_refuses_them(people: People, client: Client) -> None:
    client.force_login(member_with(Role.FINANCIAL_MANAGER, people.acme))
    assert client.get("/", follow=True).status_code == 200


def test_signing_in_is_an_entry_of_the_home_account(people: People, client: Client) -> None:
    sign_in(client, "olga@acme.example")
    entry = the_entry(people.acme, Operation.USER_SIGN_IN)
    assert (entry.success, entry.actor_id, entry.source_ip) == (True, people.owner.pk, "127.0.0.1")


@pytest.mark.parametrize("typed", ["Olga@ACME.example", "  olga@acme.example  "])
def test_an_address_is_read_as_people_write_it(typed: str, people: People, client: Client) -> None:
    sign_in(client, typed)
    assert is_signed_in(client)


def test_a_wrong_password_is_an_entry_of_the_home_account(people: People, client: Client) -> None:
    sign_in(client, "olga@acme.example", "guess")
    assert not is_signed_in(client)
    entry = the_entry(people.acme, Operation.USER_SIGN_IN_FAILED)
    assert (entry.success, entry.actor_type) == (False, ActorType.ANONYMOUS)
    assert entry.targets == [{"type": "user", "id": "olga"}]
    assert entry.event["failure"] == {"code": "invalid_credentials", "sentence": WRONG}


def test_an_unknown_address_is_an_entry_of_the_platform(people: People, client: Client, platform: Account) -> None:
    sign_in(client, "nobody@nowhere.example")
    assert not the_entry(platform, Operation.USER_SIGN_IN_FAILED).success


def test_someone_without_a_home_is_an_entry_of_the_platform(client: Client, platform: Account) -> None:
    UserFactory(slug="lost", email="lost@example.com", home=None)
    sign_in(client, "lost@example.com", "guess")
    sign_in(client, "lost@example.com")
    assert the_entry(platform, Operation.USER_SIGN_IN_FAILED).targets == [{"type": "user", "id": "lost"}]
    assert the_entry(platform, Operation.USER_SIGN_IN).success


def test_an_inactive_person_stays_outside(people: People, client: Client) -> None:
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    sign_in(client, "olga@acme.example")
    assert not is_signed_in(client)
    assert not the_entry(people.acme, Operation.USER_SIGN_IN_FAILED).success


def test_the_answer_does_not_tell_whether_the_address_is_known(people: People, client: Client) -> None:
    answers = [
        client.post(URL, {"username": email, "password": "guess"}).context["form"].errors.as_json()
        for email in ("olga@acme.example", "nobody@acme.example")
    ]
    assert answers[0] == answers[1]
    assert WRONG in answers[0]


def test_the_address_typed_is_kept_and_the_password_is_not(people: People, client: Client) -> None:
    content = client.post(URL, {"username": "olga@acme.example", "password": "guess-17"}).content.decode()
    assert 'value="olga@acme.example"' in content
    assert "guess-17" not in content


@pytest.mark.parametrize("data", [{}, {"username": "olga@acme.example"}, {"password": PASSWORD}])
def test_half_a_form_is_refused_and_recorded(
    data: dict[str, str], people: People, client: Client, platform: Account
) -> None:
    assert client.post(URL, data).status_code == 200
    account = people.acme if "username" in data else platform
    assert not the_entry(account, Operation.USER_SIGN_IN_FAILED).success


@pytest.mark.parametrize("email", ["\0", "olga@acme.example\0", "x" * 5000, "'; DROP TABLE accounts_user", "🎉"])
def test_garbage_gets_nobody_in(email: str, people: People, client: Client, platform: Account) -> None:
    sign_in(client, email)
    assert not is_signed_in(client)
    assert not the_entry(platform, Operation.USER_SIGN_IN_FAILED).success


def test_no_password_is_ever_written_down(
    people: People, client: Client, platform: Account, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        sign_in(client, "olga@acme.example", "guess-17")
        sign_in(client, "nobody@acme.example", "guess-17")
        sign_in(client, "guess-17", PASSWORD)
        sign_in(client, "olga@acme.example")
    written = caplog.text.encode() + b"".join(bytes(entry.body) for entry in Entry.objects.all())
    assert b"guess-17" not in written.replace(b"guess-17' LIMIT", b"")
    assert PASSWORD.encode() not in written


# Where it leads


@pytest.mark.parametrize("following", ["/@acme/apps/", "/@acme/teams-and-logs/?app=a&range=7d"])
def test_it_leads_to_the_page_that_was_asked_for(following: str, people: People, client: Client) -> None:
    asked = client.get(following)
    page = client.get(asked["Location"])
    assert sign_in(client, "olga@acme.example", next=page.context["next"]) == following


def test_the_page_asked_for_survives_a_wrong_password(people: People, client: Client) -> None:
    wrong = {"username": "olga@acme.example", "password": "guess", "next": "/@acme/apps/"}
    assert '<input type="hidden" name="next" value="/@acme/apps/">' in client.post(URL, wrong).content.decode()


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example", "\0"],
)
def test_it_never_leads_to_another_site(following: str, people: People, client: Client) -> None:
    assert sign_in(client, "olga@acme.example", next=following) == "/"
    assert client.get(URL, {"next": following})["Location"] == "/"
    assert client.post("/preferences/", {"theme": "dark", "next": following})["Location"] == "/"


def test_who_is_signed_in_is_led_on(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert client.get(f"{URL}?next=/@acme/apps/")["Location"] == "/@acme/apps/"


def test_support_staff_are_led_to_the_admin(client: Client) -> None:
    client.force_login(UserFactory(is_staff=True, home=None))
    assert client.get("/")["Location"] == "/admin/"


def test_who_belongs_nowhere_is_told_what_to_do(client: Client) -> None:
    client.force_login(UserFactory(email="lost@example.com", home=None))
    response = client.get("/")
    assert response.status_code == 200
    assert "You are not a member of an account yet" in text_of(response)


def test_the_start_page_asks_who_is_signed_out_to_sign_in(client: Client) -> None:
    assert client.get("/")["Location"] == URL


# Signing out, and being put out


def test_signing_out_is_an_entry(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert client.post("/sign-out/")["Location"] == URL
    assert not is_signed_in(client)
    entry = the_entry(people.acme, Operation.USER_SIGN_OUT)
    assert (entry.success, entry.actor_id) == (True, people.owner.pk)


def test_signing_out_nobody_is_no_entry(people: People, client: Client) -> None:
    assert client.post("/sign-out/").status_code == 302
    assert entries_of(people.acme, Operation.USER_SIGN_OUT) == []


def test_a_link_signs_nobody_out(people: People, client: Client) -> None:
    client.force_login(people.owner)
    assert client.get("/sign-out/").status_code == 405
    assert is_signed_in(client)


def test_an_inactive_person_is_out_at_once(people: People, client: Client) -> None:
    client.force_login(people.owner)
    User.objects.filter(pk=people.owner.pk).update(is_active=False)
    assert client.get("/@acme/apps/")["Location"].startswith(URL)


def test_another_password_ends_other_sessions(people: People, client: Client) -> None:
    client.force_login(people.owner)
    people.owner.set_password("a staple no horse has heard of")
    people.owner.save()
    assert client.get("/@acme/apps/")["Location"].startswith(URL)


def test_who_can_not_be_recorded_stays_outside(people: People, client: Client) -> None:
    with log_that_refuses():
        response = client.post(URL, {"username": "olga@acme.example", "password": PASSWORD})
    assert response.status_code == 503
    assert not is_signed_in(client)
    assert client.get("/@acme/apps/").status_code == 302


def test_a_page_of_ours_is_needed_to_sign_in(people: People) -> None:
    response = Client(enforce_csrf_checks=True).post(URL, {"username": "olga@acme.example", "password": PASSWORD})
    assert response.status_code == 403
    assert entries_of(people.acme, Operation.USER_SIGN_IN) == []

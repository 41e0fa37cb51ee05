"""Invitations: from the form over the mail to the member, what each step leaves in the log, which links are dead."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.invitations import link_to
from accounts.models import Account, Invitation, Member, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.context import ActorType
from controlcenter.operations import Operation

from . import PASSWORD
from .factories import AccountFactory, InvitationFactory, MemberFactory, People, UserFactory, make_people
from .history import entries_of, text_of, the_entry

pytestmark = pytest.mark.django_db

INVITED = "/@acme/invitations/"
NEW = f"{INVITED}new/"
CREATE, CANCEL = Operation.ORGANIZATION_MEMBER_INVITATION_CREATE, Operation.ORGANIZATION_MEMBER_INVITATION_CANCEL
ACCEPT, DECLINE = Operation.ORGANIZATION_MEMBER_INVITATION_ACCEPT, Operation.ORGANIZATION_MEMBER_INVITATION_DECLINE
EXPIRE, ADD = Operation.ORGANIZATION_MEMBER_INVITATION_EXPIRE, Operation.ORGANIZATION_MEMBER_ADD
JOINING = {"first_name": "Greta", "last_name": "Guest", "slug": "greta", "password": "a-long-enough-secret"}


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def invitation(people: People) -> Invitation:
    invitation: Invitation = InvitationFactory(
        account=people.acme,
        email="guest@example.com",
        role=Role.AUDITOR,
        invited_by=people.owner,
        expires_at=timezone.now() + timedelta(days=14),
    )
    return invitation


@pytest.fixture
def guest(people: People) -> User:
    user: User = UserFactory(slug="guest", email="guest@example.com", home=None)
    return user


def invite(page: Client, emails: str, role: str = "team_contributor") -> Any:
    return page.post(NEW, {"emails": emails, "role": role})


def answer(client: Client, invitation: Invitation, answer: str = "accept", **form: str) -> Any:
    return client.post(link_to(invitation), {"answer": answer, **form})


def failure_of(account: Account, operation: Operation) -> tuple[str, str]:
    [entry] = [entry for entry in entries_of(account, operation) if not entry.success]
    return entry.event["failure"]["code"], entry.event["failure"]["sentence"]


# Inviting


def test_several_are_invited_at_once(page: Client, people: People) -> None:
    response = invite(page, "Anna@Example.com, ben@example.com\n\ncleo@example.com; anna@example.com")
    assert response["Location"] == INVITED
    emails = ["anna@example.com", "ben@example.com", "cleo@example.com"]
    assert sorted(Invitation.objects.values_list("email", flat=True)) == emails
    told = entries_of(people.acme, CREATE)
    assert [entry.event["sentence"] for entry in told] == [
        f"Invite '{letter}…@example.com' to the organization as 'Team contributor'" for letter in "abc"
    ]
    assert all(entry.success and entry.actor_id == people.owner.pk for entry in told)
    assert sorted(message.to[0] for message in mail.outbox) == emails


def test_the_mail_says_who_invites_and_carries_the_link(page: Client, people: People) -> None:
    invite(page, "anna@example.com")
    [message] = mail.outbox
    invitation = Invitation.objects.get()
    assert message.subject == "You are invited to Acme in Control Center"
    assert "Olga Owner invites you to Acme in Control Center, as Team contributor." in message.body
    assert f"http://testserver{link_to(invitation)}\n" in message.body
    assert f"{invitation.expires_at:%B} {invitation.expires_at.day}, {invitation.expires_at.year}" in message.body


def test_a_name_cannot_break_the_mail(page: Client, people: People) -> None:
    people.acme.name = "Acme\r\nBcc: all@example.com <b>"
    people.acme.save()
    invite(page, "anna@example.com")
    [message] = mail.outbox
    assert message.subject == "You are invited to Acme Bcc: all@example.com <b> in Control Center"
    assert message.recipients() == ["anna@example.com"]


@pytest.mark.parametrize(
    ("emails", "sentence", "code"),
    [
        ("anna@example.com, nonsense", "nonsense is not an e-mail address.", "invalid"),
        ("anna@example.com, max@acme.example", "max@acme.example is a member already.", "conflict"),
        ("anna@example.com, GUEST@example.com", "guest@example.com is invited already.", "conflict"),
        (" ".join(f"p{n}@example.com" for n in range(51)), "These are 51 addresses. Invite up to 50", "limit_reached"),
        (" , ", "Type at least one e-mail address.", "invalid"),
        (f"{'a' * 300}@example.com", "is not an e-mail address.", "invalid"),
    ],
)
def test_what_stands_against_one_invites_none(
    emails: str, sentence: str, code: str, page: Client, people: People, invitation: Invitation
) -> None:
    response = invite(page, emails)
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert response.context["form"]["emails"].value() == emails
    assert list(Invitation.objects.all()) == [invitation]
    assert mail.outbox == []
    assert failure_of(people.acme, CREATE)[0] == code


def test_the_log_is_not_told_the_addresses_that_were_refused(page: Client, people: People) -> None:
    invite(page, "anna@example.com, max@acme.example, nonsense")
    [entry] = entries_of(people.acme, CREATE)
    assert entry.event["failure"]["sentence"] == "2 of 3 addresses can't be invited."
    assert b"acme.example" not in bytes(entry.body)


def test_the_log_is_told_of_too_many_addresses(page: Client, people: People) -> None:
    invite(page, " ".join(f"p{n}@example.com" for n in range(51)))
    sentence = "These are 51 addresses. Invite up to 50 at once."
    assert failure_of(people.acme, CREATE) == ("limit_reached", sentence)


def test_an_address_is_invited_anew_when_its_time_has_passed(page: Client, people: People) -> None:
    old = InvitationFactory(account=people.acme, email="anna@example.com", expires_at=timezone.now())
    assert invite(page, "anna@example.com").status_code == 302
    old.refresh_from_db()
    assert old.state == Invitation.State.EXPIRED
    assert the_entry(people.acme, EXPIRE).actor_type is ActorType.SYSTEM


def test_a_mail_that_cannot_be_sent_is_told_and_the_invitation_kept(
    page: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: EmailBackend, messages: list[Any]) -> int:
        if messages[0].to == ["ben@example.com"]:
            raise OSError("mailbox unavailable")
        return 1

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    response = page.post(NEW, {"emails": "anna@example.com ben@example.com", "role": "auditor"}, follow=True)
    assert "The mail to ben@example.com could not be sent; the invitation is kept. Resend it" in text_of(response)
    assert Invitation.objects.count() == 2


def test_a_mail_server_that_is_not_there_is_told(page: Client, people: People, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    response = page.post(NEW, {"emails": "anna@example.com ben@example.com", "role": "auditor"}, follow=True)
    assert "The mail to anna@example.com, ben@example.com could not be sent" in text_of(response)


def test_nobody_is_invited_to_a_personal_account(client: Client) -> None:
    account = AccountFactory(slug="mine", kind=Account.Kind.PERSONAL)
    client.force_login(MemberFactory(account=account, role=Role.ADMINISTRATOR).user)
    response = client.post("/@mine/invitations/new/", {"emails": "a@example.com", "role": "auditor"})
    assert response.status_code == 422
    assert "A personal account has one member" in text_of(response)
    assert failure_of(account, CREATE)[0] == "personal_account"
    assert "which nobody can be invited to" in text_of(client.get("/@mine/invitations/"))


# Who is invited


def test_it_lists_who_has_not_answered(page: Client, people: People, invitation: Invitation) -> None:
    InvitationFactory(account=people.acme, email="gone@example.com", state=Invitation.State.DECLINED)
    InvitationFactory(account=people.stranger.home, email="theirs@example.com")
    text = text_of(page.get(INVITED))
    assert "guest@example.com Invited now Pending Auditor Olga Owner" in text.replace("0 seconds ago", "now")
    assert "gone@example.com" not in text
    assert "theirs@example.com" not in text


@pytest.mark.parametrize("query", ["guest", "GUEST@", "audit"])
def test_it_finds_invitations_by_address_and_role(query: str, page: Client, invitation: Invitation) -> None:
    InvitationFactory(account=invitation.account, email="anna@x.example")
    rows = page.get(INVITED, {"q": query}).context["found"].rows
    assert rows == [invitation]


def test_paging_meets_every_invitation_once_and_costs_the_same(page: Client, people: People) -> None:
    InvitationFactory.create_batch(120, account=people.acme, invited_by=people.owner)
    seen, url, costs = [], "?", set()
    while url:
        with CaptureQueriesContext(connection) as queries:
            found = page.get(INVITED + url).context["found"]
        seen += [row.pk for row in found.rows]
        url = found.next_url
        costs.add(sum("SAVEPOINT" not in query["sql"] for query in queries))
    assert len(seen) == len(set(seen)) == 120
    # session, memberships; what is overdue, the page; both counts
    assert costs == {6}


def test_what_is_overdue_is_shown_and_recorded_as_expired(page: Client, people: People, invitation: Invitation) -> None:
    with time_machine.travel(invitation.expires_at + timedelta(seconds=1)):
        page.force_login(people.owner)
        assert "Expired" in text_of(page.get(INVITED))
        page.get(INVITED)
    entry = the_entry(people.acme, EXPIRE)
    assert (entry.actor_type, entry.event["sentence"]) == (
        ActorType.SYSTEM,
        "Let the invitation of 'g…@example.com' expire",
    )


def test_resending_makes_it_valid_again_and_ends_the_link_before(
    page: Client, people: People, invitation: Invitation
) -> None:
    before = link_to(invitation)
    Invitation.objects.filter(pk=invitation.pk).update(state=Invitation.State.EXPIRED)
    response = page.post(f"{INVITED}{invitation.pk}/resend/", follow=True)
    assert "guest@example.com is invited again." in text_of(response)
    invitation.refresh_from_db()
    assert invitation.state == Invitation.State.PENDING
    [message] = mail.outbox
    assert link_to(invitation) in message.body
    assert page.get(before).status_code == 404
    assert page.get(link_to(invitation)).status_code == 200
    entry = entries_of(people.acme, CREATE)[-1]
    assert entry.event["changes"]["state"] == ["expired", "pending"]
    assert "expires_at" in entry.event["changes"]


@pytest.mark.parametrize("why", ["a member already", "has a newer invitation"])
def test_what_would_lead_nowhere_is_not_resent(
    why: str, page: Client, people: People, invitation: Invitation, guest: User
) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(state=Invitation.State.EXPIRED)
    if why == "a member already":
        MemberFactory(account=people.acme, user=guest)
    else:
        InvitationFactory(account=people.acme, email="guest@example.com")
    response = page.post(f"{INVITED}{invitation.pk}/resend/")
    assert response.status_code == 422
    assert why in text_of(response)
    assert mail.outbox == []


def test_cancelling_is_an_entry_and_ends_the_link(page: Client, people: People, invitation: Invitation) -> None:
    page.post(f"{INVITED}{invitation.pk}/cancel/", {"reason": "Wrong address"})
    entry = the_entry(people.acme, CANCEL)
    assert (entry.success, entry.event["reason"]) == (True, "Wrong address")
    response = Client().get(link_to(invitation))
    assert response.status_code == 410
    assert "This invitation was cancelled" in text_of(response)


@pytest.mark.parametrize("step", ["resend", "cancel"])
def test_what_has_been_answered_stays_answered(step: str, page: Client, people: People, invitation: Invitation) -> None:
    invitation.decline()
    response = page.post(f"{INVITED}{invitation.pk}/{step}/")
    assert response.status_code == 422
    assert "The invitation was declined already." in text_of(response)
    assert failure_of(people.acme, CANCEL if step == "cancel" else CREATE)[0] == "answered"


def test_invitations_of_others_are_not_found(page: Client, people: People) -> None:
    other = InvitationFactory(account=people.stranger.home)
    assert page.get(f"{INVITED}{other.pk}/cancel/").status_code == 404
    assert page.get(f"{INVITED}{10**30}/cancel/").status_code == 404


# The link, for somebody with a user


def test_who_is_signed_in_accepts_at_once(client: Client, people: People, invitation: Invitation, guest: User) -> None:
    client.force_login(guest)
    text = text_of(client.get(link_to(invitation)))
    assert "Join Acme" in text
    assert "Olga Owner invites guest@example.com as Auditor." in text
    response = answer(client, invitation)
    assert response["Location"] == "/@acme/"
    assert Member.objects.get(user=guest).role == Role.AUDITOR
    entry = the_entry(people.acme, ACCEPT)
    assert (entry.success, entry.actor_id) == (True, guest.pk)
    assert entries_of(people.acme, ADD)[-1].actor_id == guest.pk
    guest.refresh_from_db()
    assert guest.home == people.acme


def test_accepting_twice_is_accepting_once(client: Client, people: People, invitation: Invitation, guest: User) -> None:
    client.force_login(guest)
    answer(client, invitation)
    before = Entry.objects.count()
    response = answer(client, invitation)
    assert response.status_code == 410
    assert "This invitation was accepted You are a member of Acme." in text_of(response)
    assert Entry.objects.count() == before


def test_somebody_else_is_told_to_sign_out(page: Client, people: People, invitation: Invitation) -> None:
    text = text_of(page.get(link_to(invitation)))
    assert "You are signed in as olga@acme.example. The invitation is for guest@example.com" in text
    assert "Accept invitation" not in text
    for reply, operation in (("accept", ACCEPT), ("decline", DECLINE)):
        assert answer(page, invitation, reply).status_code == 422
        assert failure_of(people.acme, operation)[0] == "other_address"
    response = page.post("/sign-out/", {"next": link_to(invitation)}, follow=True)
    assert "Accept invitation" in text_of(response)


def test_who_has_a_user_signs_in_first(client: Client, people: People, invitation: Invitation, guest: User) -> None:
    content = client.get(link_to(invitation)).content.decode()
    assert "Sign in to accept" in content
    assert 'name="password"' not in content
    assert answer(client, invitation)["Location"].startswith("/sign-in/?next=/invitations/")
    assert failure_of(people.acme, ACCEPT)[0] == "not_signed_in"
    [href] = re.findall(r'href="(/sign-in/\?next=[^"]+)"', content)
    following = client.get(href).context["next"]
    response = client.post("/sign-in/", {"username": guest.email, "password": PASSWORD, "next": following}, follow=True)
    assert "Accept invitation" in text_of(response)


def test_who_is_a_member_already_is_told(client: Client, people: People, invitation: Invitation, guest: User) -> None:
    MemberFactory(account=people.acme, user=guest)
    client.force_login(guest)
    assert "You are a member already." in text_of(client.get(link_to(invitation)))
    assert answer(client, invitation).status_code == 422
    assert failure_of(people.acme, ACCEPT)[0] == "conflict"


# The link, for somebody without a user


def test_somebody_new_becomes_user_and_member_and_is_signed_in(
    client: Client, people: People, invitation: Invitation
) -> None:
    form = client.get(link_to(invitation)).context["form"]
    assert form["slug"].value() == "guest"
    response = answer(client, invitation, **JOINING)
    assert response["Location"] == "/@acme/"
    greta = User.objects.get(slug="greta")
    assert (greta.email, greta.full_name, greta.home) == ("guest@example.com", "Greta Guest", people.acme)
    assert greta.check_password(JOINING["password"])
    assert Member.objects.get(user=greta).role == Role.AUDITOR
    assert entries_of(people.acme, Operation.USER_CREATE)[-1].actor_type is ActorType.ANONYMOUS
    assert the_entry(people.acme, ACCEPT).actor_id == greta.pk
    assert entries_of(people.acme, ADD)[-1].actor_id == greta.pk
    assert the_entry(people.acme, Operation.USER_SIGN_IN).actor_id == greta.pk
    assert client.get("/@acme/").status_code == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"password": "guest@example.com"}, "password"),
        ({"slug": "max"}, "slug"),
        ({"slug": "Not an id"}, "slug"),
        ({"first_name": ""}, "first_name"),
        ({"last_name": "\0"}, "last_name"),
    ],
)
def test_what_is_wrong_is_named_and_recorded(
    changed: dict[str, str], field: str, client: Client, people: People, invitation: Invitation
) -> None:
    response = answer(client, invitation, **{**JOINING, **changed})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not User.objects.filter(email="guest@example.com").exists()
    assert failure_of(people.acme, ACCEPT)[0] == "invalid"
    assert client.get("/you/").status_code == 302


@pytest.mark.parametrize(
    ("email", "slug"),
    [
        ("max@x.example", "max-2"),
        ("日@x.example", "user"),
        ("a.b_c@x.example", "a-b-c"),
    ],
)
def test_the_user_id_proposed_is_free(email: str, slug: str, client: Client, people: People) -> None:
    invitation = InvitationFactory(account=people.acme, email=email)
    assert client.get(link_to(invitation)).context["form"]["slug"].value() == slug


@pytest.mark.django_db(transaction=True)
def test_two_answers_at_once_are_one() -> None:
    people = make_people()
    guest = UserFactory(email="guest@example.com", home=None)
    invitation = InvitationFactory(account=people.acme, email="guest@example.com")

    def reply(answer: str) -> str:
        own = Invitation.objects.get(pk=invitation.pk)
        try:
            own.accept(guest) if answer == "accept" else own.decline()
        except ValidationError as error:
            return str(error.code)
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(3) as pool:
        outcomes = sorted(pool.map(reply, ["accept", "accept", "decline"]))
    assert outcomes == ["answered", "answered", "taken"]
    assert len(entries_of(people.acme, ACCEPT, DECLINE)) == 1


def test_sending_the_form_twice_makes_one_user(people: People, invitation: Invitation) -> None:
    answer(Client(), invitation, **JOINING)
    before = Entry.objects.count()
    response = answer(Client(), invitation, **JOINING)
    assert "guest@example.com has joined Acme. Sign in with that address" in text_of(response)
    assert Entry.objects.count() == before


def test_declining_needs_no_user(client: Client, people: People, invitation: Invitation) -> None:
    response = answer(client, invitation, "decline")
    assert "This invitation was declined" in text_of(response)
    assert the_entry(people.acme, DECLINE).actor_type is ActorType.ANONYMOUS
    answer(client, invitation, "decline")
    assert the_entry(people.acme, DECLINE).success
    assert answer(client, invitation, **JOINING).status_code == 410
    assert failure_of(people.acme, ACCEPT)[0] == "answered"
    assert not User.objects.filter(email="guest@example.com").exists()


# Dead links, and what they give away


def test_an_expired_link_says_so_and_expires_the_invitation(
    client: Client, people: People, invitation: Invitation
) -> None:
    with time_machine.travel(invitation.expires_at + timedelta(seconds=1)):
        response = client.get(link_to(invitation))
        assert response.status_code == 410
        assert "This invitation has expired" in text_of(response)
        assert "Ask Olga Owner of Acme to send it again." in text_of(response)
        assert answer(client, invitation, **JOINING).status_code == 410
    assert the_entry(people.acme, EXPIRE).actor_type is ActorType.SYSTEM
    assert failure_of(people.acme, ACCEPT) == ("expired", "The invitation has expired. Ask for a new one.")


@pytest.mark.parametrize("token", ["nonsense", "a:b:c", "\0", "x" * 5000])
def test_a_link_that_is_none_says_so(token: str, client: Client) -> None:
    response = client.get(f"/invitations/{token}/")
    assert response.status_code == 404
    assert "This link leads to no invitation" in text_of(response)


def test_the_link_of_a_deleted_organization_is_dead(client: Client, people: People, invitation: Invitation) -> None:
    link = link_to(invitation)
    people.acme.delete()
    assert client.get(link).status_code == 404


def test_the_link_never_stands_in_the_log(client: Client, people: People, invitation: Invitation) -> None:
    answer(client, invitation, **{**JOINING, "password": "short"})
    answer(client, invitation, **JOINING)
    told = entries_of(people.acme, ACCEPT, ADD, Operation.USER_CREATE, Operation.USER_SIGN_IN)
    assert [entry.event["where"]["path"] for entry in told[-5:]] == ["/invitations/…/"] * 5
    token = link_to(invitation).split("/")[2].encode()
    assert not [entry for entry in Entry.objects.all() if token in bytes(entry.body)]


def test_the_page_is_stored_nowhere(client: Client, invitation: Invitation) -> None:
    response = client.get(link_to(invitation))
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "same-origin"


def test_inviting_does_not_tell_whether_an_address_has_a_user(page: Client, people: People, guest: User) -> None:
    with_user, without = (
        text_of(page.post(NEW, {"emails": email, "role": "auditor"}, follow=True)).replace(email, "…")
        for email in (guest.email, "nobody@example.com")
    )
    assert "… is invited." in with_user
    assert with_user.count("User") == without.count("User")

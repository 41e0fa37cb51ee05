"""Erasing a person: name and e-mail address are nowhere any more, and every proof still holds."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.erasing import erase
from accounts.models import Account, Invitation, Member, Token, User
from accounts.roles import Role
from auditlog import subjects
from auditlog.models import Entry, Subject
from auditlog.sealing.sealer import seal
from auditlog.sealing.verifying import verify, verify_persons
from controlcenter.context import NotRecorded, acting_as
from controlcenter.operations import Operation

from .factories import (
    AppFactory,
    CollaboratorFactory,
    InvitationFactory,
    MemberFactory,
    People,
    TeamFactory,
    TeamMemberFactory,
    TokenFactory,
    UserFactory,
    make_people,
)
from .history import entries_of, failures_of, shown, text_of, the_entry
from .sealing import KEY, anchor, exported, verify_offline

pytestmark = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)

FIRST, LAST, FORMER = "Quirina", "Zyndalski", "Oberwasser"
EMAIL, FORMER_EMAIL = "q.zyndalski@acme.example", "oberwasser@mail.example"
TRACES = (FIRST, LAST, FORMER, EMAIL, FORMER_EMAIL)


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    settings.SEALING_KEYS = [KEY]
    subjects.forget()


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def quirina(people: People) -> User:
    """Somebody who has done a lot, and had another name before."""
    person: User = UserFactory(slug="u-7f3a", email=FORMER_EMAIL, first_name=FIRST, last_name=FORMER, home=people.acme)
    with acting_as(people.owner.as_actor()):
        InvitationFactory(account=people.acme, email=FORMER_EMAIL)
        InvitationFactory(account=people.stranger.home, email=EMAIL)
        member = MemberFactory(account=people.acme, user=person, role=Role.ORGANIZATION_CONTRIBUTOR)
        TeamMemberFactory(team=TeamFactory(account=people.acme), member=member)
        CollaboratorFactory(app=AppFactory(account=people.stranger.home), user=person)
        TokenFactory(account=people.acme, user=person)
    with acting_as(person.as_actor()):
        person.last_name, person.email = LAST, EMAIL
        person.save()
    with acting_as(person.as_actor()):
        AppFactory(account=people.acme, name="Hers")
    return person


def dump() -> dict[str, str]:
    """Return all that is in the database, by table, as text."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            found[table] = "\n".join(map(_as_text, (value for row in cursor.fetchall() for value in row)))
        return found


def _as_text(value: Any) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def traces(texts: dict[str, str]) -> list[tuple[str, str]]:
    """Return where something of her is left, whatever its case."""
    return [(place, trace) for place, text in texts.items() for trace in TRACES if trace.lower() in text.lower()]


def test_nothing_of_a_person_is_left_in_any_table(quirina: User) -> None:
    assert {table for table, _ in traces(dump())} == {"accounts_user", "accounts_invitation", "auditlog_subject"}
    erase(quirina)
    assert traces(dump()) == []


@committing
def test_every_proof_still_holds(quirina: User, people: People, tmp_path: Path, settings: Settings) -> None:
    settings.ANCHOR_DIR = str(tmp_path)
    seal()
    anchor(tmp_path)
    erase(quirina)
    seal()
    report = verify(people.acme.pk)
    verify_persons(report)
    assert (report.problems, report.missing) == ([], [])
    with exported(people.acme) as bundle:
        assert traces({part.name: part.read_text() for part in bundle.iterdir()}) == []
        verdict = verify_offline(bundle, tmp_path)
    assert verdict.status == 0, verdict.text
    assert "namings of persons were erased" in verdict.text


def test_pages_show_an_erased_person_and_searches_find_none(quirina: User, people: People, client: Client) -> None:
    [hers] = [entry for entry in entries_of(people.acme, Operation.APPLICATION_CREATE) if entry.actor_id == quirina.pk]
    erase(quirina)
    client.force_login(people.owner)
    where = "/@acme/teams-and-logs/"
    pages = {
        path: text_of(client.get(path))
        for path in (where, f"{where}entries/{hers.pk}/", "/@acme/members/", "/@acme/invitations/", "/@acme/")
    }
    assert traces(pages) == []
    assert "Erased person" in pages[f"{where}entries/{hers.pk}/"]
    for query in (f"actor:{EMAIL}", FIRST, LAST, FORMER_EMAIL):
        assert shown(client.get(where, {"q": query})) == []


def test_what_others_do_about_a_person_keeps_no_address(quirina: User, people: People, client: Client) -> None:
    AppFactory(account=people.acme, slug="vision")
    client.force_login(people.owner)
    client.get("/@acme/teams-and-logs/", {"actor": EMAIL}, follow=True)
    client.get("/@acme/teams-and-logs/", {"q": f"actor:{EMAIL}"}, follow=True)
    client.post(f"/@acme/teams-and-logs/views/new/?actor={EMAIL}", {"name": "New", "shown_to": "own"})
    client.post("/@acme/invitations/new/", {"emails": EMAIL, "role": "auditor"})
    for _ in range(2):
        client.post("/@acme/apps/vision/new-collaborator/", {"who": EMAIL, "scopes": ["apps:read"]})
    client.post("/sign-out/")
    client.post("/sign-in/", {"username": EMAIL, "password": "wrong"})
    erase(quirina)
    assert traces(dump()) == []


def test_the_log_says_so_without_a_name(quirina: User, people: People) -> None:
    with acting_as(people.owner.as_actor()):
        erase(quirina)
    entry = the_entry(people.acme, Operation.USER_ERASE)
    assert (entry.event["sentence"], entry.actor_id) == ("Erase a person", people.owner.pk)
    assert quirina.slug.startswith("erased-")
    assert entry.event["targets"][0]["id"] == quirina.slug
    assert "u-7f3a" not in bytes(entry.body).decode()


def test_what_was_theirs_ends(quirina: User, people: People, client: Client) -> None:
    client.force_login(quirina)
    erase(quirina)
    assert not Member.objects.filter(user=quirina).exists()
    assert not Token.objects.filter(user=quirina).exists()
    assert not Invitation.objects.exists()
    assert not quirina.is_active
    assert client.get("/@acme/members/")["Location"].startswith(reverse("sign-in"))
    assert entries_of(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)
    assert entries_of(people.stranger.home, Operation.COLLABORATOR_REMOVE)  # type: ignore[arg-type]


def test_others_keep_their_names(quirina: User, people: People) -> None:
    erase(quirina)
    assert Subject.objects.filter(email="olga@acme.example", first_name="Olga").exists()


def test_an_address_that_somebody_else_has_now_stays_theirs(quirina: User, people: People) -> None:
    other = UserFactory(slug="heiress", email=FORMER_EMAIL, first_name="Helga", last_name="Heiress", home=people.acme)
    erase(quirina)
    other.refresh_from_db()
    assert other.email == FORMER_EMAIL
    assert Subject.objects.filter(user_id=other.pk, email=FORMER_EMAIL).exists()


def test_nobody_is_erased_twice(quirina: User) -> None:
    erase(quirina)
    with pytest.raises(ValidationError, match="erased already"):
        erase(quirina)


def test_an_organization_is_not_left_without_an_administrator(people: People) -> None:
    with pytest.raises(ValidationError, match="Nobody would be left to administer Acme"):
        erase(people.owner)
    assert User.objects.get(pk=people.owner.pk).first_name == "Olga"


def test_a_legal_hold_keeps_who_stands_in_the_log(quirina: User, people: People) -> None:
    held: Account = people.stranger.home  # type: ignore[assignment]
    held.put_on_hold("Case 17", people.stranger)  # She is no member there, but something was done to her.
    with pytest.raises(ValidationError, match="is on legal hold, and this person stands in its log"):
        erase(quirina)
    held.release()
    erase(User.objects.get(pk=quirina.pk))


# Other processes


def in_another_process(work: Callable[[], object]) -> Thread:
    """Start a thread with a connection of its own; what it knows of people is known here, too, as after a fork."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


@committing
def test_who_knew_a_person_writes_no_name_after_they_were_erased(quirina: User, people: People) -> None:
    actor = quirina.as_actor()
    with acting_as(actor):
        AppFactory(account=people.acme)
    known = dict(subjects._known)
    erase(quirina)
    subjects._known.update(known)
    with acting_as(actor):
        app = AppFactory(account=people.acme)
    entry = Entry.objects.select_related("subject").get(app_id=app.pk)
    assert entry.subject
    assert entry.subject.full_name == ""
    assert traces(dump()) == []


@committing
def test_who_did_not_know_them_can_not_name_them_any_more(quirina: User, people: People) -> None:
    actor = quirina.as_actor()
    erase(quirina)
    subjects.forget()
    with acting_as(actor), pytest.raises(NotRecorded):
        AppFactory(account=people.acme)
    assert traces(dump()) == []


@committing
def test_a_transaction_that_ends_late_names_nobody(quirina: User, people: People) -> None:
    """It names her in a new way before she is erased, and commits after: she is erased once it has."""
    named, may_end = Event(), Event()

    def work() -> None:
        with acting_as(quirina.as_actor()), transaction.atomic():
            subjects.refer_to(subjects.Naming(quirina.pk, "u-7f3a", FIRST, "Latecomer", EMAIL))
            named.set()
            may_end.wait(60)

    thread = in_another_process(work)
    assert named.wait(60)
    eraser = in_another_process(lambda: erase(User.objects.get(pk=quirina.pk)))
    eraser.join(0.3)
    assert eraser.is_alive()
    may_end.set()
    thread.join()
    eraser.join()
    assert not Subject.objects.filter(last_name="Latecomer").exists()
    assert traces(dump()) == []


@committing
def test_an_address_that_is_invited_again_is_named_again(quirina: User, people: People) -> None:
    known = dict(subjects._known)
    erase(quirina)
    subjects._known.update(known)
    InvitationFactory(account=people.acme, email=EMAIL)
    [entry] = entries_of(people.acme, Operation.ORGANIZATION_MEMBER_INVITATION_CREATE)[-1:]
    digest = entry.event["changes"]["email"][1]["subject"]
    assert Subject.objects.get(digest=digest).email == EMAIL


# How it is asked for


def test_the_command_asks_again_and_erases(
    quirina: User, people: People, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "somebody@else.example")
    with pytest.raises(CommandError, match="Nobody was erased"):
        call_command("erase_person", EMAIL)
    call_command("erase_person", EMAIL, "--yes", "--reason", "Request 12")
    assert "The person is erased." in capsys.readouterr().out
    assert the_entry(people.acme, Operation.USER_ERASE).event["reason"] == "Request 12"
    with pytest.raises(CommandError, match="Nobody has the e-mail address"):
        call_command("erase_person", EMAIL, "--yes")


def test_the_command_says_what_stands_against_it(people: People) -> None:
    with pytest.raises(CommandError, match="Nobody would be left to administer Acme"):
        call_command("erase_person", "olga@acme.example", "--yes")
    assert failures_of(people.acme, Operation.USER_ERASE)[0][0] == "last_administrator"


def test_the_command_looks_before_it_asks(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("It asked."))
    people.acme.put_on_hold("Case 17", people.owner)
    with pytest.raises(CommandError, match="on legal hold"):
        call_command("erase_person", people.member.email)
    assert [code for code, _ in failures_of(people.acme, Operation.USER_ERASE)] == ["on_hold"]


def test_the_command_without_a_terminal_names_its_option(quirina: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    with pytest.raises(CommandError, match="--yes"):
        call_command("erase_person", EMAIL)
    quirina.refresh_from_db()
    assert quirina.erased_at is None


@pytest.fixture
def support(people: People, client: Client) -> Client:
    """Somebody of the support staff, with access to acme where that has to be opened first."""
    staff = UserFactory(slug="sue", is_staff=True, home=None)
    from auditlog.support import SupportAccess

    SupportAccess.open(staff, people.acme.pk, "Asked to be forgotten", "T-1")
    client.force_login(staff)
    return client


def test_support_staff_erase_after_a_confirmation(quirina: User, people: People, support: Client) -> None:
    url = reverse("admin:accounts_user_erase", args=[quirina.pk])
    assert "u-7f3a" in text_of(support.get(url))
    assert url in support.get(reverse("admin:accounts_user_change", args=[quirina.pk])).content.decode()
    refused = support.post(url, {"confirm": "something else"})
    assert "Type u-7f3a to go on." in text_of(refused)
    assert failures_of(people.acme, Operation.USER_ERASE)[0][0] == "not_confirmed"
    assert support.post(url, {"confirm": "u-7f3a"}).status_code == 302
    assert traces(dump()) == []


def test_an_erased_person_gets_no_password(quirina: User, support: Client) -> None:
    page = reverse("admin:accounts_user_change", args=[quirina.pk])
    assert "../password/" in support.get(page).content.decode()
    erase(quirina)
    content = support.get(page).content.decode()
    assert quirina.slug in content
    for offered in ("../password/", "Set password", "deletelink", "/erase/"):
        assert offered not in content
    new = {"usable_password": "true", "password1": "a staple no horse knows", "password2": "a staple no horse knows"}
    assert support.post(reverse("admin:auth_user_password_change", args=[quirina.pk]), new).status_code == 403


def test_support_staff_are_told_what_stands_against_it(people: People, support: Client) -> None:
    url = reverse("admin:accounts_user_erase", args=[people.owner.pk])
    assert "Nobody would be left to administer Acme" in text_of(support.post(url, {"confirm": "olga"}))
    assert failures_of(people.acme, Operation.USER_ERASE)[0][0] == "last_administrator"

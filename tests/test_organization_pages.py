"""The pages of an organization itself: its beginning, its name and its end."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Account, Member, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation
from controlcenter.resources.models import App

from . import PASSWORD
from .factories import (
    AccountFactory,
    AppFactory,
    DeploymentFactory,
    InvitationFactory,
    MemberFactory,
    ModelVersionFactory,
    NodepoolFactory,
    People,
    TeamFactory,
    TokenFactory,
    UserFactory,
    make_people,
)
from .history import entries_of, form_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

CREATE, UPDATE = Operation.ORGANIZATION_CREATE, Operation.ORGANIZATION_UPDATE
DELETE = Operation.ORGANIZATION_DELETE
NEW = {"name": "Initech", "slug": "initech"}
SETTINGS, END = "/@acme/settings/", "/@acme/settings/delete/"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


def failure_of(account: Account, operation: Operation) -> tuple[str, str]:
    [entry] = [entry for entry in entries_of(account, operation) if not entry.success]
    return entry.event["failure"]["code"], entry.event["failure"]["sentence"]


def rename(page: Client, name: str, **changed: str) -> Any:
    version = page.get(SETTINGS).context["form"]["version"].value()
    return page.post(SETTINGS, {"version": version, "name": name, **changed})


# Its beginning


def test_whoever_creates_an_organization_administers_it(page: Client, people: People) -> None:
    response = page.post("/organizations/new/", NEW)
    assert response["Location"] == "/@initech/"
    initech = Account.objects.get(slug="initech")
    assert (initech.kind, initech.plan.slug) == (Account.Kind.ORGANIZATION, "community")
    assert Member.objects.get(account=initech).role == Role.ADMINISTRATOR
    created = the_entry(initech, CREATE)
    assert (created.actor_id, created.event["sentence"]) == (people.owner.pk, "Create organization 'Initech'")
    assert the_entry(initech, Operation.ORGANIZATION_MEMBER_ADD).actor_id == people.owner.pk
    assert "Initech is created. You are its administrator." in text_of(page.get("/@initech/"))
    people.owner.refresh_from_db()
    assert people.owner.home == people.acme


def test_somebody_without_an_account_is_offered_to_create_one(client: Client) -> None:
    user = UserFactory(home=None)
    client.force_login(user)
    assert 'href="/organizations/new/"' in client.get("/").content.decode()
    assert client.post("/organizations/new/", NEW, follow=True).status_code == 200
    user.refresh_from_db()
    assert user.home == Account.objects.get(slug="initech")
    assert the_entry(user.home, CREATE).success


@pytest.mark.parametrize(
    ("changed", "sentence", "code"),
    [
        ({"slug": "acme"}, "The ID acme is taken. Choose another.", "conflict"),
        ({"slug": "Not an id"}, "Use 1 to 64 lower-case letters", "invalid"),
        ({"slug": "platform"}, "The ID platform is taken.", "conflict"),
        ({"name": ""}, "This field is required.", "invalid"),
        ({"name": "n" * 121}, "at most 120 characters", "invalid"),
    ],
)
def test_what_is_wrong_is_named_and_keeps_what_was_typed(
    changed: dict[str, str], sentence: str, code: str, page: Client, people: People
) -> None:
    response = page.post("/organizations/new/", {**NEW, **changed})
    assert response.status_code == 422
    assert sentence in text_of(response)
    assert {name: response.context["form"][name].value() for name in NEW} == {**NEW, **changed}
    assert failure_of(people.acme, CREATE)[0] == code
    assert not Account.objects.filter(name="Initech").exists()


def test_the_account_switcher_offers_it(page: Client) -> None:
    content = page.get("/@acme/apps/").content.decode()
    assert 'href="/organizations/new/"' in content
    assert 'href="/@acme/" aria-current="true"' in content


# Its name


def test_renaming_is_an_entry_with_before_and_after(page: Client, people: People) -> None:
    assert rename(page, "Acme Robotics")["Location"] == SETTINGS
    assert the_entry(people.acme, UPDATE).event["changes"] == {"name": ["Acme", "Acme Robotics"]}
    assert "Acme Robotics is saved." in text_of(page.get(SETTINGS))


def test_a_stale_name_overwrites_nothing(page: Client, people: People) -> None:
    version = page.get(SETTINGS).context["form"]["version"].value()
    rename(page, "Theirs")
    response = rename(page, "Mine", version=version)
    assert response.status_code == 422
    assert "Name is “Theirs” now." in text_of(response)
    people.acme.refresh_from_db()
    assert people.acme.name == "Theirs"


def test_a_refused_name_is_in_the_field_and_nowhere_else(page: Client) -> None:
    response = rename(page, "x" * 121)
    assert response.status_code == 422
    assert response.context["shell"].account.name == "Acme"


def test_a_rename_leaves_a_plan_chosen_meanwhile(page: Client, people: People) -> None:
    version = page.get(SETTINGS).context["form"]["version"].value()
    page.post("/@acme/plan/", form_of(page.get("/@acme/plan/"), plan="professional"))
    assert rename(page, "Acme Robotics", version=version).status_code == 302
    people.acme.refresh_from_db()
    assert (people.acme.name, people.acme.plan.slug) == ("Acme Robotics", "professional")


def test_only_administrators_open_the_settings(people: People, client: Client) -> None:
    client.force_login(member_with(Role.FINANCIAL_MANAGER, people.acme))
    assert client.get(SETTINGS).status_code == 403


# Its end


def test_deleting_takes_everything_along_and_keeps_the_log(page: Client, people: People) -> None:
    AppFactory(account=people.acme)
    TeamFactory(account=people.acme)
    InvitationFactory(account=people.acme)
    TokenFactory(account=people.acme, user=people.member)
    text = text_of(page.get(END))
    assert "2 members 1 team 1 app with all that is in it 1 API token" in text
    before = Entry.objects.for_account(people.acme.pk).count()
    response = page.post(END, {"confirm": "acme", "reason": "Merged with Globex"}, follow=True)
    assert "Acme is deleted." in text_of(response)
    assert not Account.objects.filter(slug="acme").exists()
    assert not App.objects.exists()
    entry = the_entry(people.acme, DELETE)
    assert (entry.event["sentence"], entry.event["reason"]) == ("Delete organization 'Acme'", "Merged with Globex")
    assert Entry.objects.for_account(people.acme.pk).count() > before
    assert the_entry(people.acme, Operation.APPLICATION_DELETE).success


def test_without_its_id_typed_nothing_is_deleted(page: Client, people: People) -> None:
    assert page.post(END, {"confirm": "Acme"}).status_code == 422
    assert Account.objects.filter(slug="acme").exists()
    assert failure_of(people.acme, DELETE)[0] == "not_confirmed"


def test_after_the_last_account_one_can_begin_anew(page: Client) -> None:
    response = page.post(END, {"confirm": "acme"}, follow=True)
    assert "You are not a member of an account yet" in text_of(response)
    assert 'href="/organizations/new/"' in response.content.decode()


def test_after_one_of_several_accounts_one_is_in_the_next(page: Client, people: People) -> None:
    MemberFactory(account=AccountFactory(slug="other", name="Other"), user=people.owner)
    MemberFactory(account=AccountFactory(slug="later", name="Later"), user=people.owner)
    response = page.post(END, {"confirm": "acme"}, follow=True)
    assert response.redirect_chain[-1][0].startswith("/@other/")
    assert "Acme is deleted. You are in Other now." in text_of(response)


def test_who_loses_their_home_signs_in_elsewhere(page: Client, people: People) -> None:
    other = AccountFactory(slug="other")
    MemberFactory(account=other, user=people.member)
    page.post(END, {"confirm": "acme"})
    homes = dict(User.objects.values_list("slug", "home__slug"))
    assert (homes["max"], homes["olga"]) == ("other", None)
    for user, account_id in ((people.member, other.pk), (people.owner, Account.PLATFORM_ID)):
        fresh = Client()
        fresh.post("/sign-in/", {"username": user.email, "password": PASSWORD})
        entries = Entry.objects.for_account(account_id).with_operation(Operation.USER_SIGN_IN).by_actor(user.pk)
        assert entries.count() == 1
        assert fresh.get("/", follow=True).status_code == 200


def test_deleting_twice_with_one_form_deletes_once(page: Client, people: People) -> None:
    data = {"confirm": "acme", "submission": "0191e7a8-0000-7000-8000-000000000001"}
    responses = [page.post(END, data) for _ in range(2)]
    assert [response["Location"] for response in responses] == ["/", "/"]
    assert the_entry(people.acme, DELETE).success


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_it_is_deleted_stops_one_of_the_two(monkeypatch: pytest.MonkeyPatch) -> None:
    people, both = make_people(), Barrier(2, timeout=60)
    owner, member = Client(), Client()
    owner.force_login(people.owner)
    member.force_login(people.member)
    hold = Account.hold

    def hold_later(account: Account) -> None:  # once one of them has locked the account, and the other the member
        both.wait()
        hold(account)

    def leave() -> int:
        try:
            return member.post("/@acme/leave/").status_code
        finally:
            connection.close()

    monkeypatch.setattr(Account, "hold", hold_later)
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(leave)
        deleted = owner.post(END, {"confirm": "acme"}).status_code
    assert sorted([left.result(), deleted]) == [302, 422]
    [refused] = [entry for entry in Entry.objects.for_account(people.acme.pk) if not entry.success]
    assert refused.event["failure"]["code"] == "conflict"


def test_what_others_still_use_is_not_deleted(page: Client, people: People) -> None:
    version = ModelVersionFactory(model__app__account=people.acme)
    DeploymentFactory(model_version=version, nodepool=NodepoolFactory(), slug="theirs")
    response = page.post(END, {"confirm": "acme"})
    assert response.status_code == 422
    assert "It is still used by deployment theirs" in text_of(response)
    assert Account.objects.filter(slug="acme").exists()
    people.member.refresh_from_db()
    assert people.member.home == people.acme
    assert failure_of(people.acme, DELETE)[0] == "in_use"


def test_a_personal_account_is_renamed_but_not_deleted(client: Client) -> None:
    account = AccountFactory(slug="mine", name="Mine", kind=Account.Kind.PERSONAL)
    client.force_login(MemberFactory(account=account, role=Role.ADMINISTRATOR).user)
    text = text_of(client.get("/@mine/settings/"))
    assert "A personal account stays as long as its user does." in text
    response = client.post("/@mine/settings/delete/", {"confirm": "mine"})
    assert response.status_code == 422
    assert failure_of(account, DELETE)[0] == "personal_account"
    assert Account.objects.filter(slug="mine").exists()


def test_a_forged_form_creates_nothing(people: People) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.owner)
    assert client.post("/organizations/new/", NEW).status_code == 403
    assert not Account.objects.filter(slug="initech").exists()

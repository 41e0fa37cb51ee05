"""The pages of members: who is listed, what changing and removing them leaves in the log, and who always stays."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Member, Token, User
from accounts.roles import Role
from auditlog.models import Entry
from controlcenter.operations import Operation

from .factories import (
    AccountFactory,
    InvitationFactory,
    MemberFactory,
    People,
    TeamFactory,
    TeamMemberFactory,
    TokenFactory,
    UserFactory,
    make_people,
)
from .history import entries_of, member_with, text_of, the_entry

pytestmark = pytest.mark.django_db

MEMBERS = "/@acme/members/"
LAST = "Olga Owner is the last administrator of Acme. Make somebody else an administrator first"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


@pytest.fixture
def max_(people: People) -> Member:
    return Member.objects.get(user=people.member)


def change_role(page: Client, slug: str, role: str, **changed: str) -> Any:
    form = page.get(f"{MEMBERS}{slug}/role/").context["form"]
    return page.post(f"{MEMBERS}{slug}/role/", {"version": form["version"].value(), "role": role, **changed})


def failure_of(account: Account, operation: Operation) -> tuple[str, str]:
    [entry] = [entry for entry in entries_of(account, operation) if not entry.success]
    return entry.event["failure"]["code"], entry.event["failure"]["sentence"]


# The list


def test_it_lists_who_belongs_to_the_organization(page: Client, max_: Member) -> None:
    TeamMemberFactory(team=TeamFactory(account=max_.account, name="Vision"), member=max_)
    TeamMemberFactory(team=TeamFactory(account=max_.account, name="Data"), member=max_)
    text = text_of(page.get(MEMBERS))
    assert "Max Member max@acme.example Organization contributor Data, Vision Never" in text
    assert "Olga Owner (you) olga@acme.example Administrator –" in text


def test_it_hides_members_of_other_accounts(page: Client, people: People) -> None:
    assert people.stranger.email not in text_of(page.get(MEMBERS))
    assert page.get(f"{MEMBERS}sam/").status_code == 404


@pytest.mark.parametrize(
    "query", ["max", "MAX MEMBER", "member max", "max@acme", "contributor", " organization contr "]
)
def test_it_finds_members_by_name_address_id_and_role(query: str, page: Client) -> None:
    response = page.get(MEMBERS, {"q": query})
    assert [row.user.slug for row in response.context["found"].rows] == ["max"]


def test_it_says_when_nobody_matches(page: Client) -> None:
    assert "No member matches “zebra”" in text_of(page.get(MEMBERS, {"q": "zebra"}))


@pytest.mark.parametrize("garbage", ["\0", "a\0b", "%", "_", "\\", "'", "🎉", "x" * 5000])
def test_garbage_never_breaks_the_search(garbage: str, page: Client) -> None:
    assert page.get(MEMBERS, {"q": garbage, "from": garbage}, follow=True).status_code == 200


def test_it_counts_members_and_invitations(page: Client, people: People) -> None:
    InvitationFactory.create_batch(3, account=people.acme)
    assert "Active 2 Invited 3" in text_of(page.get(MEMBERS))


def test_counting_ends(page: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.views.members.COUNTED", 1)
    assert "Active 1+ Invited 0" in text_of(page.get(MEMBERS))


def test_paging_meets_every_member_once(page: Client, people: People) -> None:
    MemberFactory.create_batch(118, account=people.acme)
    seen, url = [], "?"
    while url:
        found = page.get(MEMBERS + url).context["found"]
        seen += [row.user.slug for row in found.rows]
        url = found.next_url
    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize("members", [8, 48])
def test_the_list_costs_the_same_for_any_number_of_members(members: int, page: Client, people: People) -> None:
    team = TeamFactory(account=people.acme)
    for member in MemberFactory.create_batch(members, account=people.acme):
        TeamMemberFactory(team=team, member=member)
    page.get(MEMBERS)
    with CaptureQueriesContext(connection) as queries:
        page.get(MEMBERS)
    # session, memberships; members, their teams; both counts
    assert len(queries) == 6


def test_what_a_role_lacks_is_locked(people: People, client: Client) -> None:
    client.force_login(people.member)
    text = text_of(client.get(MEMBERS))
    assert "Change role (not in your role)" in text
    assert "Remove (not in your role)" in text
    assert "Leave organization (not in your role)" not in text
    assert "History (locked)" not in text


def test_history_is_locked_for_who_may_not_read_the_log(people: People, client: Client) -> None:
    client.force_login(member_with(Role.FINANCIAL_MANAGER, people.acme))
    for url in (MEMBERS, f"{MEMBERS}max/"):
        assert "History (locked)" in text_of(client.get(url))


def test_a_personal_account_has_its_owner_and_a_way_to_an_organization(client: Client) -> None:
    account = AccountFactory(slug="mine", kind=Account.Kind.PERSONAL)
    member = MemberFactory(account=account, role=Role.ADMINISTRATOR)
    client.force_login(member.user)
    response = client.get("/@mine/members/")
    assert "you are its only member" in text_of(response)
    assert 'href="/organizations/new/"' in response.content.decode()
    assert "Invite members" not in text_of(response)
    client.post("/@mine/leave/")
    assert failure_of(account, Operation.ORGANIZATION_MEMBER_REMOVE)[0] == "personal_account"


# One member


def test_the_page_of_a_member_leads_to_their_history(page: Client, max_: Member) -> None:
    TeamMemberFactory(team=TeamFactory(account=max_.account, name="Vision", slug="vision"), member=max_)
    response = page.get(f"{MEMBERS}max/")
    text, content = text_of(response), response.content.decode()
    assert "Organization contributor E-mail address max@acme.example User ID max" in text
    assert 'href="/@acme/teams-and-logs/?target=user:max&amp;range=6m"' in content
    assert 'href="/@acme/teams/vision/"' in content


# Roles


def test_another_role_is_an_entry_with_before_and_after(page: Client, people: People, max_: Member) -> None:
    response = change_role(page, "max", "auditor")
    assert response["Location"] == MEMBERS
    max_.refresh_from_db()
    assert max_.role == Role.AUDITOR
    entry = the_entry(people.acme, Operation.ORGANIZATION_MEMBER_CHANGE)
    assert entry.event["changes"] == {"role": ["organization_contributor", "auditor"]}
    assert entry.event["sentence"] == "Change the role of user 'max' to 'Auditor'"


def test_a_role_that_there_is_not_is_refused(page: Client, people: People) -> None:
    assert change_role(page, "max", "emperor").status_code == 422
    assert failure_of(people.acme, Operation.ORGANIZATION_MEMBER_CHANGE)[0] == "invalid"


def test_a_stale_page_overwrites_nothing(page: Client, people: People, max_: Member) -> None:
    version = page.get(f"{MEMBERS}max/role/").context["form"]["version"].value()
    change_role(page, "max", "auditor")
    response = change_role(page, "max", "team_contributor", version=version)
    assert response.status_code == 422
    assert "Somebody else changed this" in text_of(response)
    max_.refresh_from_db()
    assert max_.role == Role.AUDITOR
    assert failure_of(people.acme, Operation.ORGANIZATION_MEMBER_CHANGE)[0] == "conflict"


def test_the_last_administrator_stays_one(page: Client, people: People) -> None:
    response = change_role(page, "olga", "auditor")
    assert response.status_code == 422
    assert LAST in text_of(response)
    assert Member.objects.get(user=people.owner).role == Role.ADMINISTRATOR
    code, sentence = failure_of(people.acme, Operation.ORGANIZATION_MEMBER_CHANGE)
    assert code == "last_administrator"
    assert LAST in sentence


def test_one_of_two_administrators_may_step_back(page: Client, people: People, max_: Member) -> None:
    change_role(page, "max", "administrator")
    assert change_role(page, "olga", "auditor").status_code == 302
    assert Member.objects.get(user=people.owner).role == Role.AUDITOR


def test_an_administrator_who_cannot_sign_in_is_none(page: Client, people: People, max_: Member) -> None:
    change_role(page, "max", "administrator")
    people.member.is_active = False
    people.member.save()
    assert change_role(page, "olga", "auditor").status_code == 422


# The end of a membership


def test_removing_a_member_takes_their_places_and_tokens_along(page: Client, people: People, max_: Member) -> None:
    TeamMemberFactory(team=TeamFactory(account=people.acme), member=max_)
    token = TokenFactory(account=people.acme, user=people.member)
    elsewhere = TokenFactory(user=people.member)
    text = text_of(page.get(f"{MEMBERS}max/remove/"))
    assert "1 place in a team" in text
    assert "1 API token of this organization" in text
    response = page.post(f"{MEMBERS}max/remove/", {"reason": "Has left"}, follow=True)
    assert "Max Member is removed from Acme." in text_of(response)
    assert not Member.objects.filter(user=people.member).exists()
    entry = the_entry(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)
    assert (entry.success, entry.event["reason"]) == (True, "Has left")
    assert the_entry(people.acme, Operation.ORGANIZATION_TEAM_MEMBER_REMOVE).success
    assert the_entry(people.acme, Operation.USER_TOKEN_REVOKE).success
    assert set(Token.objects.living()) == {elsewhere}
    assert token.slug in str(the_entry(people.acme, Operation.USER_TOKEN_REVOKE).targets)


def test_who_is_removed_goes_on_elsewhere_and_their_sign_ins_too(page: Client, people: People) -> None:
    other = AccountFactory(slug="other")
    MemberFactory(account=other, user=people.member)
    page.post(f"{MEMBERS}max/remove/")
    people.member.refresh_from_db()
    assert people.member.home == other


def test_the_last_administrator_is_not_removed(page: Client, people: People) -> None:
    response = page.post(f"{MEMBERS}olga/remove/", {"reason": "Because"})
    assert response.status_code == 422
    assert LAST in text_of(response)
    assert response.context["form"]["reason"].value() == "Because"
    assert failure_of(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)[0] == "last_administrator"


def test_removing_oneself_leads_away(page: Client, people: People, max_: Member) -> None:
    change_role(page, "max", "administrator")
    response = page.post(f"{MEMBERS}olga/remove/", follow=True)
    assert response.status_code == 200
    assert "You are not a member of an account yet" in text_of(response)


def test_removing_who_is_gone_is_a_failed_attempt(page: Client, people: People) -> None:
    page.post(f"{MEMBERS}max/remove/")
    assert page.post(f"{MEMBERS}max/remove/").status_code == 404
    assert failure_of(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)[0] == "not_found"


@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_everybody_may_leave(role: Role, people: People, client: Client) -> None:
    user = member_with(role, people.acme)
    client.force_login(user)
    response = client.post("/@acme/leave/", {"reason": "Another job"}, follow=True)
    assert "You are no member of Acme any more." in text_of(response)
    entry = the_entry(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)
    assert (entry.actor_id, entry.event["reason"]) == (user.pk, "Another job")
    user.refresh_from_db()
    assert user.home is None
    assert client.get(MEMBERS).status_code == 404


def test_the_last_administrator_cannot_leave(page: Client, people: People) -> None:
    response = page.post("/@acme/leave/")
    assert response.status_code == 422
    assert LAST in text_of(response)
    assert Member.objects.filter(user=people.owner).exists()


def test_leaving_twice_with_one_form_leaves_once(people: People, client: Client) -> None:
    client.force_login(people.member)
    data = {"submission": "0191e7a8-0000-7000-8000-000000000001"}
    responses = [client.post("/@acme/leave/", data) for _ in range(2)]
    assert [response["Location"] for response in responses] == ["/", "/"]
    assert the_entry(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE).success


def test_the_log_reads_as_before_when_somebody_is_gone(page: Client, people: People) -> None:
    page.post(f"{MEMBERS}max/remove/")
    entry = the_entry(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)
    assert entry.event["sentence"] == "Remove user 'max' from the organization"


# At the same time


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["leave", "demote"])
def test_two_administrators_who_go_at_once_do_not_both_go(act: str) -> None:
    acme = AccountFactory(slug="acme")
    members = MemberFactory.create_batch(2, account=acme, role=Role.ADMINISTRATOR)

    def go(member: Member) -> str:
        try:
            own = Member.objects.get(pk=member.pk)
            own.remove() if act == "leave" else own.change_role(Role.AUDITOR)
        except ValidationError as error:
            return str(error.code)
        finally:
            connection.close()
        return "gone"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(go, members))
    assert outcomes == ["gone", "last_administrator"]
    assert Member.objects.filter(account=acme, role=Role.ADMINISTRATOR).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_removal_that_fails_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    people = make_people()
    TokenFactory(account=people.acme, user=people.member)
    client = Client(raise_request_exception=False)
    client.force_login(people.owner)
    before = Entry.objects.filter(success=True).count()

    def fail(self: Member) -> None:
        raise RuntimeError

    monkeypatch.setattr(Member, "delete", fail)
    assert client.post(f"{MEMBERS}max/remove/").status_code == 500
    assert Token.objects.living().exists()
    assert User.objects.get(slug="max").home == people.acme
    assert Entry.objects.filter(success=True).count() == before
    assert failure_of(people.acme, Operation.ORGANIZATION_MEMBER_REMOVE)[0] == "internal_error"


def test_a_user_id_is_found_whatever_its_length(page: Client, people: People) -> None:
    MemberFactory(account=people.acme, user=UserFactory(slug="a" * 64))
    assert page.get(f"{MEMBERS}{'a' * 64}/").status_code == 200
    assert page.get(f"{MEMBERS}{'b' * 300}/").status_code == 404

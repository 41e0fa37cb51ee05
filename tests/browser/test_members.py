"""Members and invitations in a browser: each operation carried out, refused, and read; from mail to member."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.invitations import link_to
from accounts.models import Account, Invitation, Member, User
from accounts.roles import Role
from tests.factories import InvitationFactory, People, UserFactory, make_people
from tests.history import member_with, write
from tests.test_every_page import make_world

from .reading import choose, done, refused, send, told_of
from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
MEMBERS, INVITED = "/@acme/members/", "/@acme/invitations/"


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.mark.parametrize("width", [1440, 390])
def test_long_names_break_no_page(page: Page, people: People, sign_in: SignIn, width: int) -> None:
    Account.objects.filter(pk=people.acme.pk).update(name="W" * 120)
    User.objects.filter(pk=people.member.pk).update(first_name="😀" * 80, last_name="\u202eשלום" * 15)
    write(people.acme, User.objects.get(pk=people.member.pk), [("Once", timezone.now())])
    page.set_viewport_size({"width": width, "height": 844})
    sign_in(page, people.owner)
    overviews = ("/@acme/", MEMBERS, "/@acme/settings/", "/@acme/settings/delete/", "/@acme/leave/")
    for url in (*overviews, f"{MEMBERS}max/", f"{MEMBERS}max/role/", f"{MEMBERS}max/remove/"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
    page.goto(MEMBERS)
    expect(page.get_by_role("button", name="Actions for").last).to_be_in_viewport()


def last_link() -> str:
    """Return the path of the link in the mail that was sent last."""
    [path] = re.findall(r"http://[^/]+(/invitations/\S+)", str(mail.outbox[-1].body))
    return str(path)


def test_members_are_worked_on_or_not_and_all_of_it_is_in_the_log(page: Page, people: People, sign_in: SignIn) -> None:
    auditor = member_with(Role.AUDITOR, people.acme)
    sign_in(page, auditor)
    refused(page, f"{MEMBERS}max/role/", f"{MEMBERS}max/remove/", f"{INVITED}new/")
    page.goto(MEMBERS)
    choose(page, auditor.full_name, "Leave organization")
    page.get_by_role("button", name="Leave organization").click()
    done(page, "You are no member of Acme any more.")
    expect(page.get_by_role("link", name="Create organization").first).to_be_visible()

    page.context.clear_cookies()
    sign_in(page, people.owner)
    page.goto(MEMBERS)
    choose(page, "Max Member", "Change role")
    page.get_by_label("Role", exact=True).select_option("Auditor")
    page.get_by_role("button", name="Change role").click()
    done(page, "Max Member: the role is Auditor now.")
    choose(page, "Max Member", "Remove")
    page.get_by_label("Reason").fill("Has left")
    page.get_by_role("button", name="Remove member").click()
    done(page, "Max Member is removed from Acme.")
    choose(page, "Olga Owner", "Leave organization")
    page.get_by_role("button", name="Leave organization").click()
    expect(page.get_by_role("alert")).to_contain_text("Olga Owner is the last administrator of Acme.")

    assert told_of(page, "Organization member")[3:] == [
        ("Organization member roles changed", "Role denied"),
        ("Organization members removed", "Role denied"),
        ("Organization member invitations created", "Role denied"),
        ("Organization members removed", "Success"),
        ("Organization member roles changed", "Success"),
        ("Organization members removed", "Success"),
        ("Organization members removed", "Last administrator"),
    ]
    page.goto(MEMBERS)
    choose(page, "Olga Owner", "History")
    expect(page.locator(".ev").first).to_contain_text("Organization members removed")


def test_people_are_invited_and_answer_and_all_of_it_is_in_the_log(page: Page, people: People, sign_in: SignIn) -> None:
    invite(page, people, sign_in)
    page.context.clear_cookies()
    join(page)

    page.context.clear_cookies()
    invitation = Invitation.objects.get(email="hans@example.com")
    UserFactory(slug="hans", email="hans@example.com", home=None)
    page.goto(link_to(invitation))
    page.get_by_role("link", name="Sign in to accept").click()
    page.get_by_label("Email").fill("hans@example.com")
    page.get_by_label("Password").fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_role("heading", name="This invitation was declined")).to_be_visible()

    page.context.clear_cookies()
    sign_in(page, people.owner)
    assert told_of(page, "Organization member", "Users created")[4:] == [
        ("Organization member invitations created", "Conflict"),
        ("Organization member invitations created", "Success"),
        ("Organization member invitations created", "Success"),
        ("Organization member invitations created", "Success"),
        ("Organization member invitations created", "Success"),  # resent
        ("Organization member invitations cancelled", "Success"),
        ("Organization member invitations accepted", "Invalid"),
        ("Users created", "Success"),
        ("Organization member invitations accepted", "Success"),
        ("Organization members added", "Success"),
        ("Organization member invitations declined", "Success"),
    ]


def invite(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.owner)
    page.goto(MEMBERS)
    page.get_by_role("link", name="Invited").click()
    page.get_by_role("main").get_by_role("link", name="Invite members").first.click()
    addresses = "greta@example.com, hans@example.com\nmax@acme.example"
    page.get_by_label("E-mail addresses").fill(addresses)
    page.get_by_label("Role", exact=True).select_option("Auditor")
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_role("alert")).to_contain_text("max@acme.example is a member already.")
    expect(page.get_by_label("E-mail addresses")).to_have_value(addresses)
    page.get_by_label("E-mail addresses").fill("greta@example.com, hans@example.com\nwrong@example.com")
    page.get_by_role("button", name="Send invitations").click()
    done(page, "3 people are invited.")
    choose(page, "greta@example.com", "Resend")
    done(page, "greta@example.com is invited again.")
    choose(page, "wrong@example.com", "Cancel invitation")
    page.get_by_role("button", name="Cancel invitation").click()
    done(page, "The invitation of wrong@example.com is cancelled.")
    expect(page.get_by_text("wrong@example.com", exact=True)).to_have_count(0)


def join(page: Page) -> None:
    page.goto(last_link())
    expect(page.get_by_role("heading", name="Join Acme")).to_be_visible()
    page.get_by_label("First name").fill("Greta")
    page.get_by_label("Last name").fill("Guest")
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Accept invitation").click()
    expect(page.get_by_role("alert")).to_contain_text("too short")
    expect(page.get_by_label("First name")).to_have_value("Greta")
    page.get_by_label("Password").fill("a-long-enough-secret")
    page.get_by_role("button", name="Accept invitation").click()
    done(page, "You are a member of Acme now.")
    assert Member.objects.get(user__slug="greta").role == Role.AUDITOR
    page.goto(last_link())
    expect(page.get_by_role("heading", name="This invitation was accepted")).to_be_visible()


def test_an_invitation_is_accepted_without_javascript(page_without_javascript: Page, people: People) -> None:
    page, invitation = page_without_javascript, InvitationFactory(account=people.acme, email="greta@example.com")
    page.goto(link_to(invitation))
    page.get_by_label("First name").fill("Greta")
    page.get_by_label("Last name").fill("Guest")
    page.get_by_label("Password").fill("a-long-enough-secret")
    page.get_by_role("button", name="Accept invitation").click()
    expect(page.get_by_text("You are a member of Acme now.")).to_be_visible()


def test_clicking_twice_joins_once(page: Page, people: People) -> None:
    page.goto(link_to(InvitationFactory(account=people.acme, email="greta@example.com")))
    page.get_by_label("First name").fill("Greta")
    page.get_by_label("Last name").fill("Guest")
    page.get_by_label("Password").fill("a-long-enough-secret")
    page.get_by_role("button", name="Accept invitation").dblclick()
    done(page, "You are a member of Acme now.")
    assert Member.objects.filter(user__email="greta@example.com").count() == 1


def open_first_menu(page: Page) -> None:
    page.get_by_role("button", name="Actions for").first.click()


def sending(button: str) -> Callable[[Page], None]:
    return lambda page: send(page, button)


def stay(page: Page) -> None:
    """Look at the page as it opens."""


PAGES: list[tuple[str, Callable[[Page], None]]] = [
    (MEMBERS, open_first_menu),
    (f"{MEMBERS}?q=zebra", stay),
    (f"{MEMBERS}max/", stay),
    (f"{MEMBERS}nina/role/", stay),
    (f"{MEMBERS}nina/remove/", stay),
    ("/@acme/leave/", stay),
    (INVITED, open_first_menu),
    (f"{INVITED}?q=zebra", stay),
    (f"{INVITED}new/", sending("Send invitations")),
    (f"{INVITED}700000/resend/", stay),
    (f"{INVITED}700000/cancel/", stay),
]


def test_there_is_nothing_for_axe_to_find(page: Page, sign_in: SignIn, axe: SizeCheck) -> None:
    people = make_world()
    InvitationFactory(account=people.acme, email=f"{'long' * 15}@{'address' * 8}.example", expires_at=timezone.now())
    sign_in(page, people.owner)
    assert [line for url, reach in PAGES for line in findings(page, url, axe, reach)] == []


def test_an_empty_list_of_invitations_has_nothing_for_axe_to_find(
    page: Page, people: People, sign_in: SignIn, axe: SizeCheck
) -> None:
    sign_in(page, people.owner)
    assert findings(page, INVITED, axe) == []


@pytest.mark.parametrize(
    "state", ["pending", "accepted", "declined", "cancelled", "expired", "unknown", "other", "known"]
)
def test_a_link_has_nothing_for_axe_to_find(
    state: str, page: Page, people: People, sign_in: SignIn, axe: SizeCheck
) -> None:
    invitation = InvitationFactory(account=people.acme, email="greta@example.com", invited_by=people.owner)
    if state in Invitation.State.values:
        Invitation.objects.update(state=state)
    if state == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
        invitation.refresh_from_db()
    if state == "other":
        sign_in(page, people.owner)
    if state == "known":
        UserFactory(email="greta@example.com")
    url = "/invitations/nonsense/" if state == "unknown" else link_to(invitation)
    reach = sending("Accept invitation") if state == "pending" else stay
    assert findings(page, url, axe, reach) == []

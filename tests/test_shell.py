"""The frame around every page: navigation, account switcher, theme and sidebar."""

import re

import pytest
from django.test import Client

from accounts.models import Plan
from accounts.roles import Role

from .factories import AccountFactory, AppFactory, MemberFactory, People, make_people
from .history import member_with, text_of

pytestmark = pytest.mark.django_db

APPS = "/@acme/apps/"
PAGES = ("/@acme/teams-and-logs/", APPS, "/@acme/new-app/", "/@acme/apps/vision/delete/", "/@acme/plan/", "/sign-in/")


@pytest.fixture
def people() -> People:
    people = make_people()
    AppFactory(account=people.acme, slug="vision")
    return people


@pytest.fixture
def page(people: People, client: Client) -> Client:
    client.force_login(people.owner)
    return client


def navigation(client: Client, url: str) -> dict[str, tuple[bool, bool]]:
    """Return for each item of the navigation whether it is the current one and whether it is locked."""
    nav = client.get(url).context["shell"].nav
    return {item.label: (item.current, item.locked) for section in nav for item in section.items}


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("/@acme/teams-and-logs/", "Teams & Logs"),
        (APPS, "Apps"),
        ("/@acme/apps/vision/settings/", "Apps"),
        ("/@acme/members/", "Members"),
        ("/@acme/members/olga/role/", "Members"),
        ("/@acme/invitations/new/", "Members"),
        ("/@acme/leave/", "Members"),
        ("/@acme/plan/", "Plan & billing"),
        ("/@acme/settings/delete/", "Settings"),
    ],
)
def test_it_marks_where_one_is(url: str, label: str, page: Client) -> None:
    assert [name for name, (current, _) in navigation(page, url).items() if current] == [label]
    assert page.get(url).content.decode().count('aria-current="page"') >= 1


def test_it_locks_the_log_where_the_plan_does_not_include_it(page: Client, people: People) -> None:
    people.acme.plan = Plan.objects.get(slug="community")
    people.acme.save()
    assert navigation(page, APPS)["Teams & Logs"] == (False, True)
    assert "Teams & Logs Locked" in text_of(page.get(APPS))


@pytest.mark.parametrize(
    ("role", "locked"),
    [
        (Role.ADMINISTRATOR, set()),
        (Role.ORGANIZATION_CONTRIBUTOR, {"Plan & billing", "Settings"}),
        (Role.TEAM_CONTRIBUTOR, {"Plan & billing", "Settings"}),
        (Role.ORGANIZATION_USER, {"Plan & billing", "Settings"}),
        (Role.AUDITOR, {"Plan & billing", "Settings"}),
        (Role.FINANCIAL_MANAGER, {"Teams & Logs", "Settings"}),
    ],
)
def test_it_locks_what_the_role_does_not_open(role: Role, locked: set[str], people: People, client: Client) -> None:
    client.force_login(member_with(role, people.acme))
    assert {label for label, (_, is_locked) in navigation(client, APPS).items() if is_locked} == locked
    assert "Not in your plan" not in text_of(client.get(APPS))


def test_it_offers_all_accounts_one_is_in(page: Client, people: People) -> None:
    other = AccountFactory(slug="other", name="Other")
    AccountFactory(name="Not theirs")
    MemberFactory(account=other, user=people.owner, role=Role.AUDITOR)
    content = page.get(APPS).content.decode()
    assert re.findall(r'href="(/@\w+/)" aria-current="true"', content) == ["/@acme/"]
    assert 'href="/@other/"' in content
    assert "Not theirs" not in content


def test_joining_another_account_leaves_one_at_home(page: Client, people: People) -> None:
    MemberFactory(account=AccountFactory(slug="aaa", name="AAA"), user=people.owner)
    assert page.get("/")["Location"].startswith("/@acme/")
    assert page.get("/you/").context["shell"].account == people.acme


def test_it_says_who_one_is(page: Client) -> None:
    assert "Olga Owner olga@acme.example Administrator" in text_of(page.get(APPS))


# Theme and sidebar


def test_it_follows_the_system_until_a_theme_is_chosen(page: Client) -> None:
    assert '<html lang="en">' in page.get(APPS).content.decode()
    page.post("/preferences/", {"theme": "dark"})
    assert '<html lang="en" data-theme="dark">' in page.get(APPS).content.decode()
    page.post("/preferences/", {"theme": "system"})
    assert '<html lang="en">' in page.get(APPS).content.decode()


def test_it_remembers_the_sidebar(page: Client) -> None:
    assert 'data-sidebar="auto"' in page.get(APPS).content.decode()
    page.post("/preferences/", {"sidebar": "collapsed"})
    assert 'data-sidebar="collapsed"' in page.get(APPS).content.decode()


def test_choosing_leads_back(page: Client) -> None:
    assert page.post("/preferences/", {"theme": "dark", "next": f"{APPS}?q=a"})["Location"] == f"{APPS}?q=a"
    assert page.get("/preferences/").status_code == 405


@pytest.mark.parametrize("value", ['"><script>', "pink", "", "dark;"])
def test_a_choice_that_there_is_not_is_ignored(value: str, page: Client) -> None:
    assert not page.post("/preferences/", {"theme": value, "sidebar": value}).cookies
    page.cookies["theme"] = page.cookies["sidebar"] = value
    content = page.get(APPS).content.decode()
    assert '<html lang="en">' in content
    assert 'data-sidebar="auto"' in content


def test_cookies_are_not_for_other_sites(page: Client) -> None:
    cookie = page.post("/preferences/", {"theme": "dark"}).cookies["theme"]
    assert (cookie["samesite"], cookie["path"]) == ("Lax", "/")


# Content security


POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.mark.parametrize("url", [*PAGES, "/nowhere/", "/@nobody/apps/", "/admin/login/"])
def test_the_policy_is_on_every_page(url: str, page: Client) -> None:
    if url == "/sign-in/":
        page.logout()
    assert set(page.get(url)["Content-Security-Policy"].split("; ")) == POLICY


@pytest.mark.parametrize("url", PAGES)
def test_no_page_has_inline_script_or_style(url: str, page: Client) -> None:
    if url == "/sign-in/":
        page.logout()
    content = page.get(url).content.decode()
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:", content)


@pytest.mark.parametrize("url", PAGES)
def test_every_page_has_one_heading_a_title_and_a_skip_link(url: str, page: Client) -> None:
    if url == "/sign-in/":
        page.logout()
    content = page.get(url).content.decode()
    assert content.count("<h1") == 1
    assert "<title>Control Center</title>" not in content
    assert content.index('class="skip" href="#main"') < content.index('<main id="main"')

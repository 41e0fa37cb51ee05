"""The pages of API tokens in a browser: each operation carried out and refused, and read in the log."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Token, digest_of
from accounts.roles import Role
from tests.factories import People, TokenFactory, make_people
from tests.history import member_with

from .test_accessibility import SizeCheck, findings

pytestmark = pytest.mark.django_db(transaction=True)

SignIn = Callable[..., None]
LOGS, TOKENS, NEW = "/@acme/teams-and-logs/", "/@acme/tokens/", "/@acme/tokens/new/"


@pytest.fixture
def people() -> People:
    return make_people()


def fill(page: Page, name: str = "nightly") -> None:
    page.goto(NEW)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Search and follow the audit log").check()


def test_tokens_are_created_edited_and_revoked_or_not_and_all_of_it_is_in_the_log(
    page: Page, people: People, sign_in: SignIn
) -> None:
    sign_in(page, member_with(Role.FINANCIAL_MANAGER, people.acme))
    page.goto(TOKENS)
    page.get_by_role("link", name="Create token").first.click()
    page.get_by_label("Name").fill("invoices")
    page.get_by_role("button", name="Create token").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one scope.")
    page.get_by_label("See apps").check()
    page.get_by_role("button", name="Create token").click()
    secret = page.locator("#secret").inner_text()
    token = Token.objects.get(digest=digest_of(secret))

    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Actions for invoices").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name").fill("invoices 2")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("invoices 2 is saved.").first).to_be_visible()

    other = TokenFactory(account=people.acme, user=people.member, name="other", slug="other")
    page.goto(f"{TOKENS}other/revoke/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("not")
    csrf = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    for address in ("edit", "revoke"):
        sent = page.request.post(f"{TOKENS}other/{address}/", form={"csrfmiddlewaretoken": csrf})
        assert sent.status == 404

    page.context.clear_cookies()
    sign_in(page, people.owner)
    page.goto(TOKENS)
    page.get_by_role("link", name="Revoke invoices 2").click()
    page.get_by_label("Reason").fill("No longer in use")
    page.get_by_role("button", name="Revoke token").click()
    expect(page.get_by_text("invoices 2 is revoked.").first).to_be_visible()
    token.refresh_from_db()
    other.refresh_from_db()
    assert (bool(token.revoked_at), other.revoked_at) == (True, None)

    page.goto(LOGS)
    read = [
        (row.locator(".c-what b").inner_text(), row.locator(".c-status .st").inner_text())
        for row in page.locator(".ev").all()
    ]
    assert [line for line in reversed(read) if "token" in line[0]][-6:] == [
        ("API tokens created", "Success"),
        ("API tokens updated", "Success"),
        ("API tokens created", "Success"),  # the other one
        ("API tokens updated", "Failure"),
        ("API tokens revoked", "Failure"),
        ("API tokens revoked", "Success"),
    ]
    assert ("API tokens created", "Failure") in read


def test_the_secret_is_copied(page: Page, people: People, sign_in: SignIn, live_server: LiveServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    sign_in(page, people.member)
    fill(page)
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("button", name="Copy token").click()
    expect(page.locator("#say")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy example").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl -X POST http")


def test_a_secret_that_can_not_be_copied_is_selected(page: Page, people: People, sign_in: SignIn) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    sign_in(page, people.member)
    fill(page)
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("button", name="Copy token").click()
    assert page.evaluate("String(getSelection())") == page.locator("#secret").inner_text()


def test_clicking_twice_creates_one_token_and_shows_it(page: Page, people: People, sign_in: SignIn) -> None:
    sign_in(page, people.member)
    fill(page)
    page.get_by_role("button", name="Create token").dblclick()
    expect(page.locator("#secret")).to_be_visible()
    assert Token.objects.count() == 1
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("nightly was created already, once.")
    expect(page.locator("#secret")).to_have_count(0)
    assert Token.objects.count() == 1


def test_it_works_without_javascript(page_without_javascript: Page, people: People, sign_in: SignIn) -> None:
    page = page_without_javascript
    sign_in(page, people.member)
    fill(page)
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#secret")).to_be_visible()
    expect(page.get_by_role("button", name="Copy token")).to_be_hidden()
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="Actions for nightly").click()
    expect(page.get_by_role("link", name="Edit")).to_be_visible()


def create(page: Page) -> None:
    fill(page)
    page.get_by_role("button", name="Create token").click()


PAGES: list[tuple[str, Callable[[Page], None]]] = [
    (TOKENS, lambda page: page.get_by_role("button", name="Actions for").first.click()),
    (f"{TOKENS}?show=revoked", lambda page: None),
    (f"{TOKENS}?q=zebra", lambda page: None),
    (f"{TOKENS}?created=mine", lambda page: None),
    (NEW, lambda page: page.get_by_role("button", name="Create token").click()),
    (NEW, create),
    (f"{TOKENS}mine/edit/", lambda page: None),
    (f"{TOKENS}mine/revoke/", lambda page: None),
]


def test_there_is_nothing_for_axe_to_find(page: Page, people: People, sign_in: SignIn, axe: SizeCheck) -> None:
    TokenFactory(account=people.acme, user=people.owner, slug="mine", name="A name without any space" * 4)
    TokenFactory(account=people.acme, user=people.member, name="theirs", scopes=["apps:read"] * 6)
    TokenFactory(account=people.acme, user=people.member, name="dead", revoked_at=timezone.now())
    sign_in(page, people.owner)
    assert [line for url, reach in PAGES for line in findings(page, url, axe, reach)] == []


def test_an_empty_list_has_nothing_for_axe_to_find(page: Page, people: People, sign_in: SignIn, axe: SizeCheck) -> None:
    sign_in(page, people.owner)
    assert findings(page, TOKENS, axe) == []

"""The admin in a browser: support staff change a customer's plan and read the entry of it."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from auditlog.models import Entry
from controlcenter.context import ActorType
from controlcenter.operations import Operation
from tests.browser.conftest import RESULTS
from tests.factories import AccountFactory, AppFactory, ModelVersionFactory, UserFactory
from tests.support import give_access

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Account:
    account: Account = AccountFactory.create(slug="acme", name="Acme")
    return account


@pytest.fixture
def support(acme: Account) -> User:
    user: User = UserFactory.create(email="support@example.com", is_staff=True, home=None)
    return user


def test_support_staff_change_a_plan_and_read_of_it(
    page: Page, sign_in: Callable[..., None], acme: Account, support: User, axe: Callable[[Page], list[str]]
) -> None:
    sign_in(page, support)
    page.goto(reverse("admin:index"))
    page.locator("#content .model-account th a").click()
    page.get_by_role("link", name="Acme").click()
    page.get_by_label("Reason:").fill("They asked for the Professional plan")
    page.get_by_label("Ticket:").fill("4711")
    assert axe(page) == []
    page.screenshot(path=RESULTS / "admin-support.png", full_page=True)
    page.get_by_role("button", name="Open access").click()
    expect(page.get_by_text("Support access, ticket 4711")).to_be_visible()
    page.get_by_label("Plan:").select_option(label="Professional")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.get_by_role("link", name="Acme").first.click()
    page.get_by_role("link", name="Entries", exact=True).last.click()
    row = page.get_by_role("row").filter(has_text="Organization plans changed")
    expect(row).to_contain_text("Support staff")
    expect(row).to_contain_text("Success")
    assert axe(page) == []
    page.screenshot(path=RESULTS / "admin-entries.png", full_page=True)
    row.get_by_role("link").click()
    expect(page.get_by_role("cell", name="professional", exact=True)).to_be_visible()
    assert axe(page) == []
    page.screenshot(path=RESULTS / "admin-entry.png", full_page=True)
    views = Entry.objects.for_account(acme.pk).with_operation(Operation.LOG_SUPPORT_VIEW)
    assert [view.actor_type for view in views] == [ActorType.SUPPORT_STAFF] * 2


def test_accounts_are_searched_and_entries_filtered_in_plain_forms(
    page_without_javascript: Page, sign_in: Callable[..., None], acme: Account, support: User
) -> None:
    page = page_without_javascript
    AppFactory.create(account=acme, name="Cats")
    give_access(support, acme.pk)
    sign_in(page, support)
    page.goto(reverse("admin:auditlog_entry_changelist"))
    page.get_by_label("Account id or name").fill("acm")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Acme").click()
    page.get_by_label("Operation").select_option(label="Applications created")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator("#result_list tbody")).to_contain_text("Create application 'Cats'")
    page.get_by_label("Status").select_option(label="Failure")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("No entries match.")).to_be_visible()


def test_pickers_and_searches_of_forms_work_under_our_policy(
    page: Page, sign_in: Callable[..., None], acme: Account, support: User
) -> None:
    version = ModelVersionFactory.create(model__app__account=acme, model__name="Lions")
    give_access(support, acme.pk)
    sign_in(page, support)
    page.goto(reverse("admin:resources_modelversion_change", args=[version.pk]))
    page.get_by_role("link", name="Today").click()
    expect(page.locator("#id_published_at_0")).not_to_be_empty()
    page.get_by_role("link", name="Choose a Date").click()
    page.locator("#calendarin0").get_by_role("link", name="15", exact=True).click()
    page.get_by_role("link", name="Now").first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    page.goto(reverse("admin:resources_app_add"))
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("acm")
    page.get_by_role("option", name="Acme").click()
    expect(page.locator("#select2-id_account-container")).to_contain_text("Acme")
    with page.expect_popup() as opened:
        page.locator("#add_id_account").click()
    popup = opened.value
    popup.get_by_label("Slug").fill("globex")
    popup.get_by_label("Name").fill("Globex")
    popup.get_by_label("Plan:").select_option(label="Community")
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#select2-id_account-container")).to_contain_text("Globex")

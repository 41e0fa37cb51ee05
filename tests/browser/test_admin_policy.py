"""Every page of the admin keeps to our policy: none has scripts or styles of its own, and browsers refuse nothing.

Pages that load the same scripts are opened in the browser once: what could be refused there is what scripts do.
"""

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from controlcenter.resources.models import App
from tests.factories import FACTORIES, UserFactory
from tests.history import session_of
from tests.support import StaffClient, give_access

pytestmark = pytest.mark.django_db(transaction=True)

OWN = ("admin:index", "admin:password_change", "admin:auditlog_entry_changelist", "log-health")
INLINE = re.compile(r"<style|<script(?![^>]* src=)|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
"""What would need 'unsafe-inline'."""
SCRIPTS = re.compile(r'<script[^>]* src="([^"]+)"')


@pytest.fixture
def support() -> User:
    user: User = UserFactory.create(email="support@example.com", is_staff=True, home=None)
    return user


def pages_of(row: Model) -> Iterator[str]:
    """Yield the addresses of the list and the form of a model: to add is the same form, to delete looks the same."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
    yield reverse(f"{name}_changelist")
    yield reverse(f"{name}_change", args=[row.pk])


def test_no_page_of_the_admin_breaks_the_policy(page: Page, support: User, live_server: LiveServer) -> None:
    staff, rows = StaffClient(support), [factory() for factory in FACTORIES.values()]
    assert len(rows) == len(admin.site._registry) - 1, "all but entries, which have pages of their own"
    urls = [reverse(name) for name in OWN] + [url for row in rows for url in pages_of(row)]
    one_of_each: dict[frozenset[str], str] = {}
    urls += [f"/admin/accounts/user/{page}/" for page in ("add", f"{support.pk}/password")]
    urls += [reverse("admin:resources_app_delete", args=[App.objects.latest("pk").pk])]
    for url in urls:
        answer = staff.get(url)
        content = answer.content.decode()
        assert (answer.status_code, INLINE.findall(content)) == (200, []), url
        one_of_each.setdefault(frozenset(SCRIPTS.findall(content)), url)
    assert len(one_of_each) > 5
    give_access(support, *Account.objects.values_list("pk", flat=True))
    page.context.add_cookies(session_of(support, live_server.url))
    for url in one_of_each.values():
        shown = page.goto(url)
        assert (shown and shown.status, page.url) == (200, f"{live_server.url}{url}")
